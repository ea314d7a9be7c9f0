"""However many ask for health at a time, the stores are asked once."""

import asyncio

import pytest
from redis.auth.err import RequestTokenErr

from chargeback.adapters.redis.counter import RedisCounter
from chargeback.domain.errors import StoreUnavailable
from chargeback.services.probe import Probe


class Store:
    def __init__(self) -> None:
        self.asked = 0

    async def ping(self) -> None:
        self.asked += 1
        await asyncio.sleep(0)


def test_a_hundred_strangers_at_once_are_one_question_to_the_stores() -> None:
    store = Store()
    probe = Probe({"store": store})

    async def ask() -> list[bool]:
        return [each.ready for each in await asyncio.gather(*(probe.check() for _ in range(100)))]

    assert asyncio.run(ask()) == [True] * 100
    assert store.asked == 1
    assert asyncio.run(ask()) == [True] * 100
    assert store.asked == 2


class WithoutToken:
    """The client of Redis while the app cannot sign in, at the boundary to the vendor."""

    def register_script(self, script: str) -> str:
        return script

    async def ping(self) -> None:
        raise RequestTokenErr("no token for https://redis.azure.com")


def test_a_sign_in_that_fails_is_a_store_that_is_away() -> None:
    counter = RedisCounter(WithoutToken())  # type: ignore[arg-type]

    with pytest.raises(StoreUnavailable, match="Redis"):
        asyncio.run(counter.ping())
