"""A small Azure on loopback: real HTTP, answers by method and path, and a record of what was asked."""

import json
import re
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from stack.bicep.files import INFRA

sys.path.insert(0, str(INFRA / "hooks"))  # azd runs the hooks as scripts of that folder

from azure_rest import Azure

from tests.infra.hooks.subscriptions import let_deploy

Answer = tuple[int, Any]


LISTED = re.compile(r"/subscriptions/[^/]+/(resourceGroups|providers/Microsoft[.]Resources/deployments)$")
"""Lists that a subscription always has."""


@dataclass
class Asked:
    """A request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class LocalAzure:
    """Answers of a path: one for all times, or a list of which the last one stays."""

    url: str = ""
    answers: dict[tuple[str, str], Answer | list[Answer]] = field(default_factory=dict)
    live: dict[tuple[str, str], Callable[[Asked], Answer]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    scopes: list[str] = field(default_factory=list)

    def on(self, method: str, path: str, *answers: Answer) -> None:
        self.answers[method, path] = list(answers)

    def on_any(self, method: str, path: str, answer: Callable[["Asked"], Answer]) -> None:
        """Answer by what is asked: for what keeps a state."""
        self.live[method, path] = answer

    def answer(self, method: str, path: str) -> Answer:
        if (method, path) in self.live:
            return self.live[method, path](self.asked[-1])
        empty: Answer = (200, {"value": []})
        missing: Answer = (404, {"error": {"code": "NotFound", "message": path}})
        known = self.answers.get((method, path), [empty if method == "GET" and LISTED.match(path) else missing])
        assert isinstance(known, list)
        return known.pop(0) if len(known) > 1 else known[0]

    def requests(self, method: str) -> list[Asked]:
        return [asked for asked in self.asked if asked.method == method]

    def client(self) -> Azure:
        def token(scope: str) -> str:
            self.scopes.append(scope)
            return f"token-for-{scope}"

        return Azure(token=token, arm=self.url, pause=0.001, attempts=3)


def _handler(azure: LocalAzure) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            azure.asked.append(Asked(self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body))
            status, content = azure.answer(self.command, self.path.partition("?")[0])
            data = b"" if content is None else json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = handle_any  # noqa: N815 - names that http.server calls

        def log_message(self, *_: object) -> None:
            """Silent."""

    return Handler


@pytest.fixture
def azure() -> Iterator[LocalAzure]:
    local = LocalAzure()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(local))
    local.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield local
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def willing(azure: LocalAzure) -> LocalAzure:
    """A subscription in which nothing stands in the way of `deployment()`."""
    let_deploy(azure)
    return azure


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Set values of the azd environment."""

    def set_values(**values: str) -> None:
        for name, value in values.items():
            monkeypatch.setenv(name, value)

    for name in (
        "CHARGEBACK_PROFILE",
        "PROFILE",
        "DELETE_BOOKS",
        "SKIP_SMOKE_TEST",
        "GATEWAY_HOST_NAME",
        "EVENTS_AUDIENCE",
        "SMOKE_GATEWAY_URL",
    ):
        monkeypatch.setenv(name, "")  # and so it is put back, whatever a hook sets
        monkeypatch.delenv(name)
    return set_values
