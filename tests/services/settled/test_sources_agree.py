"""Whether a day is read from its file or from the books changes no explanation, no comparison and no anomaly."""

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chargeback.adapters.memory.settled import MemorySettledFiles
from chargeback.adapters.memory.stores import MemoryBooks
from chargeback.domain.outlook.anomalies import Finding, Slot
from chargeback.domain.rating.usage_record import UsageRecord
from chargeback.domain.time.calendar import BooksSetting, Calendar
from chargeback.domain.usage.meters import Meter
from chargeback.services.forecasting.explain_anomalies import explain
from chargeback.services.settled.settle_day import settle_day
from chargeback.services.settled.settled_days import SettledDays
from tests.services.explaining.test_explain import BEFORE, card
from tests.services.reconciling.test_edge_usage import KEY
from tests.services.settled import test_pack
from tests.support.builders import DAY, NOW, tokens
from tests.support.catalogues import START, catalogue, dated
from tests.support.cost_exports import INPUT_METER, exported
from tests.support.examples import few
from tests.support.product_in_memory import ProductInMemory, in_memory
from tests.support.published_product import PublishedProduct, call, invoice

pytestmark = pytest.mark.anyio


def without_books(of: ProductInMemory) -> None:
    """No record of a settled day can be read from the books any more."""
    days = set(of.books.days)

    async def records(day: str) -> AsyncIterator[list[UsageRecord]]:
        assert day not in days, f"{day} was read from the books"
        yield []

    of.books.records = records  # type: ignore[method-assign]


async def test_a_charge_is_explained_alike() -> None:
    product = PublishedProduct(in_memory(card()))
    await product.ingest(
        *(call(id=str(n), time=f"{DAY}T{n:02}:00:00Z", usage=tokens(1_000 + n, n), username="a") for n in range(4, 14)),
        *(call(time=f"{DAY}T10:00:00Z", usage=tokens(9, 9), username=f"user-{n}") for n in range(20)),
    )
    await product.publish()
    usage = (await product.explain())["usage"]
    charges = [each["chargeId"] for group in usage for each in group["largest"]]
    from_books = [await product.explain(charge_id=each) for each in charges]

    await product.in_memory.settle()
    without_books(product.in_memory)

    assert len(charges) > 3
    assert {group["unitPrice"] for group in usage} >= {"2", "2.5"}, BEFORE
    assert [await product.explain(charge_id=each) for each in charges] == from_books
    assert all(each["charge"]["records"] for each in from_books)
    assert all(each["charge"]["disagreements"] == [] for each in from_books)


async def test_the_usage_of_a_months_edges_is_compared_alike(tmp_path: Path) -> None:
    calendar = Calendar((BooksSetting("2026-01", "America/New_York", "USD"),))
    product = PublishedProduct(in_memory(catalogue(dated(Meter.INPUT, (START, "2.5")), calendar=calendar)))
    events = [
        call(time=f"2026-03-{day:02}T{hour:02}:00:00Z", usage=tokens(1_000_000, 7))
        for day in (1, 2, 20)
        for hour in (1, 12)
    ]
    await product.in_memory.ingest.ingest(events, NOW)
    for day in product.in_memory.ledger.events:
        await product.in_memory.auditor.audit_day(day, NOW)
    await product.publish("2026-03")
    exports = invoice(tmp_path, [exported(ChargePeriodStart="2026-03-01T00:00:00Z")])
    from_books = await product.reconcile(exports, {INPUT_METER: [KEY]}, period="2026-03")

    await product.in_memory.settle()
    without_books(product.in_memory)

    assert await product.reconcile(exports, {INPUT_METER: [KEY]}, period="2026-03") == from_books
    assert from_books.found.booked == Decimal(15)


@settings(max_examples=few(4))
@given(st.lists(test_pack.records, min_size=1, max_size=5, unique_by=lambda each: each.record_id))
async def test_an_anomaly_is_explained_alike(records: list[UsageRecord]) -> None:
    books, files = MemoryBooks(), MemorySettledFiles()
    days = SettledDays(books, files)
    await books.write(DAY, 0, None, (None, "digest"), records)
    part = records[0].parts[0]
    findings = [
        Finding(Slot(DAY, part.cost_centre, hour), "USD", Decimal(1), 1.0, DAY) for hour in (None, *records[0].hours)
    ]
    from_books = await explain(days, Calendar(), findings)

    await settle_day(books, files, DAY)

    assert await explain(days, Calendar(), findings) == from_books
