"""Answers one request for a page: who is signed in, what the page shows, and what is said when something fails."""

import hmac
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from chargeback.api.bodies import bounded
from chargeback.api.errors import ErrorText, failed
from chargeback.api.request_source import request_id
from chargeback.domain.access.requester import Requester
from chargeback.domain.errors import StoreUnavailable
from chargeback.services.access.sessions import COOKIE, SignedIn
from chargeback.services.running.one_view import one_view
from chargeback.web.api_client import ApiClient, ApiRefused
from chargeback.web.rendering import render
from chargeback.web.sections import PAGE_SECTIONS, Section

if TYPE_CHECKING:
    from chargeback.bootstrap import Container

LARGEST_FORM = 64 * 1024
"""Bytes."""

MOST_FIELDS = 500

FORM_TOKEN = "form_token"  # noqa: S105 the name of a field
"""The field of every form that changes something."""


@dataclass(frozen=True, slots=True)
class Page:
    """What a page shows: a template and its values."""

    template: str
    title: str
    values: Mapping[str, Any] = field(default_factory=dict)
    status: int = 200


@dataclass(frozen=True, slots=True)
class Visit:
    """One request of somebody who is signed in.

    Attributes:
        form: what was filled in, by the names of the fields; empty for a page that is only looked at.
    """

    request: Request
    signed_in: SignedIn
    api: ApiClient
    form: Mapping[str, str] = field(default_factory=dict)

    @property
    def who(self) -> Requester:
        """Who looks."""
        return self.signed_in.who


Answering = Callable[[Visit], Awaitable[Page | Response]]


class Pages:
    """What every page needs: the services, and the API to ask."""

    def __init__(self, container: "Container", api: ASGIApp) -> None:
        self.container = container
        self._api = api

    def page(self, path: str, section: Section, answer: Answering) -> Route:
        """A page that is looked at; whoever is not signed in does so first and comes back to it."""

        async def handle(request: Request) -> Response:
            async with one_view():
                return await self._guarded(request, section, answer, {})

        return Route(path, handle, methods=["GET"])

    def form(self, path: str, section: Section, answer: Answering) -> Route:
        """Where a form is sent to: nothing is done without the token that only our own pages have."""

        async def handle(request: Request) -> Response:
            form = await filled_in(request)
            return await self._guarded(request, section, answer, form)

        return Route(path, handle, methods=["POST"])

    async def _guarded(
        self, request: Request, section: Section, answer: Answering, form: Mapping[str, str]
    ) -> Response:
        signed_in: SignedIn | None = None
        try:
            signed_in = await self.container.sessions.find(request.cookies.get(COOKIE, ""))
            if signed_in is None:
                return _sign_in_first(request)
            if request.method == "POST" and not is_own_form(form, signed_in):
                return error_page(request, 403, FOREIGN_FORM, signed_in)
            if not section.is_seen_by(signed_in.who):
                return error_page(request, 404, _NOT_SEEN, signed_in)
            request.state.signed_in, request.state.section = signed_in, section
            visit = Visit(request, signed_in, ApiClient(self._api, request, signed_in.who), form)
            found = await answer(visit)
        except ApiRefused as error:
            return error_page(request, error.status, error.error, signed_in, error.request_id, section)
        except StoreUnavailable as error:
            refusal = failed(request, error)
            return error_page(request, refusal.status, refusal.text, signed_in, section=section)
        if isinstance(found, Page):
            return rendered(request, found, signed_in, section)
        return found


FOREIGN_FORM = ErrorText(
    "ForeignForm",
    "the form was not one of this session, so nothing was done: open the page again and send it once more",
)
_NOT_SEEN = ErrorText("NotFound", "there is no such page, or you may not see it")


def no_such_page() -> ApiRefused:
    """To be raised for a page that is not there, or that somebody may not even know."""
    return ApiRefused(404, _NOT_SEEN, "")


def rendered(request: Request, page: Page, signed_in: SignedIn | None, section: Section | None = None) -> Response:
    """The page as HTML, within the frame that all pages have."""
    sections = [each for each in PAGE_SECTIONS if signed_in is not None and each.is_seen_by(signed_in.who)]
    values = {
        **page.values,
        "title": page.title,
        "sections": sections,
        "section": section,
        "signed_in": signed_in,
        "path": request.url.path,
        "query": request.query_params,
    }
    return Response(render(page.template, values), page.status, media_type="text/html; charset=utf-8")


def not_found_page(request: Request) -> Response:
    """For a path that no page has."""
    return error_page(request, 404, _NOT_SEEN)


def refused_page(request: Request, status: int, reason: str) -> Response:
    """For a request that no page can answer: an unknown path, a form that is too large."""
    return not_found_page(request) if status == 404 else error_page(request, status, ErrorText("Refused", reason))


def refused_by_api_page(request: Request, error: ApiRefused) -> Response:
    """For what the API refuses when it is about to give a file."""
    signed_in, section = getattr(request.state, "signed_in", None), getattr(request.state, "section", None)
    return error_page(request, error.status, error.error, signed_in, error.request_id, section)


def failed_page(request: Request, error: Exception) -> Response:
    """For a failure of ours: what failed is in the log."""
    refusal = failed(request, error)
    return error_page(request, refusal.status, refusal.text)


def error_page(
    request: Request,
    status: int,
    error: ErrorText,
    signed_in: SignedIn | None = None,
    refused_request: str = "",
    section: Section | None = None,
) -> Response:
    """What is said where something is refused or fails."""
    values = {"status": status, "error": error, "request_id": refused_request or request_id(request)}
    page = Page("error.html.j2", _HEADLINES.get(status, "This did not work"), values, status)
    return rendered(request, page, signed_in, section)


_HEADLINES = {
    403: "You may not do this",
    404: "There is no such page",
    409: "This cannot be done now",
    412: "Somebody else was faster",
    413: "That is too much",
    500: "Something failed here",
    503: "A store is away",
}


def _sign_in_first(request: Request) -> Response:
    """Looking goes on after signing in. A form is not sent again: whoever filled it in decides that."""
    if request.method == "GET":
        back = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(f"/sign-in?back={quote(back, safe='')}", 303, {"Cache-Control": "no-store"})
    return rendered(request, Page("session_ended.html.j2", "Your session has ended", status=401), None)


async def filled_in(request: Request) -> dict[str, str]:
    """The fields of a form; 413 for one that is too large, or has too many."""
    return _fields(await bounded(request, LARGEST_FORM))


def is_own_form(form: Mapping[str, str], signed_in: SignedIn) -> bool:
    """Whether a form is one of a session's own pages: only these have its token."""
    return hmac.compare_digest(form.get(FORM_TOKEN, "").encode(), signed_in.form_token.encode())


def _fields(body: bytes) -> dict[str, str]:
    """The fields of a form that was sent as application/x-www-form-urlencoded. The last of several values counts."""
    try:
        given = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        raise HTTPException(413, f"the form has more than {MOST_FIELDS} fields") from None
    return {name: values[-1] for name, values in given.items()}
