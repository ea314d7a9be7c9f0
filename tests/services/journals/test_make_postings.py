"""A closed month is posted once: whatever dies, comes twice or changes meanwhile, the file and its numbers stay."""

import csv
import io
from decimal import Decimal
from hashlib import sha256
from typing import Any

import pytest

from chargeback.adapters.memory.reports import MemoryReports
from chargeback.adapters.memory.stores import MemoryControl
from chargeback.domain.errors import ChargebackError, InconsistentFile, PeriodClosed, PostingRefused, StoreUnavailable
from chargeback.domain.journals.entries import EntryType
from chargeback.domain.journals.entries import charged as charged_by
from chargeback.domain.terms.terms import Terms
from chargeback.services.journals.journal_documents import JournalRecord
from tests.support.closed_months import NOW, ClosedMonths
from tests.support.journals import APRIL, ISSUER, MARCH, MAY, charged, posted_to, rules

pytestmark = pytest.mark.anyio

OF_MARCH = [
    charged("product/search", "740.246891", "35.249852", kind="shared"),
    charged("product/web", "3.41"),
    charged("platform", "100.002"),
]
OF_APRIL = [
    charged("product/search", "-740.246891", "-35.249852", kind="shared", corrects_period=MARCH),
    charged("product/web", "4.00", date="2026-04-03"),
]


@pytest.fixture
async def months() -> ClosedMonths:
    months = ClosedMonths()
    await months.close(MARCH, OF_MARCH)
    return months


async def test_two_months_with_a_markup_a_credit_note_and_what_was_carried(months: ClosedMonths) -> None:
    await months.close(APRIL, OF_APRIL)

    march, april = await months.lines(MARCH), await months.lines(APRIL)

    record, _ = await months.journals.records.get(APRIL)
    assert record is not None
    assert [(each.id, each.type, each.amount, each.reverses) for each in record.documents] == [
        ("CB-2026-04-2000", "charge", "7.41", ""),
        ("CB-2026-04-1000", "charge", "7.41", ""),
        ("CB-2026-04-2000-C1", "credit_note", "740.25", "CB-2026-03-2000"),
        ("CB-2026-04-1000-C1", "credit_note", "740.25", "CB-2026-03-1000"),
    ]
    [sums] = record.sums
    assert (sums.printed, sums.charged, sums.waited) == ("-736.246891", "-736.25", "3.41")
    assert (sums.posted, sums.waiting) == ("-732.84", "0")
    assert charged_by([*march, *april]) == Decimal("107.41")
    assert {line.type for line in march} == {EntryType.CHARGE, EntryType.CARRY}


async def test_the_file_has_the_columns_of_the_issue_and_nothing_that_a_spreadsheet_runs(months: ClosedMonths) -> None:
    hostile = posted_to("product", object_='=HYPERLINK("x")')
    months.catalogues.settled_by = Terms(posting=rules(hostile, posted_to("platform", "1000")))
    await months.close(MARCH, OF_MARCH, approved_by="b.kim")

    record = await months.journals.make(MARCH, NOW)

    content = months.closed.files["2026-03/postings-2026-03.csv"]
    first = next(csv.DictReader(io.StringIO(content.decode(), newline="")))
    manifest = sha256(months.closed.files["2026-03/manifest.json"]).hexdigest()
    assert first == {
        "document_id": "CB-2026-03-2000", "line": "1", "type": "charge", "period": "2026-03", "corrects_period": "",
        "document_date": "2026-03-31", "posting_date": "2026-03-31", "reversal_date": "", "company_code": "2000",
        "partner_company": "1000", "gl_account": "625110", "object_type": "CC", "object": "'=HYPERLINK(\"x\")",
        "tax_code": "V0", "debit": "740.25", "credit": "0.00", "currency": "EUR", "markup": "35.25",
        "reverses_document": "", "text": "Azure OpenAI 2026-03", "cost_centre": "product/search", "kind": "shared",
        "manifest_sha256": manifest, "approved_by": "b.kim",
    }  # fmt: skip
    assert (await months.journals.lines(record))[0].object == '=HYPERLINK("x")'


async def test_a_second_run_gives_the_same_bytes_also_with_another_configuration(months: ClosedMonths) -> None:
    first = await months.journals.make(MARCH, NOW)
    content = months.closed.files[first.path]
    months.catalogues.settled_by = Terms(posting=rules(posted_to("product", "1000"), posted_to("platform", "1000")))

    again = await months.journals.make(MARCH, NOW)

    assert again == first
    assert months.closed.files[first.path] == content


async def test_a_file_that_was_lost_is_written_again_and_one_that_was_changed_is_found(months: ClosedMonths) -> None:
    record = await months.journals.make(MARCH, NOW)
    content = months.closed.files.pop(record.path)

    again = await months.journals.make(MARCH, NOW)

    assert (again, months.closed.files[record.path]) == (record, content)
    months.closed.files[record.path] = content.replace(b"740.25", b"740.26")
    with pytest.raises(InconsistentFile, match="is not what was written"):
        await months.journals.lines(record)


class Dying(MemoryReports):
    """Reports in which one write fails."""

    dies = True

    def create(self, path: str, content_type: str, *, only_if_absent: bool = False) -> Any:
        if path.endswith("postings-2026-03.csv") and self.dies:
            self.dies = False
            raise StoreUnavailable("killed")
        return super().create(path, content_type, only_if_absent=only_if_absent)


async def test_a_run_that_dies_between_record_and_file_is_finished_with_the_same_journal() -> None:
    months, other = ClosedMonths(closed=Dying()), ClosedMonths()
    for each in (months, other):
        await each.close(MARCH, OF_MARCH)
    with pytest.raises(StoreUnavailable):
        await months.journals.make(MARCH, NOW)
    months.catalogues.settled_by = Terms(posting=rules(posted_to("product", "1000"), posted_to("platform", "1000")))

    finished, whole = await months.journals.make(MARCH, NOW), await other.journals.make(MARCH, NOW)

    assert finished == whole
    assert months.closed.files[finished.path] == other.closed.files[whole.path]


class Forgetful(MemoryControl):
    """Control documents to which one write of a journal that is filed is lost."""

    forgets = True

    async def swap(self, kind: str, name: str, document: dict[str, Any], after: str | None) -> str:
        if kind == "journal" and document["isFiled"] and self.forgets:
            self.forgets = False
            raise StoreUnavailable("killed")
        return await super().swap(kind, name, document, after)


async def test_a_run_that_dies_after_the_file_is_finished_without_another_byte() -> None:
    months = ClosedMonths(control=Forgetful())
    await months.close(MARCH, OF_MARCH)
    with pytest.raises(StoreUnavailable):
        await months.journals.make(MARCH, NOW)
    content = months.closed.files["2026-03/postings-2026-03.csv"]

    finished = await months.journals.make_due(NOW, lambda _: None)

    assert [(each.is_filed, each.sha256) for each in finished if isinstance(each, JournalRecord)] == [
        (True, sha256(content).hexdigest())
    ]
    assert months.closed.files["2026-03/postings-2026-03.csv"] == content


class Overtaken(MemoryControl):
    """Control documents before whose first journal another instance makes its own."""

    other: Any = None

    async def swap(self, kind: str, name: str, document: dict[str, Any], after: str | None) -> str:
        if kind == "journal" and self.other:
            other, self.other = self.other, None
            await other()
        return await super().swap(kind, name, document, after)


async def test_of_two_instances_the_first_record_counts_whatever_configuration_the_second_has() -> None:
    control = Overtaken()
    months = ClosedMonths(control=control)
    await months.close(MARCH, OF_MARCH)
    made: list[JournalRecord] = []

    async def other() -> None:
        made.append(await months.journals.make(MARCH, NOW))

    control.other = other

    late = await months.journals.make(MARCH, NOW)

    assert [late] == made
    assert (await months.journals.make_due(NOW, lambda _: None)) == []


async def test_a_centre_without_an_entry_stops_the_month_until_there_is_one(months: ClosedMonths) -> None:
    await months.close(MARCH, [*OF_MARCH, charged("research", "12.5")])
    await months.close(APRIL, OF_APRIL)

    outcomes = await months.journals.make_due(NOW, lambda _: None)
    months.catalogues.settled_by = Terms(
        posting=rules(posted_to("product"), posted_to("platform", "1000"), posted_to("research", "1000"))
    )
    later = await months.journals.make_due(NOW, lambda _: None)

    [refused] = outcomes
    assert isinstance(refused, PostingRefused)
    assert str(refused) == (
        "2026-03 cannot be posted:\n"
        "  - costCentres: no entry for 'research' or above it on 2026-03-10; it has 12.5 EUR\n"
        "Nothing was posted. Add the entries to posting.yaml, `chargeback config apply`,"
        " then `chargeback postings make 2026-03`"
    )
    assert [each.period for each in later if isinstance(each, JournalRecord)] == [MARCH, APRIL]


async def test_journals_begin_where_the_first_was_made_and_have_no_gap(months: ClosedMonths) -> None:
    await months.close(APRIL, OF_APRIL)
    await months.close(MAY, [charged("platform", "10", date="2026-05-01")])
    await months.journals.make(APRIL, NOW)

    with pytest.raises(PostingRefused, match="the journals begin with 2026-04"):
        await months.journals.make(MARCH, NOW)
    await months.journals.make(MAY, NOW)

    assert sorted(path for path in months.closed.files if "postings" in path) == [
        "2026-04/postings-2026-04.csv",
        "2026-05/postings-2026-05.csv",
    ]


async def test_an_earlier_month_without_a_journal_is_made_first() -> None:
    months = ClosedMonths()
    for number in (3, 4, 5):
        await months.close(f"2026-0{number}", [charged("platform", "10", date=f"2026-0{number}-01")])
    await months.journals.make(MARCH, NOW)

    with pytest.raises(PostingRefused, match="2026-04 has no journal yet, and may carry amounts: make that first"):
        await months.journals.make(MAY, NOW)


@pytest.mark.parametrize("terms", [Terms(), Terms(posting=rules(posted_to("platform", "1000"), issuer=ISSUER))])
async def test_what_cannot_be_posted_leaves_no_trace(terms: Terms) -> None:
    months = ClosedMonths(terms)
    await months.close(MARCH, OF_MARCH)

    with pytest.raises(PostingRefused):
        await months.journals.make(MARCH, NOW)

    assert await months.journals.records.all() == []
    assert [path for path in months.closed.files if "postings" in path] == []


async def test_an_open_month_has_no_journal(months: ClosedMonths) -> None:
    with pytest.raises(ChargebackError, match="only closed months are posted; `chargeback postings accrue 2026-04`"):
        await months.journals.make(APRIL, NOW)


async def test_charges_that_are_not_the_total_of_the_manifest_are_not_posted(months: ClosedMonths) -> None:
    await months.close(APRIL, OF_APRIL)
    months.closed.files["2026-04/charges-2026-04.parquet"] = months.closed.files["2026-03/charges-2026-03.parquet"]

    with pytest.raises(InconsistentFile, match="the charges of 2026-04 are not its total"):
        await months.journals.make(APRIL, NOW)


async def test_another_manifest_than_the_closed_one_is_not_posted(months: ClosedMonths) -> None:
    months.closed.files["2026-03/manifest.json"] += b" "

    with pytest.raises(PeriodClosed, match="is not the one that was closed"):
        await months.journals.make(MARCH, NOW)


async def test_a_month_without_charges_has_a_file_without_documents(months: ClosedMonths) -> None:
    await months.close(APRIL, [])
    await months.journals.make(MARCH, NOW)

    record = await months.journals.make(APRIL, NOW)

    assert [(each.type, each.amount) for each in record.documents] == [("carry", "3.41")]
