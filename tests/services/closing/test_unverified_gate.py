"""Prices that nobody has verified keep a month open only where the books set a limit, and an override is on record."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from msgspec.structs import replace

from chargeback.domain.errors import ClosingRefused
from chargeback.domain.reports.unverified import UnverifiedAmount, beyond_unverified
from chargeback.domain.terms.terms import ClosingRules, Terms
from chargeback.services.closing.file_period import manifest_of
from tests.support.builders import tokens, usage_event
from tests.support.closing_product import ClosingProduct, priced, published_for_real

pytestmark = pytest.mark.anyio

APRIL = datetime(2026, 4, 9, tzinfo=UTC)
ASSUMED = UnverifiedAmount("assumed", "a page", "gpt-4o", "USD", 2, "5", "0.05")


async def march(percent: str | None) -> ClosingProduct:
    limit = None if percent is None else Decimal(percent)
    in_memory = published_for_real(ClosingProduct(priced(), Terms(closing=ClosingRules(unverified_percent=limit))))
    await in_memory.ingest([usage_event(time="2026-03-05T09:00:00Z", usage=tokens(1_000_000, 0))], APRIL)
    return in_memory


async def test_without_a_limit_it_closes_and_says_what_rests_on_such_prices(caplog: pytest.LogCaptureFixture) -> None:
    in_memory = await march(None)

    with caplog.at_level("INFO"):
        known = await in_memory.close("2026-03", APRIL)

    made = await manifest_of(known, in_memory.closed)
    assert [(each.verified, each.model, each.cost, each.share) for each in made.unverified] == [
        ("", "gpt-4o", "2.500000", "1")
    ]
    assert "2.5 USD (1)" in caplog.text


async def test_above_the_limit_it_is_refused_unless_overridden_on_the_record() -> None:
    in_memory = await march("99")

    with pytest.raises(ClosingRefused, match=r"2\.50 USD of 2\.50 rest on prices.* allowed are 99 %"):
        await in_memory.close("2026-03", APRIL)
    known = await in_memory.close("2026-03", APRIL, override="the contract is on paper")

    assert "2.50 USD of 2.50 rest on prices" in " ".join(known.history[-1].overridden)
    assert known.history[-1].reason == "the contract is on paper"


async def test_the_timer_is_refused_by_the_draft_before_it_makes_any_file() -> None:
    in_memory = await march("99")
    await in_memory.auditor.audit(APRIL)
    await in_memory.publish_drafts(APRIL)

    outcomes = await in_memory.closer.close_due(APRIL)

    (refused,) = outcomes
    assert isinstance(refused, ClosingRefused)
    assert "rest on prices" in str(refused)
    assert (await in_memory.periods.get("2026-03"))[0].history == ()


@pytest.mark.parametrize(
    ("percent", "totals", "is_beyond"),
    [
        (None, {"USD": "10"}, False),
        ("50", {"USD": "10"}, False),
        ("49.999999", {"USD": "10"}, True),
        ("0", {"USD": "10"}, True),
        ("100", {"USD": "-3"}, True),
        ("100", {}, True),
    ],
)
def test_the_limit_is_a_share_of_the_cost_in_each_currency(
    percent: str | None, totals: dict[str, str], *, is_beyond: bool
) -> None:
    found = beyond_unverified([ASSUMED], totals, None if percent is None else Decimal(percent))

    assert bool(found) is is_beyond
    assert all(cents == 500 for _, cents in found.values())


def test_what_corrections_take_back_is_beyond_no_limit() -> None:
    assert beyond_unverified([replace(ASSUMED, cost="-5")], {"USD": "10"}, Decimal(0)) == {}
