"""From event to books: who pays and at what price is decided by when the call was made, not by when it is rated."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.cost_centres.rules import Rule
from chargeback.domain.time.calendar import BooksSetting, Calendar
from chargeback.domain.time.effective import Effective
from chargeback.domain.usage.meters import Meter
from tests.support.builders import tokens, usage_event
from tests.support.catalogues import START, catalogue, dated
from tests.support.product_in_memory import ProductInMemory, in_memory

pytestmark = pytest.mark.anyio

MOVE = datetime(2026, 3, 20, 9, tzinfo=UTC)
NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)
RULES = (
    Rule("before", {"subscription": "search"}, "product/search", Effective(end=MOVE)),
    Rule("since", {"subscription": "search"}, "research", Effective(start=MOVE)),
)
BERLIN = Calendar((BooksSetting("2026-01", "Europe/Berlin", "EUR"),))


def card(price: str, *, rules: tuple[Rule, ...] = RULES, calendar: Calendar | None = None) -> Catalogue:
    meters = (dated(meter, (START, price)) for meter in (Meter.INPUT, Meter.OUTPUT))
    return catalogue(*meters, rules=rules, calendar=calendar)


async def call(of: ProductInMemory, time: str, now: datetime = NOW, **fields: object) -> None:
    """One call of a million input tokens that is ingested at `now`."""
    usage = tokens(1_000_000, 0)
    event = usage_event(time=time, backend="oai-eastus2.openai.azure.com", usage=usage, **fields)
    assert (await of.ingest.ingest([event], now)).accepted == 1


def paid(of: ProductInMemory, day: str) -> dict[tuple[str, str, str], Decimal]:
    """(date, cost centre, rule) → cost."""
    sums: dict[tuple[str, str, str], Decimal] = {}
    for record in of.books.days.get(day, {}).values():
        for part in record.parts:
            key = (part.date, part.cost_centre, part.rule)
            sums[key] = sums.get(key, Decimal(0)) + sum((charge.cost or Decimal(0)) for charge in part.charges)
    return sums


async def test_a_microsecond_decides_which_team_pays() -> None:
    of = in_memory(card("2"))
    for time in ("2026-03-20T08:59:59.999999Z", "2026-03-20T09:00:00.000000Z", "2026-03-20T09:00:00.000001Z"):
        await call(of, time)

    await of.poster.post(NOW)

    assert paid(of, "2026-03-20") == {
        ("2026-03-20", "product/search", "before"): Decimal(2),
        ("2026-03-20", "research", "since"): Decimal(4),
    }


async def test_the_audit_agrees_with_what_was_posted_around_a_move() -> None:
    of = in_memory(card("2"))
    await call(of, "2026-03-20T08:30:00Z")
    await call(of, "2026-03-20T10:30:00Z")
    await of.poster.post(NOW)

    audited = await of.auditor.audit_day("2026-03-20", NOW)

    assert (audited.drift_lines, audited.calls) == (0, 2)


async def test_a_spoofed_billing_code_moves_no_money_on_either_side_of_a_move() -> None:
    voice = {"subscription": "support", "billingCode": "VOICE"}
    rules = (
        Rule("voice", voice, "product", Effective(end=MOVE)),
        Rule("voice-since", voice, "research", Effective(start=MOVE)),
        *RULES,
    )
    of = in_memory(card("2", rules=rules))
    for time in ("2026-03-20T08:59:59.999999Z", "2026-03-20T09:00:00Z"):
        await call(of, time, subscriptionId="search", billingCode="VOICE")

    await of.poster.post(NOW)

    assert {rule for _, _, rule in paid(of, "2026-03-20")} == {"before", "since"}


@pytest.mark.parametrize(("time", "date"), [("21:59:59.999999Z", "2026-03-31"), ("22:00:00.000000Z", "2026-04-01")])
async def test_a_microsecond_decides_the_period_in_the_zone_of_the_books(time: str, date: str) -> None:
    now = datetime(2026, 3, 31, 23, tzinfo=UTC)
    of = in_memory(card("2", calendar=BERLIN))
    await call(of, f"2026-03-31T{time}", now)

    await of.poster.post(now)

    assert [key[0] for key in paid(of, "2026-03-31")] == [date]


async def test_a_correction_after_the_close_changes_the_open_hours_of_the_day_alone() -> None:
    now = datetime(2026, 4, 1, 9, tzinfo=UTC)
    of = in_memory(card("2.50", calendar=BERLIN))
    await call(of, "2026-03-31T21:30:00Z", now)
    await call(of, "2026-03-31T22:30:00Z", now)
    await of.poster.post(now)
    of.catalogues.closed["2026-03"] = of.catalogues.catalogue

    of.catalogues.catalogue = card("2.00", calendar=BERLIN)
    await of.poster.post(now)

    assert {key[0]: cost for key, cost in paid(of, "2026-03-31").items()} == {
        "2026-03-31": Decimal("2.5"),
        "2026-04-01": Decimal(2),
    }


async def test_late_usage_of_a_closed_period_is_audited_at_its_frozen_price() -> None:
    now = datetime(2026, 4, 20, 9, tzinfo=UTC)
    of = in_memory(card("2.00"))
    of.catalogues.closed["2026-03"] = card("2.50")
    await call(of, "2026-03-20T09:30:00Z", now)

    await of.auditor.audit(now)

    assert paid(of, "2026-03-20") == {("2026-03-20", "research", "since"): Decimal("2.5")}
