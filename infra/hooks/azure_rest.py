"""Azure's REST APIs under the identity that azd is signed in with; needs azd and the standard library only."""

import base64
import json
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

ARM = "https://management.azure.com"
AGAIN = {408, 429, 500, 502, 503, 504}
REFUSED_BEHIND_THE_GATEWAY = "backend_refused_gateway"
"""Code of the gateway's 502 that stands for 401 and 403 of every account: apim-policies/fragments/exhaust.xml."""
ROLES_HOLD_WITHIN = 600.0
"""Seconds that a new role assignment may take: https://learn.microsoft.com/azure/role-based-access-control/troubleshooting."""

Answer = TypeVar("Answer")


class AzureRefused(Exception):
    """Azure answered with an error.

    Attributes:
        status: HTTP status; 0 where no answer came.
        code: the code that its body names; empty where it names none.
    """

    def __init__(self, status: int, message: str, code: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.code = code

    @property
    def may_lack_a_role(self) -> bool:
        """Whether it can be explained by a new role assignment that does not hold yet."""
        return self.status in (401, 403) or self.code == REFUSED_BEHIND_THE_GATEWAY


def azd_token(scope: str) -> str:
    """An access token of the account that azd is signed in with."""
    command = ["azd", "auth", "token", "--scope", scope, "--output", "json"]
    try:
        run = subprocess.run(command, capture_output=True, text=True, check=True)
    except FileNotFoundError:
        raise AzureRefused(0, "azd is not on the PATH: https://aka.ms/azd") from None
    except subprocess.CalledProcessError as error:
        reason = error.stderr.strip()[:300]
        raise AzureRefused(0, f"azd gives no token for {scope}; run 'azd auth login' ({reason})") from None
    return str(json.loads(run.stdout)["token"])


@dataclass
class Azure:
    """A client that waits while Azure throttles or fails for a moment.

    Attributes:
        token: gives an access token for a scope.
        arm: where the Resource Manager is.
        pause: seconds before the first repetition; doubles with each.
        attempts: how many times a request is sent at most.
    """

    token: Callable[[str], str] = azd_token
    arm: str = ARM
    pause: float = 2.0
    attempts: int = 6
    _tokens: dict[str, str] = field(default_factory=dict)

    def manage(
        self, method: str, path: str, version: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> Any:
        """Call the Resource Manager; None for an empty answer."""
        separator = "&" if "?" in path else "?"
        url = path if path.startswith(self.arm) else f"{self.arm}{path}{separator}api-version={version}"
        return self.send(method, url, body, headers, f"{ARM}/.default")

    def find(self, path: str, version: str) -> Any:
        """What is there, or None."""
        try:
            return self.manage("GET", path, version)
        except AzureRefused as error:
            if error.status == 404:
                return None
            raise

    def every(self, path: str, version: str) -> list[dict[str, Any]]:
        """All items of a list, page after page."""
        items: list[dict[str, Any]] = []
        page = self.manage("GET", path, version)
        while True:
            items += page.get("value", [])
            if not page.get("nextLink"):
                return items
            page = self.manage("GET", page["nextLink"], version)

    def send(
        self,
        method: str,
        url: str,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        scope: str = "",
        signed: Callable[[str], str] = "Bearer {}".format,
    ) -> Any:
        """Send JSON, or bytes as they are; the answer's JSON, or None. Raises `AzureRefused`.

        With a `scope`, Authorization is what `signed` makes of its token. A wait may outlast a token: on a 401 the one
        that was kept is dropped, and a new one is tried once.
        """
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        known = {"Content-Type": "application/json", **(headers or {})}
        kept = scope in self._tokens
        try:
            return self._send_patiently(method, url, data, {**known, **self._authorization(scope, signed)})
        except AzureRefused as error:
            if error.status != 401 or not kept:
                raise
        del self._tokens[scope]
        return self._send_patiently(method, url, data, {**known, **self._authorization(scope, signed)})

    def principal(self) -> str:
        """The object id of who is signed in. azd puts it into the parameters alone, and tells no hook."""
        claims = self.token(f"{ARM}/.default").split(".")[1]
        return str(json.loads(base64.urlsafe_b64decode(f"{claims}===")).get("oid", ""))

    def _authorization(self, scope: str, signed: Callable[[str], str]) -> dict[str, str]:
        if not scope:
            return {}
        if scope not in self._tokens:
            self._tokens[scope] = self.token(scope)
        return {"Authorization": signed(self._tokens[scope])}

    def _send_patiently(self, method: str, url: str, data: bytes | None, headers: Mapping[str, str]) -> Any:
        pause = self.pause
        for attempt in range(1, self.attempts + 1):
            try:
                return _send_once(urllib.request.Request(url, data, dict(headers), method=method))
            except AzureRefused as error:
                passing = error.status in AGAIN or error.status == 0
                if attempt == self.attempts or not passing or error.may_lack_a_role:
                    raise
            time.sleep(pause)
            pause *= 2
        raise AssertionError("unreachable")

    def wait(self, what: str, ready: Callable[[], Any], seconds: float, every: float = 10) -> Any:
        """Poll until `ready` returns something true. Raises `AzureRefused` saying what was waited for."""
        deadline = time.monotonic() + seconds
        while True:
            found = ready()
            if found:
                return found
            if time.monotonic() > deadline:
                raise AzureRefused(0, f"{what}: not ready after {seconds:.0f} s")
            time.sleep(min(every, seconds))

    def once_roles_hold(
        self, call: Callable[[], Answer], doubt: str, seconds: float = ROLES_HOLD_WITHIN, every: float = 10
    ) -> Answer:
        """What a call answers once it is let in. Raises `AzureRefused` with the `doubt` if that takes too long."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                return call()
            except AzureRefused as error:
                if not error.may_lack_a_role:
                    raise
                if time.monotonic() > deadline:
                    said = f"refused for {seconds:.0f} s, longer than a new role needs: {doubt} {error}"
                    raise AzureRefused(error.status, said, error.code) from error
            time.sleep(min(every, seconds))


def _send_once(request: urllib.request.Request) -> Any:
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            content = answer.read()
    except urllib.error.HTTPError as error:
        code, reason = _reason(error.read())
        raise AzureRefused(error.code, f"{request.method} {_named(request)}: {error.code} {reason}", code) from None
    except OSError as error:
        raise AzureRefused(0, f"{request.method} {_named(request)}: {error}") from None
    try:
        return json.loads(content) if content.strip() else None
    except ValueError:
        return content.decode(errors="replace")


def _named(request: urllib.request.Request) -> str:
    """The address without its query, which may hold a key."""
    return request.full_url.partition("?")[0]


def _reason(content: bytes) -> tuple[str, str]:
    """The innermost code of an error, and what it says."""
    try:
        error = json.loads(content)["error"]
        inner = (error.get("innererror") or {}).get("code", "")
        code = str(inner or error.get("code", ""))
        return code, f"{code}: {error.get('message', '')}"
    except (ValueError, KeyError, TypeError, AttributeError):
        return "", content[:300].decode(errors="replace")
