"""The difference from what a closed period billed is charged later, once, and says what it corrects."""

import dataclasses
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from chargeback.domain.rating.usage_record import Charge, RecordPart, UsageRecord
from chargeback.domain.terms.terms import ExchangeRate, Terms
from chargeback.domain.time.calendar import BooksSetting, Calendar
from chargeback.domain.usage.meters import Meter
from tests.support.catalogues import catalogue
from tests.support.examples import few
from tests.support.published_files import charge, record
from tests.support.published_months import APRIL, MARCH, MAY, Ledger, of_march

pytestmark = pytest.mark.anyio


def told(row: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(row[name] for name in ("kind", "user", "quantity", "cost", "corrects_period", "corrects_charge_id"))


async def test_late_usage_is_charged_in_the_open_month_and_points_at_the_row_it_corrects() -> None:
    ledger = Ledger()
    (billed,) = await ledger.publish(MARCH, [of_march(1000, "0.0025", user="ann")])
    now = [of_march(3000, "0.0075", user="ann"), of_march(400, "0.001", user="new")]

    rows = await ledger.publish(APRIL, now, {MARCH: ["2026-03-14"]})

    more, new = sorted(rows, key=lambda row: row["user"])
    assert told(more) == ("correction", "ann", "2000", "0.005000", MARCH, billed["charge_id"])
    assert told(new)[:5] == ("correction", "new", "400", "0.001000", MARCH)
    assert (more["billing_period"], more["charge_date"]) == (APRIL, "2026-03-14")
    assert (more["list_cost"], more["contracted_cost"], more["unit_price"]) == ("0.005", "0.005", "2.5")
    assert more["charge_id"] != billed["charge_id"]
    assert [(each.period, each.rows, each.cost) for each in ledger.manifests[APRIL].corrections] == [
        (MARCH, 2, "0.006000")
    ]


async def test_what_has_vanished_is_returned() -> None:
    ledger = Ledger()
    (billed,) = await ledger.publish(MARCH, [of_march(1000, "0.0025", user="ann")])

    (row,) = await ledger.publish(APRIL, [], {MARCH: ["2026-03-14"]})

    assert told(row) == ("correction", "ann", "-1000", "-0.002500", MARCH, billed["charge_id"])


async def test_a_correction_is_made_once() -> None:
    ledger = Ledger()
    await ledger.publish(MARCH, [of_march(1000, "0.0025")])
    now = [of_march(3000, "0.0075")]
    await ledger.publish(APRIL, now, {MARCH: ["2026-03-14"]})

    again = await ledger.publish(MAY, now, {MARCH: ["2026-03-14"]})

    assert again == []


async def test_a_second_change_is_compared_with_all_that_was_billed() -> None:
    ledger = Ledger()
    (billed,) = await ledger.publish(MARCH, [of_march(1000, "0.0025")])
    await ledger.publish(APRIL, [of_march(3000, "0.0075")], {MARCH: ["2026-03-14"]})

    (row,) = await ledger.publish(MAY, [of_march(2000, "0.005")], {MARCH: ["2026-03-14"]})

    assert told(row)[2:] == ("-1000", "-0.002500", MARCH, billed["charge_id"])


async def test_only_the_touched_days_are_compared() -> None:
    ledger = Ledger()
    await ledger.publish(MARCH, [of_march(1000, "0.0025"), of_march(1000, "0.0025", day="2026-03-15")])

    rows = await ledger.publish(APRIL, [], {MARCH: ["2026-03-15"]})

    assert [row["charge_date"] for row in rows] == ["2026-03-15"]


async def test_nothing_touched_is_nothing_corrected() -> None:
    ledger = Ledger()
    await ledger.publish(MARCH, [of_march(1000, "0.0025")])

    assert await ledger.publish(APRIL, [], {MARCH: []}) == []


async def test_usage_that_was_unpriced_gets_its_price_as_a_correction() -> None:
    ledger = Ledger()
    unpriced = charge(quantity=700, cost=None, state="unpriced")
    await ledger.publish(MARCH, [record(unpriced)])

    rows = await ledger.publish(APRIL, [of_march(700, "0.00175")], {MARCH: ["2026-03-14"]})

    assert {(row["state"], row["quantity"], row["cost"]) for row in rows} == {
        ("unpriced", "-700", ""),
        ("exact", "700", "0.001750"),
    }
    assert {row["correction_reason"] for row in rows} == {"late-usage"}


async def test_only_what_had_no_price_is_late_where_its_price_comes_later() -> None:
    before = {
        "priced": record(charge(quantity=700, cost=None, state="unpriced"), user="priced"),
        "more": record(charge(quantity=700, cost=None, state="unpriced"), user="more"),
        "moved": record(charge(quantity=700, cost=None, state="unpriced"), user="moved", centre="company/a"),
        "open": record(charge(quantity=700, cost=None, state="unpriced"), user="open", centre="company/a"),
        "gone": of_march(700, "0.00175", user="gone"),
    }
    now = {
        "priced": of_march(700, "0.00175", user="priced"),
        "more": of_march(1000, "0.0025", user="more"),
        "moved": of_march(700, "0.00175", user="moved", centre="company/b"),
        "open": record(charge(quantity=700, cost=None, state="unpriced"), user="open", centre="company/b"),
        "gone": record(charge(quantity=700, cost=None, state="unpriced"), user="gone"),
    }
    ledger = Ledger()
    await ledger.publish(MARCH, list(before.values()))

    rows = await ledger.publish(APRIL, list(now.values()), {MARCH: ["2026-03-14"]})

    assert {user: reasons([row for row in rows if row["user"] == user]) for user in now} == {
        "priced": {("late-usage", "-700", ""), ("late-usage", "700", "0.001750")},
        "more": {("late-usage", "-700", ""), ("late-usage", "1000", "0.002500")},
        "moved": {("late-usage", "-700", ""), ("late-usage", "700", "0.001750")},
        "open": {("other-payer", "-700", ""), ("other-payer", "700", "")},
        "gone": {("rated-again", "-700", "-0.001750"), ("rated-again", "700", "")},
    }


async def test_a_move_to_another_cost_centre_takes_from_one_and_gives_to_the_other() -> None:
    ledger = Ledger()
    await ledger.publish(MARCH, [of_march(1000, "0.0025", centre="company/a")])

    rows = await ledger.publish(APRIL, [of_march(1000, "0.0025", centre="company/b")], {MARCH: ["2026-03-14"]})

    assert {row["cost_centre"]: row["cost"] for row in rows} == {"company/a": "-0.002500", "company/b": "0.002500"}
    assert ledger.manifests[APRIL].totals == {"USD": "0.000000"}


async def test_in_a_zone_of_its_own_a_touched_utc_day_corrects_both_of_its_dates() -> None:
    berlin = catalogue(calendar=Calendar((BooksSetting("2026-01", "Europe/Berlin", "USD"),)))
    ledger = Ledger(catalogue=berlin)

    def on(day: str, *dates: str) -> UsageRecord:
        part = RecordPart("", "company/search", "", (charge(quantity=1000, cost="0.0025"),))
        return replace(record(), day=day, parts=tuple(replace(part, date=d) for d in dates))

    # The 13th in UTC ends at one o'clock on the 14th in Berlin.
    before = [on("2026-03-13", "2026-03-13", "2026-03-14"), on("2026-03-14", "2026-03-14", "2026-03-15")]
    billed = await ledger.publish(MARCH, before)

    now = [replace(before[0], parts=before[0].parts[:1]), before[1]]
    (row,) = await ledger.publish(APRIL, now, {MARCH: ["2026-03-13"]})

    assert [each["quantity"] for each in billed] == ["1000", "2000", "1000"]
    assert (row["charge_date"], row["quantity"]) == ("2026-03-14", "-1000")


async def test_a_correction_is_converted_as_the_closed_period_was() -> None:
    rates = [ExchangeRate("EUR", "USD", Decimal("1.1"), "2026-03-31", "bank")]
    later = ExchangeRate("EUR", "USD", Decimal("1.2"), "2026-04-30", "bank")
    ledger = Ledger(terms=Terms(exchange_rates=[*rates, later]))
    await ledger.publish(MARCH, [record(charge(quantity=10**6, cost="2.5"), currency="EUR")])

    (row,) = await ledger.publish(
        APRIL, [record(charge(quantity=2 * 10**6, cost="5"), currency="EUR")], {MARCH: ["2026-03-14"]}
    )

    assert (row["cost"], row["exchange_rate"], row["exchange_rate_date"]) == ("2.750000", "1.1", "2026-03-31")


async def test_a_correction_stays_in_the_currency_in_which_the_period_was_billed(tmp_path: Path) -> None:
    moved = Calendar((BooksSetting("2026-01", "UTC", "USD"), BooksSetting("2026-04", "UTC", "EUR")))
    rate = ExchangeRate("USD", "EUR", Decimal("0.5"), "2026-03-31", "bank")
    ledger = Ledger(catalogue=catalogue(calendar=moved), terms=Terms(exchange_rates=[rate]))
    await ledger.publish(MARCH, [of_march(1000, "0.0025")])
    now = [of_march(3000, "0.0075"), record(charge(quantity=1000, cost="0.0025"), day="2026-04-02")]

    rows = await ledger.publish(APRIL, now, {MARCH: ["2026-03-14"]})

    assert {(row["kind"], row["currency"], row["cost"]) for row in rows} == {
        ("usage", "EUR", "0.001250"),
        ("correction", "USD", "0.005000"),
    }
    assert ledger.manifests[APRIL].totals == {"EUR": "0.001250", "USD": "0.005000"}


def reasons(rows: Sequence[Mapping[str, str]]) -> set[tuple[str, str, str]]:
    return {(row["correction_reason"], row["quantity"], row["cost"]) for row in rows}


async def test_a_correction_names_its_reason() -> None:
    rate = ExchangeRate("USD", "EUR", Decimal("0.5"), "2026-03-31", "bank")
    books = catalogue(calendar=Calendar((BooksSetting("2026-01", "UTC", "EUR"),)))
    before = {
        "late": of_march(1000, "0.0025", user="late"),
        "gone": of_march(3000, "0.0075", user="gone"),
        "dearer": of_march(1000, "0.0025", user="dearer"),
        "moved": of_march(1000, "0.0025", user="moved"),
        "same": of_march(1000, "0.0025", user="same"),
    }
    other = charge(quantity=1000, cost="0.004", price_id="new", per_million=Decimal(4))
    now = before | {
        "late": of_march(1500, "0.00375", user="late"),
        "gone": of_march(2000, "0.005", user="gone"),
        "dearer": record(other, user="dearer"),
        "moved": of_march(1000, "0.0025", user="moved", centre="company/other"),
    }
    ledger = Ledger(catalogue=books, terms=Terms(exchange_rates=[rate]))
    await ledger.publish(MARCH, list(before.values()))

    rows = await ledger.publish(APRIL, list(now.values()), {MARCH: ["2026-03-14"]})

    by_user = {user: reasons([row for row in rows if row["user"] == user]) for user in now}
    assert by_user == {
        "late": {("late-usage", "500", "0.000625")},
        "gone": {("recounted", "-1000", "-0.001250")},
        "dearer": {("rated-again", "-1000", "-0.001250"), ("rated-again", "1000", "0.002000")},
        "moved": {("other-payer", "-1000", "-0.001250"), ("other-payer", "1000", "0.001250")},
        "same": set(),
    }


async def test_another_exchange_rate_is_a_reason_of_its_own() -> None:
    books = catalogue(calendar=Calendar((BooksSetting("2026-01", "UTC", "EUR"),)))
    wrong = ExchangeRate("USD", "EUR", Decimal("0.9"), "2026-03-31", "bank")
    ledger = Ledger(catalogue=books, terms=Terms(exchange_rates=[wrong]))
    await ledger.publish(MARCH, [of_march(1000, "0.0025")])
    ledger.change(terms=Terms(exchange_rates=[dataclasses.replace(wrong, rate=Decimal("0.8"))]))

    rows = await ledger.publish(APRIL, [of_march(1000, "0.0025")], {MARCH: ["2026-03-14"]})

    assert reasons(rows) == {("exchange-rate", "0", "-0.000250")}


CHARGES = st.tuples(st.sampled_from([Meter.INPUT, Meter.OUTPUT]), st.integers(1, 10**6), st.sampled_from(["2.5", "4"]))
BOOKS = st.dictionaries(
    st.tuples(st.sampled_from(["2026-03-01", "2026-03-31"]), st.sampled_from("abc")),
    st.tuples(st.sampled_from(["company/a", "company/b"]), st.lists(CHARGES, max_size=3)),
    max_size=6,
)


def as_records(books: Mapping[tuple[str, str], tuple[str, list[tuple[Meter, int, str]]]]) -> list[UsageRecord]:
    def charged(meter: Meter, quantity: int, price: str) -> Charge:
        prices = dict.fromkeys(("per_million", "list_per_million", "contracted_per_million"), Decimal(price))
        cost = f"{quantity * Decimal(price) / 10**6:f}"
        return charge(meter, quantity, cost, price_id=f"{meter}@{price}", **prices)

    return [
        record(*[charged(*each) for each in charges], day=day, user=user, centre=centre)
        if charges
        else replace(record(day=day, user=user), parts=())
        for (day, user), (centre, charges) in books.items()
    ]


def amounts(rows: Sequence[Mapping[str, str]]) -> dict[str, tuple[Decimal, Decimal]]:
    """By the charge that a row is or corrects: quantity and list cost, which is exact; nothing where it is nil."""
    sums: dict[str, tuple[Decimal, Decimal]] = {}
    for row in rows:
        name = row["corrects_charge_id"] or row["charge_id"]
        quantity, cost = sums.get(name, (Decimal(0), Decimal(0)))
        sums[name] = quantity + Decimal(row["quantity"]), cost + Decimal(row["list_cost"])
    return {name: each for name, each in sums.items() if any(each)}


@settings(max_examples=few(4))
@given(versions=st.lists(BOOKS, min_size=2, max_size=4))
async def test_after_any_changes_all_that_was_billed_is_what_the_books_say(
    versions: list[dict[tuple[str, str], Any]],
) -> None:
    ledger = Ledger()
    billed: list[dict[str, str]] = []
    for number, books in enumerate(versions):
        touched = {MARCH: ["2026-03-01", "2026-03-31"]} if number else {}
        rows = await ledger.publish(f"2026-{3 + number:02}", as_records(books), touched)
        assert all(row["kind"] == "correction" for row in rows) or not number
        billed += rows

    expected = await Ledger().publish(MARCH, as_records(versions[-1]))
    assert amounts(billed) == amounts(expected)
