"""Builds each part of what HTTP reaches when its first request comes: for machines, the API for people, the pages.

An instance that only takes events never imports a web framework, and the gateway waits 2 s for an answer at most.

Flex Consumption runs HTTP on instances of its own, so most instances of the app never answer a request
(learn.microsoft.com/azure/azure-functions/flex-consumption-plan#per-function-scaling).
"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any

from chargeback.bootstrap import Container

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.types import ASGIApp

Message = MutableMapping[str, Any]


class LateSite:
    """The ASGI application of `http_api` and of the pages; the routes of `machine_api` answer without the others."""

    def __init__(self, container: Container) -> None:
        self._container = container
        self._machines: FastAPI | None = None
        self._api: FastAPI | None = None
        self._pages: ASGIApp | None = None

    async def __call__(
        self, scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
    ) -> None:
        """Answer one request, or begin or end the application's life."""
        await self._part(scope)(scope, receive, send)

    def _part(self, scope: Message) -> "ASGIApp":
        if self._machines is None:
            from chargeback.api.machines import machine_api

            self._machines = machine_api(self._container)
        if scope["type"] != "http" or any(route.matches(scope)[0].value for route in self._machines.routes):
            return self._machines
        if self._api is None:
            from chargeback.api.app import http_api

            self._api = http_api(self._container)
        if _is_of_api(scope["path"]):
            return self._api
        if self._pages is None:
            from chargeback.web.site import site

            self._pages = site(self._container, self._api)
        return self._pages


def _is_of_api(path: str) -> bool:
    return path == "/api" or path.startswith("/api/")
