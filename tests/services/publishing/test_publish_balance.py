"""Rows, summary and manifest agree to the last digit, in whatever order the records come."""

import random
from collections.abc import Sequence
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from chargeback.domain.rating.usage_record import Charge, UsageRecord
from chargeback.domain.terms.terms import ExchangeRate, Terms
from chargeback.domain.usage.meters import Meter
from tests.support.examples import few
from tests.support.published_files import IDENTITY, charge, published, record, rows_of, summed

pytestmark = pytest.mark.anyio

# Not st.randoms(): it draws inside the test, and its signals get lost in the event loop.
SHUFFLERS = st.integers(0, 2**32).map(random.Random)
COSTS = st.decimals(min_value=-1000, max_value=10**6, places=10, allow_nan=False, allow_infinity=False)
RATE = Decimal("1.08530025")
RECORDS = st.lists(
    st.tuples(
        st.sampled_from(["2026-03-01", "2026-03-31"]),
        st.sampled_from(["company", "company/a", "company/b", "company-b", "unallocated"]),
        st.sampled_from(["USD", "EUR"]),
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\1"), max_size=3),
        st.lists(st.one_of(st.none(), COSTS), min_size=1, max_size=4),
    ),
    max_size=12,
    unique_by=lambda fields: (fields[0], fields[3]),
).map(
    lambda drawn: [
        record(
            *(
                charge(
                    meter, 5, None if amount is None else str(amount), state="unpriced" if amount is None else "exact"
                )
                for meter, amount in zip(Meter, amounts, strict=False)
            ),
            day=day,
            centre=centre,
            currency=currency,
            user=user,
        )
        for day, centre, currency, user, amounts in drawn
    ]
)


def largest_remainder(amounts: list[Decimal], target: Decimal, unit: Decimal) -> list[Decimal]:
    floors = [(amount / unit).to_integral_value("ROUND_FLOOR") * unit for amount in amounts]
    order = sorted(range(len(amounts)), key=lambda index: floors[index] - amounts[index])
    for index in order[: int((target - sum(floors)) / unit)]:
        floors[index] += unit
    return floors


def oracle(records: Sequence[UsageRecord], decimals: int) -> list[Decimal | None]:
    """The costs as printed, in the order of the rows: the rounding rule in a few lines, without an engine."""
    unit = Decimal(1).scaleb(-decimals)
    rows = sorted(
        (
            (r.day, r.parts[0].cost_centre, r.line.user, c.meter.value, c.state, c.price_id, in_dollars(r, c))
            for r in records
            for c in r.charges
        ),
        key=lambda row: row[:-1],
    )
    printed: dict[int, Decimal] = {}
    centres = sorted({row[1] for row in rows})
    exact = [sum((row[6] or Decimal(0) for row in rows if row[1] == centre), Decimal(0)) for centre in centres]
    total = sum(exact, Decimal(0)).quantize(unit, "ROUND_HALF_EVEN")
    for centre, amount in zip(centres, largest_remainder(exact, total, unit), strict=True):
        known = [i for i, row in enumerate(rows) if row[1] == centre and row[6] is not None]
        rounded = largest_remainder([rows[i][6] for i in known], amount, unit)  # type: ignore[misc]
        printed.update(zip(known, rounded, strict=True))
    return [printed.get(i) for i in range(len(rows))]


def in_dollars(of: UsageRecord, charged: Charge) -> Decimal | None:
    return charged.cost and charged.cost * (RATE if of.currency == "EUR" else 1)


@settings(max_examples=few(10))
@given(RECORDS, st.sampled_from([0, 2, 6, 12]), SHUFFLERS)
async def test_any_books_balance_and_print_the_same_in_any_order(
    records: list[UsageRecord], decimals: int, rng: random.Random
) -> None:
    shuffled = [replace(record) for record in records]
    rng.shuffle(shuffled)
    terms = Terms(exchange_rates=[ExchangeRate("EUR", "USD", RATE, "2026-03-31", "bank")])

    manifest, files = await published(records, decimals=decimals, terms=terms)
    _, again = await published(shuffled, decimals=decimals, terms=terms)

    rows = rows_of(files)
    assert files == again
    assert [Decimal(row["cost"]) if row["cost"] else None for row in rows] == oracle(records, decimals)
    totals = {currency: Decimal(amount) for currency, amount in manifest.totals.items()}
    assert {"USD": Decimal(0)} | {key: amount for (key,), amount in summed(rows, "currency").items()} == totals
    by_centre = {("unallocated", "USD"): Decimal(0)} | summed(rows, "cost_centre", "currency")
    assert by_centre == summed(rows_of(files, "summary"), "cost_centre", "currency")
    assert [file.rows for file in manifest.files] == [len(rows), len(by_centre), len(rows)]


async def test_rows_are_sorted_by_the_columns_that_identify_them() -> None:
    rng = random.Random(5)
    texts = ["", "a", "a b", "a,b", "ab", "é", "~", "🙂", "A"]
    records = {
        r.record_id: r
        for r in (record(user=rng.choice(texts), company=rng.choice(texts), app=rng.choice(texts)) for _ in range(300))
    }

    _, files = await published(list(records.values()))

    keys = [tuple(row[name] for name in IDENTITY) for row in rows_of(files)]
    assert keys == sorted(keys)
    assert len(set(keys)) == len(records)


async def test_every_grouping_sums_to_the_total() -> None:
    rng = random.Random(6)
    records = [
        record(
            charge(cost=f"{rng.random():.9f}"),
            charge(Meter.OUTPUT, cost=f"{rng.random():.9f}"),
            charge(Meter.REQUESTS, 4, "0"),
            user=f"u{n}",
            centre=f"c{n % 5}",
            model=f"m{n % 3}",
        )
        for n in range(60)
    ]

    manifest, files = await published(records, decimals=3)

    rows = rows_of(files)
    for column in IDENTITY:
        assert sum(summed(rows, column).values()) == Decimal(manifest.totals["USD"])
    assert summed(rows, of="requests") == {(): Decimal(manifest.requests)} == {(): Decimal(240)}
