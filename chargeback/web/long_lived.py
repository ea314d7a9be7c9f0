"""Keeps the garbage collector away from what an instance loaded for good, so that no request waits for it."""

import gc
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from chargeback.web.late_site import Message

if TYPE_CHECKING:
    from starlette.types import ASGIApp

AFTER_REQUESTS = (10, 100, 1_000)
"""By then the modules, the configuration and the figures of the current months are loaded; later ones are few."""


class LongLived:
    """An ASGI application whose process goes through what it has loaded three times, and then leaves it alone.

    A full collection looks at every object: with the API, the pages and a year of data that took 0.2 s, in which
    nothing else is answered, in one of 15 views. What is frozen is still freed by its reference count.
    """

    def __init__(self, app: "ASGIApp") -> None:
        self._app = app
        self._answered = 0

    async def __call__(
        self, scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
    ) -> None:
        """Answer one request, or begin or end the application's life."""
        await self._app(scope, receive, send)
        self._answered += scope["type"] == "http"
        if self._answered in AFTER_REQUESTS:
            gc.collect()  # garbage that is frozen would stay for good
            gc.freeze()
