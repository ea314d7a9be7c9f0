"""Signs people in and out: to Entra with a redirect, and back with a session; out by a form of our own alone.

Chromium holds a redirect after a form to `form-action`, so only pages that are looked at lead to Entra.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from chargeback.api.errors import ErrorText, failed
from chargeback.domain.errors import StoreUnavailable
from chargeback.log_line import log_line
from chargeback.services.access.sessions import COOKIE
from chargeback.services.access.sign_in import ATTEMPT_COOKIE, ATTEMPT_LASTS, Failure, SignInFailed, cookie_of
from chargeback.web.local_paths import local_path
from chargeback.web.visits import FOREIGN_FORM, Page, Pages, error_page, filled_in, is_own_form, rendered

log = logging.getLogger(__name__)

MOST_ATTEMPTS = 8
"""Sign-ins that one browser may have begun and not finished: their cookies go along with every request."""

MOST_CHARACTERS = 8_000
"""Characters that they have together at most: with one more and the session, that is below the 16 KB of a front end."""

_SAID = {
    Failure.NOT_BEGUN_HERE: (
        400,
        "This sign-in was not begun here",
        "Signing in has to begin and end in the same browser, and the browser has to accept the cookies of this site.",
    ),
    Failure.EXPIRED: (400, "That took too long", "The answer of Entra is too old, or it was used before."),
    Failure.CANCELLED: (403, "You are not signed in", "The sign-in ended before it was done."),
    Failure.CONSENT: (
        403,
        "Your organisation has to allow this first",
        "Entra wants an administrator to allow that people sign in to Chargeback.",
    ),
    Failure.NOT_ADMITTED: (
        403,
        "You have no access",
        "Nobody has assigned you to Chargeback in Entra: ask whoever gives the roles in your organisation.",
    ),
    Failure.REFUSED: (403, "Entra did not sign you in", "Entra answered with an error and gave no sign-in."),
    Failure.NOT_TRUSTED: (
        403,
        "The answer of Entra cannot be trusted",
        "What Entra said is not for this site, or not the answer to this sign-in.",
    ),
    Failure.APP_UNKNOWN: (
        500,
        "Entra does not know this site",
        "The registration in Entra does not trust the identity of this site: an operator has to run "
        "scripts/register-app with its address and its identity.",
    ),
}
"""Status, headline and sentence of each failure: nothing that came with the request is in them."""


_NOT_SET_UP = ErrorText(
    "NotSetUp", "nobody can sign in here yet: the settings API_CLIENT_ID and PAGES_URL are missing, see docs/access.md"
)

_Handler = Callable[[Request], Awaitable[Response]]


def routes(site: Pages) -> list[BaseRoute]:
    """The way in and the way out."""
    door = _Door(site)
    ways: tuple[tuple[str, str, _Handler], ...] = (
        ("GET", "/sign-in", door.begin),
        ("GET", "/signed-in", door.finish),
        ("GET", "/welcome", door.welcome),
        ("POST", "/sign-out", door.leave),
        ("GET", "/signed-out", door.left),
    )
    return [Route(path, _answered(handle), methods=[method]) for method, path, handle in ways]


def _answered(handle: _Handler) -> _Handler:
    """While a store, the vault or Entra is away, nobody is signed in or out, and a page says so."""

    async def answer(request: Request) -> Response:
        try:
            return await handle(request)
        except StoreUnavailable as error:
            refusal = failed(request, error)
            return error_page(request, refusal.status, refusal.text)

    return answer


class _Door:
    def __init__(self, site: Pages) -> None:
        self._container = site.container

    async def begin(self, request: Request) -> Response:
        """Send the browser to Entra, unless somebody is signed in already."""
        back = local_path(request.query_params.get("back", ""))
        sign_in = self._container.sign_in
        if sign_in is None:
            return error_page(request, 503, _NOT_SET_UP)
        if await self._container.sessions.find(request.cookies.get(COOKIE, "")):
            return RedirectResponse(back, 303)
        begun = await sign_in.begin(back, choose=request.query_params.get("account") == "choose")
        answer = RedirectResponse(begun.address, 303)
        _keep(answer, begun.cookie, begun.kept, int(ATTEMPT_LASTS.total_seconds()))
        unfinished = {name: value for name, value in request.cookies.items() if name.startswith(ATTEMPT_COOKIE)}
        size = sum(len(name) + len(value) for name, value in unfinished.items())
        for name in unfinished if len(unfinished) >= MOST_ATTEMPTS or size > MOST_CHARACTERS else ():
            _forget(answer, name)
        return answer

    async def finish(self, request: Request) -> Response:
        """Take what Entra answers through the browser."""
        sign_in = self._container.sign_in
        if sign_in is None:
            return error_page(request, 503, _NOT_SET_UP)
        said = _said_once(request)
        try:
            done = await sign_in.finish(said, request.cookies)
        except SignInFailed as failure:
            return await self._not_signed_in(request, failure, said)
        answer = RedirectResponse(f"/welcome?{urlencode({'back': done.back})}", 303)
        _keep(answer, COOKIE, done.session)
        _forget(answer, cookie_of(said["state"]))
        return answer

    async def _not_signed_in(self, request: Request, failure: SignInFailed, said: Mapping[str, str]) -> Response:
        begun = cookie_of(said["state"]) if "state" in said else ""
        if failure.failure is Failure.NOT_BEGUN_HERE and await self._container.sessions.find(
            request.cookies.get(COOKIE, "")
        ):  # somebody who is in went back in the history
            return RedirectResponse("/", 303)
        status, title, message = _SAID[failure.failure]
        answer = rendered(
            request, Page("not_signed_in.html.j2", title, {"message": message, "code": failure.code}, status), None
        )
        if begun in request.cookies:
            _forget(answer, begun)
        return answer

    async def welcome(self, request: Request) -> Response:
        """Go on to the page that somebody wanted, once it is certain that the browser kept the session.

        A page would send a browser without one to Entra, which would send it back at once: for ever.
        """
        if await self._container.sessions.find(request.cookies.get(COOKIE, "")):
            return RedirectResponse(local_path(request.query_params.get("back", "")), 303)
        message = (
            "You signed in, and then your browser did not bring the session along. "
            "Allow the cookies of this site, set the clock of this machine, and sign in once more."
        )
        page = Page("not_signed_in.html.j2", "Your browser kept no session", {"message": message, "code": ""}, 400)
        return rendered(request, page, None)

    async def leave(self, request: Request) -> Response:
        """End the session on every instance, and only then tell the browser to forget it."""
        cookie = request.cookies.get(COOKIE, "")
        form, signed_in = await filled_in(request), await self._container.sessions.find(cookie)
        if signed_in is not None and not is_own_form(form, signed_in):
            return error_page(request, 403, FOREIGN_FORM, signed_in)
        if signed_in is not None and (sign_in := self._container.sign_in):
            await sign_in.sessions.end(cookie)
            log_line(log, "signed_out", actor=signed_in.who.identity.actor)
        answer = RedirectResponse("/signed-out", 303)
        if cookie:  # browsers keep it back from forms of other sites, which therefore sign nobody out
            _forget(answer, COOKIE)
        return answer

    async def left(self, request: Request) -> Response:
        """Say that somebody is out, and of what they are not."""
        sign_in = self._container.sign_in
        values = {"entra": sign_in.provider.sign_out_address if sign_in else ""}
        return rendered(request, Page("signed_out.html.j2", "You are signed out", values), None)


def _said_once(request: Request) -> dict[str, str]:
    """What an address says, where it says nothing twice: which of the two would count, nobody knows."""
    said = request.query_params.multi_items()
    return dict(said) if len(dict(said)) == len(said) else {}


def _keep(answer: Response, name: str, value: str, seconds: int | None = None) -> None:
    """Without an age, a browser forgets a cookie when it is closed."""
    answer.set_cookie(name, value, max_age=seconds, path="/", secure=True, httponly=True, samesite="lax")


def _forget(answer: Response, name: str) -> None:
    answer.set_cookie(name, "", max_age=0, path="/", secure=True, httponly=True, samesite="lax")
