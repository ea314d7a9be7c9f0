import csv
import io
import json
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from decimal import Decimal
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chargeback.adapters.memory import MemoryReports
from chargeback.domain.errors import InvalidConfig, Superseded
from chargeback.domain.meters import Meter
from chargeback.domain.records import ChargeRow, UsageRecord
from chargeback.domain.report import Manifest
from chargeback.services.publish import publish
from tests.domain.catalogues import catalogue, usage_line

pytestmark = pytest.mark.anyio

PERIOD = "2026-03"
ISSUE_COLUMNS = (
    "billing_period,charge_date,cost_centre,subscription_id,product_id,user,company,billing_code,operation,provider,"
    "model,deployment,deployment_type,region,service_tier,meter,quantity,unit,unit_price,price_unit,currency,cost,"
    "state,requests,price_id"
)
IDENTITY = [
    "charge_date", "cost_centre", "subscription_id", "product_id", "user", "company", "billing_code", "operation",
    "provider", "model", "deployment", "deployment_type", "region", "service_tier", "meter", "currency", "state",
    "price_id", "tenant_id", "app_id", "user_object_id", "apim_user_id", "backend", "variant", "allocation_rule",
]  # fmt: skip


class ListedBooks:
    """Books that list given records, in the order given, a few a page."""

    def __init__(self, records: Sequence[UsageRecord]) -> None:
        self._records = records

    async def records(self, day: str) -> AsyncIterator[Sequence[UsageRecord]]:
        found = [record for record in self._records if record.day == day]
        for start in range(0, len(found), 7):
            yield found[start : start + 7]


def charge(
    meter: Meter = Meter.INPUT, quantity: int = 1000, cost: str | None = "0.0025", **fields: object
) -> ChargeRow:
    priced = meter is not Meter.REQUESTS and cost is not None
    defaults = {
        "state": "exact",
        "per_million": Decimal("2.5") if priced else None,
        "price_id": f"card/{meter}@2026-01-01T00Z" if priced else "",
        "cost": None if cost is None else Decimal(cost),
    }
    return ChargeRow(meter, quantity, **(defaults | fields))  # type: ignore[arg-type]


def record(
    *charges: ChargeRow,
    day: str = "2026-03-14",
    centre: str = "company/search",
    currency: str = "USD",
    **dimensions: str,
) -> UsageRecord:
    line = usage_line(**dimensions)
    return UsageRecord(day, line, {}, currency, centre, "by-team", "GlobalStandard", "eastus2", charges or (charge(),))


async def published(
    records: Sequence[UsageRecord], *, decimals: int = 6, days: Sequence[str] | None = None
) -> tuple[Manifest, dict[str, bytes]]:
    reports = MemoryReports()
    manifest = await publish(
        PERIOD,
        ListedBooks(records),  # type: ignore[arg-type]
        reports,
        days=sorted({record.day for record in records}) if days is None else days,
        catalogue=catalogue(),
        decimals=decimals,
    )
    return manifest, reports.files


def rows_of(files: dict[str, bytes], name: str = "chargeback") -> list[dict[str, str]]:
    text = files[f"{PERIOD}/{name}-{PERIOD}.csv"].decode()
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def summed(rows: Sequence[dict[str, str]], *by: str, of: str = "cost") -> dict[tuple[str, ...], Decimal]:
    sums: dict[tuple[str, ...], Decimal] = defaultdict(Decimal)
    for row in rows:
        sums[tuple(row[name] for name in by)] += Decimal(row[of] or 0)
    return dict(sums)


async def test_a_row_says_everything_that_the_issue_asks_for() -> None:
    requests = charge(Meter.REQUESTS, 3, "0")

    _, files = await published([record(charge(), requests, user="ann", company="Ö & Co")])

    text = files[f"{PERIOD}/chargeback-{PERIOD}.csv"].decode()
    assert text == (
        f"{ISSUE_COLUMNS},tenant_id,app_id,user_object_id,apim_user_id,backend,variant,allocation_rule\r\n"
        "2026-03,2026-03-14,company/search,search,,ann,Ö & Co,,chat.completions,azure-openai,gpt-4o-2024-11-20,gpt-4o,"
        "GlobalStandard,eastus2,default,input_tokens,1000,tokens,2.5,1000000 tokens,USD,0.002500,exact,0,"
        "card/input_tokens@2026-01-01T00Z,,,,,oai-eastus2-x1.openai.azure.com,,by-team\r\n"
        "2026-03,2026-03-14,company/search,search,,ann,Ö & Co,,chat.completions,azure-openai,gpt-4o-2024-11-20,gpt-4o,"
        "GlobalStandard,eastus2,default,requests,3,requests,,,USD,0.000000,exact,3,,,,,,"
        "oai-eastus2-x1.openai.azure.com,,by-team\r\n"
    )


async def test_the_manifest_describes_the_files_as_they_are() -> None:
    manifest, files = await published([record(), record(subscription="sales", centre="company/sales")])

    for file in manifest.files:
        content = files[file.path]
        assert (file.bytes, file.sha256) == (len(content), sha256(content).hexdigest())
        assert file.rows == content.count(b"\r\n") - 1
    stored = json.loads(files[f"{PERIOD}/manifest.json"])
    assert stored["totals"] == {"USD": "0.005000"}
    assert stored["prices"] == [
        {
            "currency": "USD",
            "meter": "input_tokens",
            "priceId": "card/input_tokens@2026-01-01T00Z",
            "priceUnit": "1000000 tokens",
            "quantity": 2000,
            "unitPrice": "2.5",
        }
    ]
    assert (stored["days"], stored["decimals"], stored["catalogue"]) == (["2026-03-14"], 6, catalogue().digest)


async def test_an_empty_month_is_a_header_and_a_total_of_zero() -> None:
    manifest, files = await published([], days=["2026-03-01", "2026-03-02"])

    assert rows_of(files) == rows_of(files, "summary") == []
    assert files[f"{PERIOD}/chargeback-{PERIOD}.csv"].startswith(ISSUE_COLUMNS.encode())
    assert manifest.totals == {"USD": "0.000000"}
    assert [file.rows for file in manifest.files] == [0, 0]


async def test_a_record_whose_usage_went_away_has_no_rows() -> None:
    gone = UsageRecord("2026-03-14", usage_line(), {}, "USD", "company", "r", "", "", ())

    manifest, _ = await published([gone])

    assert manifest.files[0].rows == 0


async def test_unpriced_and_unsettled_usage_has_an_empty_cost_and_is_counted() -> None:
    unpriced = record(charge(Meter.INPUT, 700, None, state="unpriced"), charge(Meter.REQUESTS, 2, "0"), model="gpt-9")
    unsettled = record(charge(Meter.REQUESTS, 5, None, state="unsettled"), state="unsettled")
    estimated = record(charge(Meter.OUTPUT, 10, "0.0001", state="estimated"), state="estimated")

    manifest, files = await published([unpriced, unsettled, estimated])

    rows = {(row["state"], row["meter"]): row for row in rows_of(files)}
    empty = [rows["unpriced", "input_tokens"][name] for name in ("cost", "unit_price", "price_unit", "price_id")]
    assert empty == ["", "", "", ""]
    assert rows["unsettled", "requests"]["cost"] == ""
    assert rows["exact", "requests"]["cost"] == "0.000000"
    assert manifest.states["unpriced"].quantities == {"input_tokens": 700}
    assert manifest.states["unsettled"].quantities == {"requests": 5}
    assert manifest.states["estimated"].cost == {"USD": "0.000100"}
    (summary,) = rows_of(files, "summary")
    assert (summary["rows"], summary["unpriced_rows"], summary["unsettled_requests"]) == ("4", "1", "5")
    assert (summary["estimated_cost"], summary["cost"], summary["requests"]) == ("0.000100", "0.000100", "7")


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
async def test_text_from_outside_cannot_become_a_formula(start: str) -> None:
    text = f'{start}HYPERLINK("http://evil.example","x")'

    _, files = await published([record(user=text, centre=text)])

    (row,) = rows_of(files)
    assert (row["user"], row["cost_centre"]) == (f"'{text}", f"'{text}")
    assert rows_of(files, "summary")[0]["cost_centre"] == f"'{text}"


async def test_a_negative_cost_is_a_number_and_stays_one() -> None:
    _, files = await published([record(charge(cost="-0.0025"))])

    assert rows_of(files)[0]["cost"] == "-0.002500"


@pytest.mark.parametrize(
    "text", ['say "hi"', "a,b", "two\r\nlines", "two\nlines", '"', "ünïcode 漢字 🙂", "~", "null", " "]
)
async def test_any_text_comes_back_as_it_was(text: str) -> None:
    _, files = await published([record(company=text, backend=text, centre=text)])

    (row,) = rows_of(files)
    assert (row["company"], row["backend"], row["cost_centre"]) == (text, text, text)


async def test_each_currency_has_its_own_total() -> None:
    records = [record(charge(cost="0.0000015")), record(charge(cost="1.25"), currency="EUR", subscription="sales")]

    manifest, files = await published(records)

    assert manifest.totals == {"EUR": "1.250000", "USD": "0.000002"}
    assert summed(rows_of(files), "currency") == {("EUR",): Decimal("1.25"), ("USD",): Decimal("0.000002")}


async def test_a_total_is_rounded_half_to_even() -> None:
    down, _ = await published([record(charge(cost="0.125"))], decimals=2)
    up, _ = await published([record(charge(cost="0.135"))], decimals=2)

    assert (down.totals, up.totals) == ({"USD": "0.12"}, {"USD": "0.14"})


async def test_no_decimals_at_all_are_whole_amounts() -> None:
    _, files = await published([record(charge(cost="2.7"))], decimals=0)

    assert rows_of(files)[0]["cost"] == "3"


async def test_amounts_beyond_a_double_are_printed_exactly() -> None:
    records = [record(charge(cost="99999999999.123456789012")), record(charge(cost="0.000000000001"), user="b")]

    manifest, _ = await published(records, decimals=12)

    assert manifest.totals == {"USD": "99999999999.123456789013"}


async def test_an_amount_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="or 18 decimals"):
        await published([record(charge(cost="0.0000000000000000001"))])
    with pytest.raises(ValueError, match="more than 20 digits"):
        await published([record(charge(cost="100000000000000000000"))])


async def test_ten_thousand_lines_in_one_day_balance() -> None:
    rng = random.Random(4)
    records = [
        record(charge(quantity=n, cost=f"{rng.random():.12f}"), subscription=f"team-{n}", centre=f"company/{n % 77}")
        for n in range(10_000)
    ]

    manifest, files = await published(records, decimals=2)

    rows = rows_of(files)
    assert len(rows) == 10_000
    assert summed(rows) == {(): Decimal(manifest.totals["USD"])}
    assert summed(rows, "cost_centre") == summed(rows_of(files, "summary"), "cost_centre")


async def test_books_that_change_while_they_are_read_are_not_published() -> None:
    moved = record(centre="company/moved")

    with pytest.raises(Superseded, match=r"2026-03-14.*came twice"):
        await published([record(), moved])
    with pytest.raises(Superseded, match=r"2026-03-14.*came twice"):
        await published([record(), record()])


async def test_nothing_appears_when_the_books_fail() -> None:
    class FailingBooks(ListedBooks):
        async def records(self, day: str) -> AsyncIterator[Sequence[UsageRecord]]:
            yield [record()]
            raise ConnectionError("gone")

    reports = MemoryReports()

    with pytest.raises(ConnectionError):
        await publish(
            PERIOD,
            FailingBooks([]),  # type: ignore[arg-type]
            reports,
            days=["2026-03-14"],
            catalogue=catalogue(),
        )

    assert reports.files == {}


@pytest.mark.parametrize(
    ("period", "day", "decimals", "fault"),
    [
        ("2026-3", "2026-3-01", 6, "period is '2026-3'"),
        ("2026-13", "2026-13-01", 6, "period is '2026-13'"),
        ("2026-03", "2026-04-01", 6, "day 2026-04-01 is not in the period"),
        ("2026-03", "2026-03-01", 13, "decimals is 13"),
    ],
)
async def test_a_period_that_cannot_be_is_refused(period: str, day: str, decimals: int, fault: str) -> None:
    with pytest.raises(InvalidConfig, match=fault):
        await publish(
            period,
            ListedBooks([]),  # type: ignore[arg-type]
            MemoryReports(),
            days=[day],
            catalogue=catalogue(),
            decimals=decimals,
        )


# Not st.randoms(): it draws inside the test, and its signals get lost in the event loop.
SHUFFLERS = st.integers(0, 2**32).map(random.Random)
COSTS = st.decimals(min_value=-1000, max_value=10**6, places=12, allow_nan=False, allow_infinity=False)
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
            (r.day, r.cost_centre, r.line.user, c.meter.value, r.currency, c.state, c.price_id, c.cost)
            for r in records
            for c in r.charges
        ),
        key=lambda row: row[:-1],
    )
    printed: dict[int, Decimal] = {}
    for currency in {row[4] for row in rows}:
        of = {i: row for i, row in enumerate(rows) if row[4] == currency}
        centres = sorted({row[1] for row in of.values()})
        exact = [
            sum((row[7] or Decimal(0) for row in of.values() if row[1] == centre), Decimal(0)) for centre in centres
        ]
        for centre, amount in zip(
            centres,
            largest_remainder(exact, sum(exact, Decimal(0)).quantize(unit, "ROUND_HALF_EVEN"), unit),
            strict=True,
        ):
            known = [i for i, row in of.items() if row[1] == centre and row[7] is not None]
            rounded = largest_remainder([of[i][7] for i in known], amount, unit)  # type: ignore[misc]
            printed.update(zip(known, rounded, strict=True))
    return [printed.get(i) for i in range(len(rows))]


@settings(max_examples=30, deadline=None)
@given(RECORDS, st.sampled_from([0, 2, 6, 12]), SHUFFLERS)
async def test_any_books_balance_and_print_the_same_in_any_order(
    records: list[UsageRecord], decimals: int, rng: random.Random
) -> None:
    shuffled = [UsageRecord(**{name: getattr(r, name) for name in r.__slots__}) for r in records]
    rng.shuffle(shuffled)
    days = ["2026-03-31", "2026-03-01"]

    manifest, files = await published(records, decimals=decimals, days=days)
    _, again = await published(shuffled, decimals=decimals, days=days[::-1])

    rows = rows_of(files)
    assert files == again
    assert [Decimal(row["cost"]) if row["cost"] else None for row in rows] == oracle(records, decimals)
    totals = {currency: Decimal(amount) for currency, amount in manifest.totals.items()}
    assert {"USD": Decimal(0)} | {key: amount for (key,), amount in summed(rows, "currency").items()} == totals
    by_centre = summed(rows, "cost_centre", "currency")
    assert by_centre == summed(rows_of(files, "summary"), "cost_centre", "currency")
    assert [file.rows for file in manifest.files] == [len(rows), len(by_centre)]


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


def progress_into(told: list[tuple[str, int]]) -> Callable[[str, int], None]:
    return lambda doing, rows: told.append((doing, rows))


async def test_progress_is_told_while_reading_and_writing() -> None:
    told: list[tuple[str, int]] = []

    await publish(
        PERIOD,
        ListedBooks([record(user=str(n)) for n in range(10)]),  # type: ignore[arg-type]
        MemoryReports(),
        days=["2026-03-14"],
        catalogue=catalogue(),
        progress=progress_into(told),
    )

    assert told == [("reading", 7), ("reading", 10), ("writing", 10)]
