"""What a configuration would change is said before it is applied: in the files, and in the money of open periods."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from chargeback.adapters.memory.reports import MemoryReports
from chargeback.adapters.rehearsal.control import RehearsedControl
from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.cost_centres.rules import Rule
from chargeback.domain.errors import InvalidConfig
from chargeback.domain.terms.shared_costs import Per
from chargeback.domain.terms.terms import Terms
from chargeback.domain.usage.meters import Meter
from chargeback.services.closing.preview_month import MonthPreview
from chargeback.services.closing.publish_period import Publisher
from chargeback.services.configuring.compare_config import CentreCost, ComparedConfig, Moved, Payment, compare_config
from tests.support.builders import tokens, usage_event
from tests.support.catalogues import START, catalogue, dated
from tests.support.closing_product import ClosingProduct, priced, published_for_real
from tests.support.shared_fees import fee

pytestmark = pytest.mark.anyio

MAY = datetime(2026, 5, 1, tzinfo=UTC)
LATER = MAY + timedelta(days=9)
AS_BEFORE = Terms()
APRIL = Payment("2026-04", "unallocated", "USD")


async def two_months() -> ClosingProduct:
    """A call with a million tokens of input on a day of March, which is closed, and on one of April."""
    in_memory = published_for_real(ClosingProduct())
    for day in ("2026-03-05", "2026-04-10"):
        await in_memory.ingest([usage_event(id=day, time=f"{day}T09:00:00Z", usage=tokens(1_000_000, 0))], MAY)
    await in_memory.auditor.audit(MAY)
    await in_memory.close("2026-03", MAY)
    return in_memory


async def compared(in_memory: ClosingProduct, other: Catalogue, terms: Terms = AS_BEFORE) -> ComparedConfig:
    assert isinstance(in_memory.closer.publish, Publisher)
    publisher = replace(in_memory.closer.publish, control=RehearsedControl(in_memory.control))
    preview = MonthPreview(publisher, in_memory.settled_days, MemoryReports())
    return await compare_config(
        in_memory.periods, in_memory.catalogues, in_memory.ledger, preview, other, terms, now=LATER
    )


def cost(amount: str, shared: str = "0", unpriced: int = 0) -> CentreCost:
    return CentreCost(Decimal(amount), Decimal(shared), unpriced)


async def test_what_is_in_force_changes_nothing() -> None:
    in_memory = await two_months()

    found = await compared(in_memory, in_memory.catalogue)

    assert (found.catalogue.every, found.terms, found.moved) == ((), [], {})


async def test_a_price_moves_the_money_of_open_periods_alone() -> None:
    in_memory = await two_months()

    found = await compared(in_memory, priced("4"))

    assert [each.kind for each in found.catalogue.prices] == ["changed"]
    assert found.moved == {APRIL: Moved(cost("2.5"), cost("4"))}
    assert found.repost.closed == ("2026-03",)


async def test_a_price_that_goes_leaves_usage_without_one() -> None:
    in_memory = await two_months()

    found = await compared(in_memory, catalogue(dated(Meter.OUTPUT, (START, "1")), account="oai-swedencentral"))

    assert found.moved == {APRIL: Moved(cost("2.5"), cost("0", unpriced=1))}


async def test_comparing_changes_nothing_and_says_what_applying_would_refuse() -> None:
    in_memory = await two_months()
    marks, documents = await in_memory.ledger.marks(), await in_memory.control.all("catalogue")

    await compared(in_memory, priced("4"))
    late = Terms(shared_costs=[fee("500", per=Per.PERIOD, period="2026-03")])
    with pytest.raises(InvalidConfig, match="gateway: is charged in 2026-03, which was closed without it"):
        await compared(in_memory, in_memory.catalogue, late)

    assert (await in_memory.ledger.marks(), await in_memory.control.all("catalogue")) == (marks, documents)


async def test_a_shared_cost_moves_money_too() -> None:
    in_memory = await two_months()

    found = await compared(
        in_memory, in_memory.catalogue, Terms(shared_costs=[fee("500", per=Per.PERIOD, period="2026-04")])
    )

    assert len(found.terms) == 1
    assert found.moved == {APRIL: Moved(cost("2.5"), cost("502.5", shared="500"))}


async def test_allocation_takes_from_one_and_gives_to_another() -> None:
    in_memory = await two_months()
    rules = (Rule("all", {"subscription": "search"}, "product/search"),)
    other = catalogue(dated(Meter.INPUT, (START, "2.5")), account="oai-swedencentral", rules=rules)

    found = await compared(in_memory, other)

    search = replace(APRIL, cost_centre="product/search")
    assert found.moved == {APRIL: Moved(cost("2.5"), cost("0")), search: Moved(cost("0"), cost("2.5"))}


async def test_a_month_that_cannot_be_published_now_is_unknown_and_not_nothing() -> None:
    in_memory = await two_months()
    in_memory.catalogues.settled_by = Terms(shared_costs=[fee(currency="EUR", per=Per.PERIOD, period="2026-04")])

    found = await compared(in_memory, priced("4"))

    assert (found.moved, list(found.unknown)) == ({}, ["2026-04"])


async def test_it_says_what_closed_months_keep() -> None:
    in_memory = await two_months()

    found = await compared(in_memory, in_memory.catalogue, Terms(shared_costs=[fee("500", per=Per.MONTH)]))

    assert found.terms[1:] == ["shared cost gateway: closed and stays as it was billed in 2026-03"]
