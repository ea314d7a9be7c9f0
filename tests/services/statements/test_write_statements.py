"""The statements of a period are written for the cost centres that need one, and add up to the period's files."""

import csv
import io
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chargeback.adapters.memory.reports import MemoryReports
from chargeback.domain.cost_centres.tree import UNALLOCATED
from chargeback.domain.errors import StoreUnavailable
from chargeback.domain.reports.manifest import guarded
from chargeback.domain.reports.statement import STATEMENT_COLUMNS
from chargeback.services.publishing.files import CSV, Files, whole
from chargeback.services.running.progress import ignore_progress
from chargeback.services.statements import list_charges, write_statements
from tests.support.budgets import monthly
from tests.support.examples import few
from tests.support.period_tables import PERIOD, period_tables, row
from tests.support.published_files import charge, published, record, rows_of
from tests.support.written_statements import csv_rows, written

pytestmark = pytest.mark.anyio

CENTRES = ("product", "product/search", "product/searching", "R&D/Ünïcode", UNALLOCATED)
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n")
awkward = texts | st.sampled_from(["=1+1", "-a", "@x", "\t", "a,b", 'say "hi"', "two\r\nlines", "\x1f=x", "'"])


def priced(cost: str, **fields: Any) -> dict[str, Any]:
    return row(cost=Decimal(cost), exact_cost=Decimal(cost), **fields)


async def test_a_row_is_printed_with_every_column_in_a_readable_order(tmp_path: Path) -> None:
    of = period_tables(tmp_path, [row(company="Ö & Co", requests=2)])

    _, files = await written(of)

    assert files[f"{PERIOD}/statements/product/search/statement-{PERIOD}.csv"].decode() == (
        ",".join(STATEMENT_COLUMNS) + "\r\n"
        "2026-03,2026-03-14,product/search,usage,search,11111111-0000-0000-0000-000000000001,ann@example.com,"
        "gpt-4o-2024-11-20,input_tokens,1000000,tokens,2.5,1000000 tokens,USD,1,,,2.500000,USD,exact,2,,,,,,,,,,,,,"
        "chat.completions,azure-openai,gpt-4o,GlobalStandard,eastus2,default,standard,Ö & Co,,,,,"
        "oai-eastus2.openai.azure.com,,search,"
        "azure-openai/gpt-4o/any/GlobalStandard/default/input_tokens@2024-08-06T00Z,2.5,2.5,2.5,2.5,"
        "00000000000000000000000000000000,\r\n"
    )


async def test_a_shared_cost_a_correction_and_unpriced_usage_are_printed_as_they_are(tmp_path: Path) -> None:
    ratio = Decimal("0.125")
    correct = {"kind": "correction", "corrects_period": "2026-01", "corrects_charge_id": "f" * 32}
    of = period_tables(
        tmp_path,
        [
            priced(
                "12.5", kind="shared", shared_cost="ptu", allocation_basis="usage", allocated_ratio=ratio, unit="share"
            ),
            priced("-0.25", quantity=Decimal(-7), **correct),
            row(state="unpriced", cost=None, exact_cost=None, unit_price=None, model="gpt-9"),
        ],
    )

    _, files = await written(of)

    rows = {each["kind"] + each["state"]: each for each in csv_rows(files, "product/search")}
    assert [rows["sharedexact"][name] for name in ("allocated_ratio", "allocation_basis", "cost")] == [
        "0.125",
        "usage",
        "12.500000",
    ]
    correction = rows["correctionexact"]
    assert [correction[name] for name in ("quantity", "cost", "corrects_period", "corrects_charge_id")] == [
        "-7",
        "-0.250000",
        "2026-01",
        "f" * 32,
    ]
    assert (rows["usageunpriced"]["cost"], rows["usageunpriced"]["unit_price"]) == ("", "")


async def test_rows_are_sorted_by_date_and_are_only_the_centres_own(tmp_path: Path) -> None:
    days = ["2026-03-31", "2026-03-01", "2026-03-14"]
    of = period_tables(tmp_path, [*(row(charge_date=day) for day in days), row(cost_centre="product/search/deep")])

    _, files = await written(of)

    assert [each["charge_date"] for each in csv_rows(files, "product/search")] == sorted(days)
    assert csv_rows(files, "product") == []
    assert len(csv_rows(files, "product/search/deep")) == 1


async def test_statements_exist_for_rows_budgets_the_month_before_and_all_above(tmp_path: Path) -> None:
    of = period_tables(
        tmp_path,
        [row(cost_centre="a/b/c")],
        previous=[row(cost_centre="gone")],
        budgets=(monthly("planned", 5, 100),),
        centres={"a": "A", "a/b": "B", "a/b/c": "C", "idle": "Idle"},
    )

    files, content = await written(of)

    centres = ["a", "a/b", "a/b/c", "gone", "planned", "unallocated"]
    assert {path.rpartition("/")[0] for path in content} == {f"{PERIOD}/statements/{each}" for each in centres}
    assert [file.path for file in files.written] == sorted(content)


async def test_the_manifest_says_what_was_written(tmp_path: Path) -> None:
    files, content = await written(period_tables(tmp_path, [row(), row(), row(cost_centre=UNALLOCATED)]))

    assert len(files.written) == len(content) == 6
    for file in files.written:
        assert (file.bytes, file.sha256) == (len(content[file.path]), sha256(content[file.path]).hexdigest())
    assert [(file.path.split("/")[-2], file.rows) for file in files.written if file.rows] == [
        ("search", 2),
        ("unallocated", 1),
    ]


async def test_files_written_before_keep_their_place_in_the_manifest(tmp_path: Path) -> None:
    files = Files(MemoryReports())
    await files.write(f"{PERIOD}/zebra.csv", CSV, whole(0, b"x"))

    await write_statements.write_statements(period_tables(tmp_path, [row()]), files, ignore_progress)

    names = [file.path for file in files.written]
    assert names[0] == f"{PERIOD}/zebra.csv"
    assert names[1:] == sorted(names[1:])


async def test_the_statements_of_a_published_period_add_up_to_its_chargeback(tmp_path: Path) -> None:
    records = [
        record(charge(quantity=number, cost=f"0.{number:07}"), centre=centre, subscription=f"s{number}", company="A, B")
        for number, centre in enumerate(["company", "company/search", "company/search", "company/R&D"], 1)
    ]

    manifest, files = await published(records, writers=[write_statements.write_statements])

    statements = [
        each
        for path, content in files.items()
        if "/statements/" in path and path.endswith(".csv")
        for each in csv.DictReader(io.StringIO(content.decode(), newline=""))
    ]
    chargeback = rows_of(files)
    assert sorted(each["charge_id"] for each in statements) == sorted(each["charge_id"] for each in chargeback)
    known = {each["charge_id"]: each for each in chargeback}
    for each in statements:
        assert {name: each[name] for name in chargeback[0]} == known[each["charge_id"]]
    assert str(sum(Decimal(each["cost"]) for each in statements)) == manifest.totals["USD"]
    assert {file.path for file in manifest.files} > {path for path in files if "/statements/" in path}


async def test_a_store_that_fails_ends_the_writing_with_its_own_error(tmp_path: Path) -> None:
    class Failing(MemoryReports):
        def create(self, path: str, content_type: str) -> Any:
            if path.endswith(f"search/statement-{PERIOD}.html"):
                raise StoreUnavailable("the reports are away")
            return super().create(path, content_type)

    files = Files(Failing())

    with pytest.raises(StoreUnavailable, match="away"):
        await write_statements.write_statements(period_tables(tmp_path, [row()]), files, ignore_progress)


async def test_worker_processes_write_the_same_bytes_as_this_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    of = period_tables(
        tmp_path,
        [row(cost_centre=centre, charge_date=f"2026-03-{day:02}") for centre in CENTRES for day in (1, 9, 30)],
        previous=[row(cost_centre=centre) for centre in CENTRES[1:3]],
    )
    here, in_one = await written(of, workers=0)
    monkeypatch.setattr(write_statements, "_PART_CENTRES", 2)

    there, in_two = await written(of, workers=2)

    assert in_two == in_one
    assert there.written == here.written


async def test_a_list_of_charges_too_long_to_sort_at_once_comes_out_whole_and_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = [f"2026-03-{1 + number % 4:02}" for number in range(200)]
    of = period_tables(
        tmp_path,
        [
            row(charge_date=day, charge_id=sha256(str(number).encode()).hexdigest()[:32], model=f"m{number % 3}")
            for number, day in enumerate(days)
        ],
    )
    _, whole_ = await written(of)
    monkeypatch.setattr(list_charges, "STAGED_ROWS", 70)
    monkeypatch.setattr(list_charges, "_SORTED_ROWS", 20)
    monkeypatch.setattr(list_charges, "_FETCHED_ROWS", 3)

    _, cut = await written(of)

    rows, expected = csv_rows(cut, "product/search"), csv_rows(whole_, "product/search")
    assert [each["charge_date"] for each in rows] == sorted(days)
    assert sorted(each["charge_id"] for each in rows) == sorted(each["charge_id"] for each in expected)
    assert [each["charge_id"] for each in rows] != [each["charge_id"] for each in expected]


@settings(max_examples=few(5))
@given(st.lists(st.tuples(awkward, awkward, awkward), min_size=1, max_size=6))
async def test_text_from_outside_stays_text(
    tmp_path_factory: pytest.TempPathFactory, found: list[tuple[str, str, str]]
) -> None:
    of = period_tables(
        tmp_path_factory.mktemp("text"),
        [row(user=user, company=company, model=model) for user, company, model in found],
    )

    _, files = await written(of)

    rows = csv_rows(files, "product/search")
    assert sorted((each["user"], each["company"], each["model"]) for each in rows) == sorted(
        tuple(map(guarded, each)) for each in found
    )
    assert not any(each[name].startswith(FORMULAS) for each in rows for name in each)


@settings(max_examples=few(5))
@given(
    st.lists(
        st.tuples(
            st.sampled_from(CENTRES),
            st.sampled_from(["usage", "usage", "shared", "correction"]),
            st.none() | st.decimals(-(10**6), 10**6, places=6),
        ),
        max_size=25,
    )
)
async def test_all_statements_together_are_the_period(
    tmp_path_factory: pytest.TempPathFactory, drawn: list[tuple[str, str, Decimal | None]]
) -> None:
    part = {"allocated_ratio": Decimal("0.5"), "corrects_period": "2026-01"}
    rows = [row(cost_centre=centre, kind=kind, cost=cost, exact_cost=cost, **part) for centre, kind, cost in drawn]
    of = period_tables(tmp_path_factory.mktemp("sums"), rows)

    files, content = await written(of)

    printed = [
        each
        for path, text in content.items()
        if path.endswith(".csv")
        for each in csv.DictReader(io.StringIO(text.decode(), newline=""))
    ]
    assert len(printed) == len(rows) == sum(file.rows for file in files.written)
    assert sum(Decimal(each["cost"] or 0) for each in printed) == sum(cost for *_, cost in drawn if cost is not None)
    assert sorted(each["charge_id"] for each in printed) == [f"{number:032x}" for number in range(len(rows))]
