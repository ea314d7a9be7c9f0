"""What an instance loaded for good is frozen after some requests, and garbage is not."""

import gc
import weakref
from collections.abc import Iterator

import httpx
import pytest
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from chargeback.web.long_lived import AFTER_REQUESTS, LongLived

pytestmark = pytest.mark.anyio


class Knot:
    """Refers to itself, so that only the collector frees it."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture
def thawed() -> Iterator[None]:
    """At first nothing is frozen, and no garbage of others is left; afterwards what stays is frozen again."""
    gc.unfreeze()
    gc.collect()
    yield
    gc.unfreeze()
    gc.collect()
    gc.freeze()


@pytest.mark.usefixtures("thawed")
async def test_what_stays_is_frozen_and_garbage_is_freed_first() -> None:
    knots: list[weakref.ref[Knot]] = []

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        knots.append(weakref.ref(Knot()))
        await Response("hello")(scope, receive, send)

    frozen: list[bool] = []
    transport = httpx.ASGITransport(LongLived(answer))
    async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
        for _ in range(AFTER_REQUESTS[0]):
            frozen.append(gc.get_freeze_count() > 0)
            await client.get("/")

    assert frozen == [False] * AFTER_REQUESTS[0]
    assert gc.get_freeze_count() > 0
    assert [each() for each in knots] == [None] * AFTER_REQUESTS[0]
