"""A store that dies is told within seconds, and served again as soon as it is back, by the same process."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime

import pytest

from chargeback.bootstrap import Container
from chargeback.domain.errors import StoreUnavailable
from chargeback.services.ports import Rejected
from chargeback.settings import read_settings
from scripts.local.stack import Stack
from tests.builders import DAY
from tests.control_documents import put_document

pytestmark = [pytest.mark.anyio, pytest.mark.servers]

PATIENCE_SECONDS = 15
TODAY = datetime.now(UTC).date().isoformat()
Use = Callable[[Container], Awaitable[object]]

USES: dict[str, list[Use]] = {
    "redis": [
        lambda container: container.counter.changed(TODAY),
        lambda container: container.counter.spend(TODAY),
        lambda container: container.counter.ping(),
    ],
    "blob": [
        lambda container: container.ledger.append(DAY, [b"{}"]),
        lambda container: container.quarantine.put([Rejected("r", "d", b"x")], DAY),
    ],
    "cosmos": [
        lambda container: container.books.postings(DAY),
        lambda container: put_document(container.control, "audit", DAY, {}),
    ],
}


@pytest.fixture
async def own(clean_stores: Stack) -> AsyncIterator[Container]:
    """A container of the test's own, whose connections break."""
    container = Container(read_settings())
    yield container
    await container.close()


@pytest.mark.parametrize("store", USES)
async def test_a_dead_store_is_told_in_time_and_served_again_when_it_is_back(
    clean_stores: Stack, own: Container, store: str
) -> None:
    await USES[store][0](own)
    clean_stores.kill(store)

    try:
        for use in USES[store]:
            began = time.monotonic()
            with pytest.raises(StoreUnavailable):
                await use(own)
            assert time.monotonic() - began < PATIENCE_SECONDS
    finally:
        clean_stores.start(store)

    for use in USES[store]:
        await use(own)


async def test_a_store_that_hangs_is_told_in_time(clean_stores: Stack, own: Container) -> None:
    await own.counter.spend(TODAY)
    clean_stores.pause("redis")

    try:
        began = time.monotonic()
        with pytest.raises(StoreUnavailable):
            await own.counter.spend(TODAY)
        took = time.monotonic() - began
    finally:
        clean_stores.resume("redis")

    assert took < PATIENCE_SECONDS
    await own.counter.spend(TODAY)
