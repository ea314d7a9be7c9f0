"""A published period's rows, totals and manifest agree with the books and with each other."""

import json
import random
import re
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from decimal import Decimal
from hashlib import sha256
from types import SimpleNamespace

import pytest
from msgspec.structs import replace

from chargeback.adapters.memory.reports import MemoryReports
from chargeback.domain.errors import InvalidConfig, NoRoom, Superseded
from chargeback.domain.rating.usage_record import RecordPart, UsageRecord, ndjson, to_document
from chargeback.domain.terms.terms import ClosingRules, Terms
from chargeback.domain.time.months import dates_of
from chargeback.domain.usage.meters import Meter
from chargeback.services.publishing.publish import publish
from chargeback.services.settled import pack
from tests.support.catalogues import catalogue, usage_line
from tests.support.published_files import (
    FURTHER,
    ISSUE_COLUMNS,
    PERIOD,
    ListedBooks,
    charge,
    month,
    published,
    record,
    rows_of,
    summed,
)

pytestmark = pytest.mark.anyio


async def test_a_row_says_everything_that_the_issue_asks_for() -> None:
    requests = charge(Meter.REQUESTS, 3, "0")

    _, files = await published([record(charge(), requests, user="ann", company="Ö & Co")])

    text = files[f"{PERIOD}/chargeback-{PERIOD}.csv"].decode()
    first, second = (row["charge_id"] for row in rows_of(files))
    assert re.fullmatch(r"[0-9a-f]{32}", first)
    assert text == (
        f"{ISSUE_COLUMNS},tenant_id,app_id,user_object_id,apim_user_id,backend,variant,allocation_rule,{FURTHER}\r\n"
        "2026-03,2026-03-14,company/search,search,,ann,Ö & Co,,chat.completions,azure-openai,gpt-4o-2024-11-20,gpt-4o,"
        "GlobalStandard,eastus2,default,input_tokens,1000,tokens,2.5,1000000 tokens,USD,0.002500,exact,0,"
        "card/input_tokens@2026-01-01T00Z,,,,,oai-eastus2-x1.openai.azure.com,,by-team,"
        f"usage,2.5,2.5,0.0025,0.0025,{first},,,,,,USD,1,,,,\r\n"
        "2026-03,2026-03-14,company/search,search,,ann,Ö & Co,,chat.completions,azure-openai,gpt-4o-2024-11-20,gpt-4o,"
        "GlobalStandard,eastus2,default,requests,3,requests,,,USD,0.000000,exact,3,,,,,,"
        "oai-eastus2-x1.openai.azure.com,,by-team,"
        f"usage,,,0,0,{second},,,,,,USD,1,,,,\r\n"
    )
    assert first != second


async def test_a_period_that_the_disk_cannot_hold_is_refused_before_anything_is_written() -> None:
    reports = MemoryReports()

    with pytest.raises(NoRoom, match=r"1 charges of a few dates need about \d+ MB of temporary disk"):
        await publish(month(), ListedBooks([record()]), reports, disk_limit_mb=0)  # type: ignore[arg-type]

    assert reports.files == {}


async def test_the_manifest_describes_the_files_as_they_are() -> None:
    manifest, files = await published(
        [record(), record(subscription="sales", centre="company/sales")],
        terms=Terms(closing=ClosingRules(timedelta(hours=1))),
        previous_manifest="p" * 64,
        lineage={"2026-03-14": {"events": 2, "records": 2, "fences": {"0": "token"}}},
    )

    for file in manifest.files:
        content = files[file.path]
        assert (file.bytes, file.sha256) == (len(content), sha256(content).hexdigest())
        if file.path.endswith(".csv"):
            assert file.rows == content.count(b"\r\n") - 1
    assert [file.rows for file in manifest.files] == [2, 3, 2]
    stored = json.loads(files[f"{PERIOD}/manifest.json"])
    assert stored["totals"] == {"USD": "0.005000"}
    assert stored["prices"] == [
        {
            "contractedUnitPrice": "2.5",
            "currency": "USD",
            "listUnitPrice": "2.5",
            "meter": "input_tokens",
            "priceId": "card/input_tokens@2026-01-01T00Z",
            "priceUnit": "1000000 tokens",
            "quantity": 2000,
            "unitPrice": "2.5",
        }
    ]
    assert (stored["days"], stored["decimals"], stored["catalogue"]) == (dates_of(PERIOD), 6, catalogue().digest)
    assert (stored["state"], stored["timeZone"], stored["currency"]) == ("open", "UTC", "USD")
    assert (stored["start"], stored["end"]) == ("2026-03-01T00:00:00Z", "2026-04-01T00:00:00Z")
    assert stored["terms"] == Terms(closing=ClosingRules(timedelta(hours=1))).digest != Terms().digest
    assert stored["previousManifest"] == "p" * 64
    assert stored["lineage"] == {"2026-03-14": {"events": 2, "records": 2, "fences": {"0": "token"}}}


async def test_an_empty_month_is_a_header_and_a_total_of_zero() -> None:
    manifest, files = await published([])

    (nothing,) = rows_of(files, "summary")
    assert rows_of(files) == []
    assert (nothing["cost_centre"], nothing["cost"], nothing["rows"]) == ("unallocated", "0.000000", "0")
    assert files[f"{PERIOD}/chargeback-{PERIOD}.csv"].startswith(ISSUE_COLUMNS.encode())
    assert manifest.totals == {"USD": "0.000000"}
    assert [file.rows for file in manifest.files] == [0, 1, 0]


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
    summary, unallocated = rows_of(files, "summary")
    assert (unallocated["cost_centre"], unallocated["rows"]) == ("unallocated", "0")
    assert (summary["rows"], summary["unpriced_rows"], summary["unsettled_requests"]) == ("4", "1", "5")
    assert (summary["estimated_cost"], summary["cost"], summary["requests"]) == ("0.000100", "0.000100", "7")


async def test_text_from_outside_cannot_become_a_formula() -> None:
    texts = [f'{start}HYPERLINK("http://evil.example","x")' for start in ("=", "+", "-", "@", "\t", "\r", '"=')]

    _, files = await published([record(user=text, centre=text) for text in texts])

    guarded = sorted(f"'{text}" for text in texts)
    assert sorted((row["user"], row["cost_centre"]) for row in rows_of(files)) == [(text, text) for text in guarded]
    centres = sorted(row["cost_centre"] for row in rows_of(files, "summary"))
    assert centres == [*guarded, "unallocated"]


async def test_a_negative_cost_is_a_number_and_stays_one() -> None:
    _, files = await published([record(charge(cost="-0.0025"))])

    assert rows_of(files)[0]["cost"] == "-0.002500"


async def test_any_text_comes_back_as_it_was() -> None:
    texts = ['say "hi"', "a,b", "two\r\nlines", "two\nlines", '"', "ünïcode 漢字 🙂", "~", "null", " "]

    _, files = await published([record(user=text, company=text, backend=text, centre=text) for text in texts])

    found = [(row["user"], row["company"], row["backend"], row["cost_centre"]) for row in rows_of(files)]
    assert sorted(found) == sorted((text,) * 4 for text in texts)


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


async def test_a_meter_or_a_price_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="there is no meter parsecs"):
        await published([record(replace(charge(), meter=SimpleNamespace(value="parsecs")))])  # type: ignore[arg-type]
    with pytest.raises(
        ValueError,
        match=r"a price of line \w+ on 2026-03-14 is 0\.0000000000001: it has more than 16 digits or 12 decimals",
    ):
        await published([record(charge(per_million=Decimal("0.0000000000001")))])


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
    by_centre = summed(rows, "cost_centre") | {("unallocated",): Decimal(0)}
    assert by_centre == summed(rows_of(files, "summary"), "cost_centre")


async def test_books_that_change_while_they_are_read_are_not_published() -> None:
    moved = record(centre="company/moved")

    with pytest.raises(Superseded, match=r"2026-03-14.*came twice"):
        await published([record(), moved])
    with pytest.raises(Superseded, match=r"2026-03-14.*came twice"):
        await published([record(), record()])


async def test_a_line_that_comes_again_much_later_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pack, "LOAD_BYTES", 1000)
    others = [record(user=str(n)) for n in range(20)]

    with pytest.raises(Superseded, match=r"2026-03-14.*came twice"):
        await published([record(), *others, record(day="2026-03-15"), record()])
    await published([record(), *others, record(day="2026-03-15")])


async def test_a_record_stored_before_parts_existed_does_not_count_as_nothing() -> None:
    class OldBooks(ListedBooks):
        async def documents(self, day: str) -> AsyncIterator[bytes]:
            async for page in super().documents(day):
                yield page.replace(b'"parts":', b'"charges":')

    with pytest.raises(ValueError, match=r"of 2026-03-14 has no parts"):
        await publish(month(), OldBooks([record()]), MemoryReports())  # type: ignore[arg-type]


async def test_only_what_is_dated_in_the_period_is_billed_in_it() -> None:
    one = record()
    three = tuple(
        RecordPart(date, "company/search", "", one.parts[0].charges)
        for date in ("2026-02-28", "2026-03-01", "2026-04-01")
    )

    _, files = await published([replace(one, parts=three)])

    assert [row["charge_date"] for row in rows_of(files)] == ["2026-03-01"]


async def test_a_date_that_two_utc_days_share_has_one_row_for_a_line() -> None:
    evening = replace(record(), day="2026-03-13")
    morning = record(charge(quantity=2000, cost="0.005"))

    _, files = await published([evening, morning])

    (row,) = rows_of(files)
    assert (row["charge_date"], row["quantity"], row["cost"]) == ("2026-03-14", "3000", "0.007500")


async def test_nothing_appears_when_the_books_fail() -> None:
    class FailingBooks(ListedBooks):
        async def documents(self, day: str) -> AsyncIterator[bytes]:
            yield ndjson([to_document(record())])
            raise ConnectionError("gone")

    reports = MemoryReports()

    with pytest.raises(ConnectionError):
        await publish(month(), FailingBooks([]), reports)  # type: ignore[arg-type]

    assert reports.files == {}


@pytest.mark.parametrize(
    ("period", "decimals", "fault"),
    [
        ("2026-3", 6, "period '2026-3' is not a month"),
        ("2026-13", 6, "period '2026-13' is not a month"),
        ("2026-03", 13, "decimals is 13"),
    ],
)
async def test_a_period_that_cannot_be_is_refused(period: str, decimals: int, fault: str) -> None:
    with pytest.raises(InvalidConfig, match=fault):
        await published([], period=period, decimals=decimals)


def progress_into(told: list[tuple[str, int]]) -> Callable[[str, int], None]:
    return lambda doing, rows: told.append((doing, rows))


async def test_progress_is_told_while_reading_and_writing() -> None:
    told: list[tuple[str, int]] = []
    books = ListedBooks([record(user=str(n)) for n in range(10)] + [record(day="2026-03-15")])

    await publish(month(), books, MemoryReports(), progress=progress_into(told))  # type: ignore[arg-type]

    assert told == [
        ("reading", 10),
        ("reading", 11),
        ("settling", 11),
        ("writing", 11),
        ("summing", 0),
        ("packing", 11),
    ]
