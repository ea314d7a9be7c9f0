"""A day's two documents: the sums by date and the spend by hour, of the same money."""

import asyncio
from datetime import UTC, datetime
from decimal import Decimal

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from chargeback.adapters.memory.stores import MemoryBooks
from chargeback.domain.money.exact import cost, total
from chargeback.domain.rating.effective_catalogues import EffectiveCatalogues
from chargeback.domain.rating.rating import rate
from chargeback.domain.rating.usage_record import Charge, RecordPart, UsageRecord
from chargeback.domain.usage.meters import Meter
from chargeback.domain.usage.states import LineState
from chargeback.services.ports.books import HOURS
from chargeback.services.ports.control import Document
from chargeback.services.usage.hourly_costs import hourly_costs
from chargeback.services.usage.summarise import summarise
from tests.support.catalogues import START, catalogue, dated, usage_line
from tests.support.spending import Spent, books_of

DAY = "2026-03-14"


async def documents_of(books: MemoryBooks) -> tuple[Document, Document]:
    sums, hours = await books.summary(DAY), await books.summary(DAY, HOURS)
    assert sums is not None
    assert hours is not None
    return sums[0], hours[0]


def charge(quantity: int, per_million: str | None, meter: Meter = Meter.INPUT) -> Charge:
    price = None if per_million is None else Decimal(per_million)
    amount = None if price is None else cost(quantity, price)
    return Charge(meter, quantity, LineState.EXACT, price, price, price, "", amount)


def record(hours: dict[int, int], *parts: RecordPart) -> UsageRecord:
    counted = {hour: {Meter.INPUT: quantity} for hour, quantity in hours.items()}
    return UsageRecord(DAY, usage_line(), counted, "USD", "", "", parts)


def test_hours_and_dates_are_sums_of_the_same_records() -> None:
    async def work() -> tuple[Document, Document]:
        spent = [
            Spent(DAY, {0: "1.5", 9: "2"}, centre="a", user="ann"),
            Spent(DAY, {9: "0.25"}, centre="a", user="bob"),
            Spent(DAY, {23: "7"}, centre="b", date="2026-03-15"),
        ]
        return await documents_of(await books_of(spent))

    sums, hours = asyncio.run(work())

    assert {name: centre["dates"] for name, centre in sums["costCentres"].items()} == {
        "a": {"2026-03-14": "3.75"},
        "b": {"2026-03-15": "7"},
    }
    assert sums["costCentres"]["a"]["cost"] == "3.75"
    assert hours["currencies"] == ["USD"]
    assert hours["costCentres"] == {
        "a": ["1.5", *["0"] * 8, "2.25", *["0"] * 14],
        "b": [*["0"] * 23, "7"],
    }


def test_an_hour_has_the_price_and_the_payer_of_its_time() -> None:
    before, after = (
        RecordPart(DAY, "old", "", (charge(3, "10"), charge(2, "20"))),
        RecordPart("2026-03-15", "new", "", (charge(5, "20"),)),
    )

    found = list(hourly_costs(record({1: 3, 2: 2, 22: 4, 23: 1}, after, before)))

    assert found == [
        ("old", 1, Decimal("0.00003")),
        ("old", 2, Decimal("0.00004")),
        ("new", 22, Decimal("0.00008")),
        ("new", 23, Decimal("0.00002")),
    ]


def test_an_hour_in_which_the_price_changes_has_both() -> None:
    found = list(hourly_costs(record({5: 10}, RecordPart(DAY, "a", "", (charge(4, "1"), charge(6, "2"))))))

    assert total([cost for _, _, cost in found]) == Decimal("0.000016")


def test_what_has_no_price_takes_its_hours_and_costs_nothing() -> None:
    found = list(hourly_costs(record({1: 2, 2: 3}, RecordPart(DAY, "a", "", (charge(2, None), charge(3, "4"))))))

    assert found == [("a", 2, Decimal("0.000012"))]


def test_an_hour_without_a_price_after_ones_with_it_costs_nothing() -> None:
    ends = datetime(2026, 3, 14, 9, tzinfo=UTC)
    in_force = EffectiveCatalogues(catalogue(dated(Meter.INPUT, (START, "2.5"), end=ends)))
    hours = {8: {Meter.INPUT: 10}, 9: {Meter.INPUT: 30}}

    found = list(hourly_costs(rate(DAY, usage_line(), hours, in_force)))

    assert [(hour, amount > 0) for _, hour, amount in found] == [(8, True)]


@given(
    st.lists(st.tuples(st.sampled_from(["a", "b"]), st.integers(1, 10**9), st.decimals(0, 100, places=12)), max_size=6),
    st.data(),
)
def test_hours_sum_to_the_cost_of_the_record(charges: list[tuple[str, int, Decimal]], data: st.DataObject) -> None:
    parts = [RecordPart(DAY, centre, "", (charge(quantity, str(price)),)) for centre, quantity, price in charges]
    left = sum(quantity for _, quantity, _ in charges)
    hours = {}
    for hour in range(24):
        hours[hour] = left if hour == 23 else data.draw(st.integers(0, left))
        left -= hours[hour]

    found = list(hourly_costs(record(hours, *parts)))

    for centre in ("a", "b"):
        expected = total([row.cost for part in parts if part.cost_centre == centre for row in part.charges if row.cost])
        assert total([amount for of, _, amount in found if of == centre]) == expected


def test_the_same_records_set_nothing_again() -> None:
    async def work() -> bool:
        books = await books_of([Spent(DAY, {0: "1"})])
        before = [await books.summary(DAY), await books.summary(DAY, HOURS)]
        await summarise(books, DAY)
        return before == [await books.summary(DAY), await books.summary(DAY, HOURS)]

    assert asyncio.run(work())


def test_two_thousand_cost_centres_fit_a_document_each() -> None:
    async def work() -> tuple[Document, Document]:
        hours = dict.fromkeys(range(24), "123.456789")
        spent = [Spent(DAY, hours, centre=f"division-{n % 20:02}/team-{n:04}", user=f"u{n}") for n in range(2000)]
        return await documents_of(await books_of(spent))

    for document in asyncio.run(work()):
        assert len(msgspec.json.encode(document)) < 1_000_000
