"""Late usage moves the shares of the shared costs of its month, and successors pay for centres that have ended."""

import dataclasses
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from chargeback.domain.rating.usage_record import UsageRecord
from chargeback.domain.terms.shared_costs import Per, SharedCost
from chargeback.domain.terms.terms import ExchangeRate, Terms
from chargeback.domain.time.calendar import BooksSetting, Calendar
from chargeback.domain.time.effective import Effective
from chargeback.domain.usage.meters import Meter
from tests.support.catalogues import catalogue
from tests.support.published_files import charge, record, summed
from tests.support.published_months import APRIL, MARCH, MAY, Ledger
from tests.support.shared_fees import fee

pytestmark = pytest.mark.anyio


def platform(**fields: Any) -> SharedCost:
    return fee(per=Per.PERIOD, period=MARCH, **fields)


def calls(centre: str, requests: int, day: str = "2026-03-14") -> UsageRecord:
    return record(charge(Meter.REQUESTS, requests, "0"), centre=centre, subscription=centre, day=day)


async def test_late_usage_moves_the_shares_of_the_costs_of_its_month() -> None:
    ledger = Ledger(terms=Terms(shared_costs=[platform()]))
    billed = await ledger.publish(MARCH, [calls("a", 30), calls("b", 10)])
    now = [calls("a", 30), calls("b", 30)]

    rows = await ledger.publish(APRIL, now, {MARCH: ["2026-03-14"]})
    again = await ledger.publish(MAY, now, {MARCH: ["2026-03-14"]})

    parts = {row["cost_centre"]: row for row in billed if row["kind"] == "shared"}
    assert {centre: row["cost"] for centre, row in parts.items()} == {"a": "525.000000", "b": "175.000000"}
    moved = {row["cost_centre"]: row for row in rows if row["shared_cost"]}
    assert {centre: row["cost"] for centre, row in moved.items()} == {"a": "-175.000000", "b": "175.000000"}
    assert {row["correction_reason"] for row in moved.values()} == {"shared-cost"}
    assert {centre: row["corrects_charge_id"] for centre, row in moved.items()} == {
        centre: row["charge_id"] for centre, row in parts.items()
    }
    assert again == []


async def test_a_cost_is_split_again_by_the_usage_of_its_own_time_alone() -> None:
    first_half = Effective(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 16, tzinfo=UTC))
    hourly = fee(per=Per.HOUR, price="1", effective=first_half)
    ledger = Ledger(terms=Terms(shared_costs=[hourly]))
    await ledger.publish(MARCH, [calls("a", 10), calls("b", 10, "2026-03-20")])

    rows = await ledger.publish(
        APRIL, [calls("a", 10), calls("b", 90, "2026-03-20")], {MARCH: ["2026-03-14", "2026-03-20"]}
    )

    assert [row for row in rows if row["shared_cost"]] == []


async def test_a_wrong_exchange_rate_is_corrected_in_the_shared_costs_too() -> None:
    books = catalogue(calendar=Calendar((BooksSetting("2026-01", "UTC", "EUR"),)))
    wrong = ExchangeRate("USD", "EUR", Decimal("0.9"), "2026-03-31", "bank")
    ledger = Ledger(catalogue=books, terms=Terms(exchange_rates=[wrong], shared_costs=[platform()]))
    await ledger.publish(MARCH, [calls("a", 30), calls("b", 10)])
    right = dataclasses.replace(wrong, rate=Decimal("0.8"))
    ledger.change(terms=Terms(exchange_rates=[right], shared_costs=[platform()]))
    now = [calls("a", 30), calls("b", 30)]

    rows = await ledger.publish(APRIL, now, {MARCH: ["2026-03-14"]})
    again = await ledger.publish(MAY, now, {MARCH: ["2026-03-14"]})

    # 630 EUR were split 472.50 to 157.50; 560 EUR are split 280 to 280.
    assert summed([row for row in rows if row["shared_cost"]], "cost_centre") == {
        ("a",): Decimal("-192.5"),
        ("b",): Decimal("122.5"),
    }
    assert again == []


async def test_the_successor_of_a_cost_centre_that_has_ended_pays_what_is_corrected_of_it() -> None:
    ledger = Ledger({"a": "b"}, terms=Terms(shared_costs=[platform()]))
    await ledger.publish(MARCH, [calls("a", 30), calls("b", 10), calls("c", 40)])
    now = [calls("a", 50), calls("b", 10), calls("c", 40)]

    rows = await ledger.publish(APRIL, now, {MARCH: ["2026-03-14"]})
    again = await ledger.publish(MAY, now, {MARCH: ["2026-03-14"]})

    assert {row["cost_centre"] for row in rows} == {"b", "c"}
    # a used 30 of 80 and now 50 of 100, b 10 of 80 and now 10 of 100: together 40 of 80 and now 60 of 100
    assert summed([row for row in rows if row["shared_cost"]], "cost_centre") == {
        ("b",): Decimal(70),
        ("c",): Decimal(-70),
    }
    assert again == []


async def test_usage_that_moves_away_from_a_centre_that_has_ended_is_not_used_by_its_successor() -> None:
    ledger = Ledger({"a": "c"}, terms=Terms(shared_costs=[platform()]))
    await ledger.publish(MARCH, [calls("a", 30), calls("b", 10)])
    moved = record(charge(Meter.REQUESTS, 30, "0"), centre="b", subscription="a")

    rows = await ledger.publish(APRIL, [moved, calls("b", 10)], {MARCH: ["2026-03-14"]})
    late = await ledger.publish(MAY, [moved, calls("b", 50)], {MARCH: ["2026-03-14"]})

    assert summed([row for row in rows if row["shared_cost"]], "cost_centre") == {
        ("b",): Decimal(525),
        ("c",): Decimal(-525),
    }
    assert [row for row in late if row["shared_cost"]] == []


async def test_a_cost_of_a_closed_month_that_was_entered_by_hand_is_paid_by_successors() -> None:
    ledger = Ledger({"a": "c"}, terms=Terms())
    await ledger.publish(MARCH, [calls("a", 30), calls("b", 10)])
    ledger.change(terms=Terms(shared_costs=[fee("100", per=Per.PERIOD, period=APRIL, corrects=MARCH)]))

    rows = await ledger.publish(APRIL, [calls("d", 5, "2026-04-02")])

    assert summed([row for row in rows if row["shared_cost"]], "cost_centre") == {
        ("b",): Decimal(25),
        ("c",): Decimal(75),
    }
