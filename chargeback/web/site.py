"""Builds the pages: an application beside the API, which answers every path that does not begin with /api."""

from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chargeback.api.surroundings import Surroundings
from chargeback.web import sign_in
from chargeback.web.api_client import ApiRefused
from chargeback.web.pages import (
    alerts,
    applications,
    budgets,
    explore,
    log,
    month_acts,
    months,
    my_usage,
    operations,
    overview,
    repairs,
)
from chargeback.web.rendering import asset, asset_path
from chargeback.web.sections import MY_USAGE_SECTION, first_section
from chargeback.web.visits import Pages, Visit, failed_page, not_found_page, refused_by_api_page, refused_page

if TYPE_CHECKING:
    from chargeback.bootstrap import Container

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)
"""Nothing inline, and nothing of another host."""

HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}

_TYPES = {
    "page.css": "text/css; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}


def site(container: "Container", api: ASGIApp) -> ASGIApp:
    """The pages over a container; `api` is asked for all that they show."""
    shared = Pages(container, api)
    routes = [
        shared.page("/", MY_USAGE_SECTION, _begin),
        Route("/assets/{digest}/{name}", _serve_asset),
        *sign_in.routes(shared),
        *overview.routes(shared),
        *explore.routes(shared),
        *applications.routes(shared),
        *months.routes(shared),
        *operations.routes(shared),
        *month_acts.routes(shared),
        *repairs.routes(shared),
        *log.routes(shared),  # after those of repairs: what else stands below /log is the number of an entry
        *my_usage.routes(shared),
        *budgets.routes(shared),
        *alerts.routes(shared),
    ]
    around = [Middleware(Surroundings, answer_failure=failed_page)]
    refusing = {HTTPException: _refused, ApiRefused: _refused_by_api}
    pages = Starlette(routes=routes, middleware=around, exception_handlers=refusing)
    pages.router.redirect_slashes = False
    return _Guarded(pages)


async def _begin(visit: Visit) -> Response:
    return RedirectResponse(first_section(visit.who).path, 303)


async def _serve_asset(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in _TYPES or request.url.path != asset_path(name):
        return not_found_page(request)
    kept = {"Cache-Control": "public, max-age=31536000, immutable"}
    return Response(asset(name), 200, kept, _TYPES[name])


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return refused_page(request, error.status_code, error.detail)


async def _refused_by_api(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiRefused)
    return refused_by_api_page(request, error)


class _Guarded:
    """Gives every answer the headers that keep a browser from running or keeping anything of others."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, guarded)
