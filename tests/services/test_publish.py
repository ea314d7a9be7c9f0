import json
import random
from collections.abc import AsyncIterator, Callable, Sequence
from decimal import Decimal
from hashlib import sha256

import pytest

from chargeback.adapters.memory import MemoryReports
from chargeback.domain.errors import InvalidConfig, Superseded
from chargeback.domain.meters import Meter
from chargeback.domain.records import UsageRecord
from chargeback.services.publish import publish
from tests.domain.catalogues import catalogue, usage_line
from tests.services.published import ISSUE_COLUMNS, PERIOD, ListedBooks, charge, published, record, rows_of, summed

pytestmark = pytest.mark.anyio


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
    gone = UsageRecord("2026-03-14", usage_line(), {}, "USD", "", "", ())

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
