"""A price that was promised until some day keeps a later month from closing by itself."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.errors import ClosingRefused
from chargeback.domain.periods.lifecycle import BillingPeriod
from chargeback.domain.periods.obstacles import ObstacleKind
from chargeback.domain.usage.meters import Meter
from chargeback.services.closing.find_obstacles import ClosingOutlook
from tests.support.builders import tokens, usage_event
from tests.support.catalogues import START, catalogue, dated
from tests.support.closing_product import ClosingProduct, published_for_real

pytestmark = pytest.mark.anyio

APRIL_4 = datetime(2026, 4, 4, 1, tzinfo=UTC)
PROMISED = datetime(2026, 3, 10, tzinfo=UTC)
CUT = "azure-openai/gpt-4o//GlobalStandard/default///input_tokens@2024-01-01T00Z"


def card(*steps: tuple[datetime, str], promised: datetime | None = PROMISED) -> Catalogue:
    """Its first price was promised."""
    prices = {
        key: (replace(first, promised_until=promised), *later)
        for key, (first, *later) in dated(Meter.INPUT, *steps).items()
    }
    return catalogue(prices, account="oai-swedencentral")


async def march(of: Catalogue, *days: str) -> ClosingProduct:
    """A call of 1 000 000 tokens at 09:00 of each day."""
    in_memory = published_for_real(ClosingProduct(of))
    calls = [usage_event(time=f"{day}T09:00:00Z", usage=tokens(1_000_000, 0)) for day in days]
    await in_memory.ingest(calls, APRIL_4)
    return in_memory


async def test_usage_after_the_promise_keeps_the_month_open_until_somebody_overrides_it() -> None:
    in_memory = await march(card((START, "2.50")), "2026-03-09", "2026-03-10", "2026-03-11")

    (refused,) = await in_memory.closer.close_due(APRIL_4)
    closed = await in_memory.close("2026-03", APRIL_4, override="the list still says 2.50")

    assert isinstance(refused, ClosingRefused)
    assert refused.reasons == [
        f"5 USD were rated after what the provider promised had ended: {CUT};"
        " read the prices again, then end their entries or move promisedUntil, and `chargeback config apply`"
    ]
    assert closed.history[-1].overridden[0].startswith("5 USD were rated after what the provider promised")


async def test_whoever_looks_twice_is_told_the_same_of_a_promise() -> None:
    in_memory = await march(card((START, "2.50")), "2026-03-10", "2026-03-11")
    await in_memory.auditor.audit(APRIL_4)
    looking = ClosingOutlook(in_memory.closing_books, in_memory.reports)

    once, again = [await looking.of("2026-03", APRIL_4) for _ in range(2)]

    assert once == again
    (told,) = [each for each in once if each.kind is ObstacleKind.PROMISE]
    assert told.fact == f"5 USD were rated after what the provider promised had ended: {CUT}"
    assert told.parts == {f"promised {CUT}": 2}


@pytest.mark.parametrize(
    "of",
    [
        card((START, "2.50"), promised=datetime(2026, 4, 1, tzinfo=UTC)),
        card((START, "2.50"), (PROMISED, "3.00")),
    ],
)
async def test_a_promise_that_holds_or_that_another_price_follows_keeps_nothing_open(of: Catalogue) -> None:
    in_memory = await march(of, "2026-03-11")

    (closed,) = await in_memory.closer.close_due(APRIL_4)

    assert isinstance(closed, BillingPeriod)


async def test_usage_before_the_end_of_a_promise_keeps_nothing_open() -> None:
    in_memory = await march(card((START, "2.50")), "2026-03-09")

    (closed,) = await in_memory.closer.close_due(APRIL_4)

    assert isinstance(closed, BillingPeriod)
