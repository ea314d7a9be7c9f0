"""Serves the OpenAPI document, and a page made from it on the server: no script, and nothing from another host."""

from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec
from fastapi import APIRouter, FastAPI, Request, Response

from chargeback.api.conventions.entity_tags import tag_of, unchanged
from chargeback.api.openapi import api_document

POLICY = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""The page runs nothing: a script on this host could use the tokens of people who are signed in here."""


def router(api: FastAPI) -> APIRouter:
    """The document of an API, made when it is first asked for."""
    routes = APIRouter(redirect_slashes=False, include_in_schema=False)

    @cache
    def document() -> bytes:
        return msgspec.json.encode(api_document(api))

    @cache
    def page() -> bytes:
        from chargeback.api.documentation.page import documentation_page

        return documentation_page(msgspec.json.decode(document()))

    for path, media_type, make in (
        ("/openapi.json", "application/json", document),
        ("/docs", "text/html; charset=utf-8", page),
        ("/docs/page.css", "text/css; charset=utf-8", _style),
    ):
        routes.get(path)(_serve(make, media_type))
    return routes


@cache
def _style() -> bytes:
    return files("chargeback.api.documentation").joinpath("page.css").read_bytes()


def _serve(make: Callable[[], bytes], media_type: str) -> Callable[[Request], Any]:
    async def serve(request: Request) -> Response:
        content = make()
        tag = tag_of([content.decode("utf-8")])
        headers = _headers(tag)
        return unchanged(request, tag, headers) or Response(content, 200, headers, media_type)

    return serve


def _headers(tag: str) -> Mapping[str, str]:
    return {"ETag": tag, "Cache-Control": "public, max-age=300", "Content-Security-Policy": POLICY}
