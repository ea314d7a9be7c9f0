"""An open month is accrued up to any date, with its reversal in the next month."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from chargeback.domain.errors import ChargebackError, PeriodClosed
from chargeback.domain.time.days import BookDate, UtcDay
from chargeback.services.journals.confirm_document import confirm_document
from chargeback.services.journals.journal_documents import ErpAnswer
from chargeback.services.journals.render_postings import read_postings
from chargeback.services.usage.audit_results import AuditResult, AuditResults
from tests.support.closed_months import ClosedMonths
from tests.support.journals import APRIL, MARCH, charged

pytestmark = pytest.mark.anyio

APRIL_11 = datetime(2026, 4, 11, 9, tzinfo=UTC)
OF_APRIL = [
    charged("product/search", "100.006", "5", date="2026-04-02"),
    charged("product/search", "50", date="2026-04-11"),
    charged("product/search", "300", kind="shared", date="2026-04-01"),
    charged("platform", "-2.5", corrects_period=MARCH),
]


@pytest.fixture
def months() -> ClosedMonths:
    months = ClosedMonths()
    months.draft(APRIL, OF_APRIL)
    return months


async def test_what_is_charged_by_a_date_is_accrued_and_reversed_on_the_first_of_the_next_month(
    months: ClosedMonths,
) -> None:
    made = await months.accruals.accrue(APRIL, None, APRIL_11)

    lines = read_postings(made.content)
    of_2000 = [(each.document_id, each.account, each.amount) for each in lines if each.company == "2000"]
    # The shared cost of April by 10 of its 30 days.
    assert of_2000 == [
        ("CB-2026-04-2000-A10", "625110", Decimal("100.00")),
        ("CB-2026-04-2000-A10", "625100", Decimal("100.01")),
        ("CB-2026-04-2000-A10", "240190", Decimal("-200.01")),
        ("CB-2026-04-2000-A10R", "625110", Decimal("-100.00")),
        ("CB-2026-04-2000-A10R", "625100", Decimal("-100.01")),
        ("CB-2026-04-2000-A10R", "240190", Decimal("200.01")),
    ]
    assert {(each.posting_date, each.reversal_date, each.reverses, each.period) for each in lines} == {
        ("2026-04-10", "2026-05-01", "", "2026-04"),
        ("2026-05-01", "", "CB-2026-04-2000-A10", "2026-05"),
        ("2026-05-01", "", "CB-2026-04-1000-A10", "2026-05"),
    }
    assert {each.account for each in lines if each.partner == "2000"} == {"140190", "695000", "845000"}
    assert sum(each.amount for each in lines) == 0
    assert [each.amount for each in made.record.documents] == ["200.01", "202.51"] * 2
    assert (made.record.sums[0].posted, made.record.sums[0].charged) == ("197.51", "197.51")


async def test_the_whole_month_is_accrued_once_it_is_over(months: ClosedMonths) -> None:
    made = await months.accruals.accrue(APRIL, None, datetime(2026, 5, 2, tzinfo=UTC))

    assert made.record.until == "2026-04-30"
    assert made.record.sums[0].posted == "447.51"


async def test_a_second_run_gives_the_same_bytes_and_a_newer_draft_newer_amounts(months: ClosedMonths) -> None:
    first = await months.accruals.accrue(APRIL, None, APRIL_11)
    again = await months.accruals.accrue(APRIL, None, APRIL_11)
    months.draft(APRIL, [*OF_APRIL, charged("platform", "7", date="2026-04-03")])
    later = await months.accruals.accrue(APRIL, None, APRIL_11)

    assert again.content == first.content
    assert months.reports.files[later.record.path] == later.content != first.content


async def test_what_the_erp_has_posted_keeps_its_amounts(months: ClosedMonths) -> None:
    first = await months.accruals.accrue(APRIL, None, APRIL_11)
    answer = ErpAnswer(first.record.documents[0].id, "77", "2026-04-12", "kim", "")
    await confirm_document(months.journals.records, answer, APRIL_11)
    months.draft(APRIL, [*OF_APRIL, charged("platform", "7", date="2026-04-11")])  # after the date of the accrual
    same = await months.accruals.accrue(APRIL, None, APRIL_11)
    other = await months.accruals.accrue(APRIL, "2026-04-09", APRIL_11)
    months.draft(APRIL, [*OF_APRIL, charged("platform", "7", date="2026-04-03")])

    with pytest.raises(PeriodClosed, match="until 2026-04-10 was posted as 77 on 2026-04-12"):
        await months.accruals.accrue(APRIL, None, APRIL_11)
    assert same.content == first.content
    assert [each.name for each in other.earlier] == ["2026-04-accrual-2026-04-10"]


async def test_a_draft_from_before_an_audit_of_these_dates_is_not_accrued(months: ClosedMonths) -> None:
    audits = AuditResults(months.control)
    for day in ("2026-04-08", "2026-04-11"):
        counts = {"events": 1, "calls": 1, "duplicates": 0, "unreadable": 0}
        await audits.swap(AuditResult(day=UtcDay(day), at=APRIL_11.isoformat(), final=False, **counts), None)

    with pytest.raises(
        ChargebackError, match="is older than the audit of 2026-04-08: `chargeback publish 2026-04` first"
    ):
        await months.accruals.accrue(APRIL, None, APRIL_11)
    assert (await months.accruals.accrue(APRIL, BookDate("2026-04-07"), APRIL_11)).record.documents


async def test_a_closed_month_a_date_to_come_and_one_of_another_month_are_refused(months: ClosedMonths) -> None:
    await months.close(MARCH, [])

    with pytest.raises(PeriodClosed, match="`chargeback postings make 2026-03`"):
        await months.accruals.accrue(MARCH, None, APRIL_11)
    with pytest.raises(ChargebackError, match="the last date that is, is 2026-04-10"):
        await months.accruals.accrue(APRIL, "2026-04-11", APRIL_11)
    with pytest.raises(ChargebackError, match="2026-03-31 is not a date of 2026-04"):
        await months.accruals.accrue(APRIL, "2026-03-31", APRIL_11)
