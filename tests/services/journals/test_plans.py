"""A month has a plan from its forecast, finance's plan comes back as a version, and the two are compared."""

from datetime import UTC, datetime

import pytest

from chargeback.adapters.memory.stores import MemoryBooks
from chargeback.domain.errors import ChargebackError, InvalidConfig, PeriodClosed, PostingRefused
from chargeback.domain.journals.plans import Plan, PlanLine
from chargeback.domain.time.days import days_between
from chargeback.services.journals.plan_documents import KeptPlan, Plans
from chargeback.services.journals.plan_files import print_plan, print_variances, read_plans
from chargeback.services.journals.plan_month import Planner
from tests.support.closed_months import NOW, ClosedMonths
from tests.support.journals import APRIL, MARCH, charged

pytestmark = pytest.mark.anyio

APRIL_16 = datetime(2026, 4, 16, 9, tzinfo=UTC)
HEAD = "version,company_code,object,gl_account,period,amount,currency\r\n"


@pytest.fixture
def months() -> ClosedMonths:
    months = ClosedMonths()
    months.draft(
        APRIL,
        [
            charged("product/search", "150", date="2026-04-15"),
            charged("product/search", "300", kind="shared", date="2026-04-01"),
            charged("platform", "-2.5", corrects_period=MARCH),
        ],
    )
    return months


async def planner(months: ClosedMonths, daily: dict[str, str], since: str = "2026-02-01") -> Planner:
    """Each cost centre spends the same every day."""
    books = MemoryBooks()
    for day in days_between(since, "2026-04-15"):
        centres = {centre: {"dates": {day: cost}} for centre, cost in daily.items()}
        await books.put_summary(day, {"currencies": ["EUR"], "costCentres": centres}, None)
    return Planner(months.control, months.catalogues, books, months.reports, months.journals)


def finance(*lines: tuple[str, str, str, str], version: str = "budget-1", period: str = APRIL) -> KeptPlan:
    found = tuple(PlanLine(company, object_, account, amount, "EUR") for company, object_, account, amount in lines)
    return KeptPlan(period, version, found, by="kim", at="2026-01-02T00:00:00+00:00")


async def test_the_month_under_way_is_planned_by_its_forecast_and_what_is_fixed(months: ClosedMonths) -> None:
    plans = await planner(months, {"product": "3", "product/search": "10"})

    made = await plans.plan(APRIL, "", APRIL_16)

    assert made.version == "forecast-2026-04-16"
    assert [(each.company, each.object, each.account, each.amount) for each in made.lines] == [
        ("1000", "1001", "625100", "-2.5"),
        ("2000", "4711", "625100", "390"),
        ("2000", "4711", "625110", "300"),
    ]
    assert print_plan(made).decode().splitlines()[1] == "forecast-2026-04-16,1000,1001,625100,2026-04,-2.5,EUR"


async def test_what_nobody_can_forecast_is_not_planned_as_nothing(months: ClosedMonths) -> None:
    plans = await planner(months, {"product": "3"}, since="2026-04-14")

    made = await plans.plan(APRIL, "first", APRIL_16)

    assert [(each.account, each.amount) for each in made.lines if each.company == "2000"] == [
        ("625100", ""),
        ("625110", "300"),
    ]


async def test_only_the_month_under_way_is_planned_and_only_where_posting_rules_are_complete(
    months: ClosedMonths,
) -> None:
    plans = await planner(months, {"research": "3"})

    with pytest.raises(ChargebackError, match="only the month under way has a forecast, which is 2026-04"):
        await plans.plan(MARCH, "", APRIL_16)
    with pytest.raises(PostingRefused, match="no entry for 'research' or above it on 2026-04-16; it has 45 EUR"):
        await plans.plan(APRIL, "", APRIL_16)


async def test_a_plan_goes_out_and_comes_in_as_it_was(months: ClosedMonths) -> None:
    made = await (await planner(months, {"product": "3"})).plan(APRIL, "v1", APRIL_16)

    assert read_plans(print_plan(made), "plan.csv") == [made]


async def test_an_open_month_is_compared_by_its_draft_and_its_forecast(months: ClosedMonths) -> None:
    plans = await planner(months, {"product/search": "10"})
    await Plans(months.control).keep(finance(("2000", "4711", "625100", "250"), ("3000", "1", "9", "1")))

    found = await plans.compare(APRIL, "", APRIL_16)

    lines = print_variances(found.plan, found.variances).decode().splitlines()
    assert not found.is_closed
    assert lines == [
        "version,company_code,object,gl_account,period,planned,actual,variance,expected,currency",
        "budget-1,1000,1001,625100,2026-04,,-2.5,,-2.5,EUR",
        "budget-1,2000,4711,625100,2026-04,250,150,-100,300,EUR",
        "budget-1,2000,4711,625110,2026-04,,300,,300,EUR",
        "budget-1,3000,1,9,2026-04,1,0,-1,0,EUR",
    ]


async def test_a_closed_month_is_compared_by_its_journal(months: ClosedMonths) -> None:
    plans = await planner(months, {})
    await Plans(months.control).keep(finance(("2000", "4711", "625100", "250"), period=MARCH))
    await months.close(MARCH, [charged("product/search", "240.004"), charged("product/web", "1")])
    with pytest.raises(
        ChargebackError, match="2026-03 is closed and has no journal: `chargeback postings make 2026-03` first"
    ):
        await plans.compare(MARCH, "", APRIL_16)
    await months.journals.make(MARCH, NOW)

    found = await plans.compare(MARCH, "budget-1", APRIL_16)

    [product] = found.variances
    assert (product.actual, product.variance, product.expected, found.is_closed) == (240, -10, 240, True)


async def test_a_version_never_changes_and_the_last_one_is_compared(months: ClosedMonths) -> None:
    plans, kept = await planner(months, {"product": "1"}), Plans(months.control)
    first = finance(("2000", "4711", "625100", "250"))
    later = KeptPlan(APRIL, "budget-2", first.lines, by="kim", at="2026-02-02T00:00:00+00:00")

    assert [await kept.keep(first), await kept.keep(first), await kept.keep(later)] == [True, False, True]
    with pytest.raises(PeriodClosed, match="'budget-1' of 2026-04 is there with other lines, and stays"):
        await kept.keep(finance(("2000", "4711", "625100", "251")))
    assert (await plans.compare(APRIL, "", APRIL_16)).plan == later
    with pytest.raises(ChargebackError, match="2026-04 has no plan 'budget-3'; there are: budget-1, budget-2"):
        await plans.compare(APRIL, "budget-3", APRIL_16)


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ("v 1,2000,4711,625100,2026-04,1,EUR", "version: 'v 1' is not 1 to 40 letters"),
        ("v1,,4711,625100,2026-04,1,EUR", "company_code: '' is empty"),
        ("v1,2000,4711, 625100,2026-04,1,EUR", "gl_account: ' 625100' is empty, has blanks around it"),
        ("v1,2000,4711,625100,2026-13,1,EUR", "period: period '2026-13' is not a month"),
        ("v1,2000,4711,625100,2026-04,1.234,EUR", "amount: '1.234' is not a number"),
        ('v1,2000,4711,625100,2026-04,"1,5",EUR', "amount: '1,5' is not a number"),
        ("v1,2000,4711,625100,2026-04,1,euro", "currency: 'euro' is not an ISO 4217 code"),
        ("v1,2000,4711,625100,2026-04,1", "6 cells, not 7"),
    ],
)
def test_a_faulty_line_of_a_plan_is_named(row: str, fault: str) -> None:
    with pytest.raises(InvalidConfig) as caught:
        read_plans(f"{HEAD}v1,2000,1,2,2026-04,1,EUR\r\n{row}\r\n".encode(), "plan.csv")

    assert caught.value.faults[0].startswith(f"plan.csv:3: {fault}")


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"a,b\r\n", "plan.csv:1: the columns are a,b, not version,company_code"),
        (HEAD.encode(), "plan.csv: has no line"),
        (b"\xff", "plan.csv: is not UTF-8"),
        (f'{HEAD}"{"x" * 140_000}'.encode(), "plan.csv: is not CSV: field larger than field limit"),
        (f"{HEAD}v,2,1,2,2026-04,1,EUR\r\nv,2,1,2,2026-04,1,EUR".encode(), "plan.csv:3: 2, 1, 2 in EUR is there twice"),
    ],
)
def test_a_file_that_is_no_plan_is_refused(content: bytes, fault: str) -> None:
    with pytest.raises(InvalidConfig) as caught:
        read_plans(content, "plan.csv")

    assert caught.value.faults[0].startswith(fault)


def test_a_name_that_a_spreadsheet_would_run_is_protected_and_read_back() -> None:
    plan = Plan(APRIL, "v1", (PlanLine("2000", "=1+1", "625100", "-5", "EUR"),))

    assert b",'=1+1,625100,2026-04,-5,EUR" in print_plan(plan)
    assert read_plans(print_plan(plan), "plan.csv") == [plan]
