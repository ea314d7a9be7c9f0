"""Plans a month from its forecast: usage as it is expected, and the shared costs and corrections of the draft."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from chargeback.domain.errors import ChargebackError, PostingRefused
from chargeback.domain.journals.amounts import ChargedSum, Targets, in_minor_units, last_date
from chargeback.domain.journals.entries import EntryType
from chargeback.domain.journals.plans import Plan, PlanKey, PlanLine, PlanVariance, plan_sums, variances_of
from chargeback.domain.journals.posting_rules import SHARED, USAGE, PostingRules
from chargeback.domain.money.currencies import minor_unit_decimals
from chargeback.domain.money.exact import round_total, to_text
from chargeback.domain.outlook.forecast import Forecast
from chargeback.domain.periods.lifecycle import PeriodState
from chargeback.domain.reports.layout import plan_path, plan_variance_path
from chargeback.domain.time.days import BookDate
from chargeback.domain.time.months import Month, month_of
from chargeback.services.forecasting.look_ahead import forecasts_alone
from chargeback.services.forecasting.spend_history import read_until, viewpoint
from chargeback.services.journals.journal_documents import JournalRecords
from chargeback.services.journals.make_postings import REMEDY, JournalMaker
from chargeback.services.journals.plan_documents import KeptPlan, Plans
from chargeback.services.journals.plan_files import print_plan, print_variances
from chargeback.services.journals.sum_charges import sum_charges
from chargeback.services.periods.documents import PeriodDocuments
from chargeback.services.ports.books import Books
from chargeback.services.ports.control import Catalogues, Control, Version
from chargeback.services.ports.reports import Reports
from chargeback.services.publishing.files import CSV

Sums = dict[PlanKey, Decimal | None]


@dataclass(frozen=True, slots=True)
class ComparedPlan:
    """How a month differs from a version of its plan; `is_closed`: whether its charges are final."""

    plan: KeptPlan
    variances: tuple[PlanVariance, ...]
    is_closed: bool


@dataclass(frozen=True, slots=True)
class WrittenPlan:
    """A file that was written: its path in the reports, and what it holds."""

    path: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Planner:
    """Makes plans from forecasts, and compares months with the plans of finance.

    Attributes:
        reports: the drafts of open periods.
        journals: those of closed ones.
    """

    control: Control
    catalogues: Catalogues
    books: Books
    reports: Reports
    journals: JournalMaker

    async def plan(self, period: Month, version: str, now: datetime) -> Plan:
        """The month under way as it is expected to end, by company, object and account, in minor units.

        Raises `ChargebackError` for another month or one without a draft, `PostingRefused` where rules are missing.
        """
        configuration = await self.catalogues.version()
        current = month_of(configuration.catalogue.calendar.date_of(now))
        if period != current:
            raise ChargebackError(f"only the month under way has a forecast, which is {current}")
        name = version or f"forecast-{configuration.catalogue.calendar.date_of(now)}"
        expected = await self._expected(period, configuration, now)
        lines = [PlanLine(*key[:3], "" if sum_ is None else to_text(sum_), key[3]) for key, sum_ in expected.items()]
        return Plan(period, name, tuple(lines))

    async def compare(self, period: Month, version: str, now: datetime) -> ComparedPlan:
        """A month against a version of its plan; without a name, against the one that was read in last.

        A closed month is compared by its journal, an open one by its draft and its forecast.
        """
        plans = await Plans(self.control).of(period)
        plan = next((each for each in reversed(plans) if version in ("", each.version)), None)
        if plan is None:
            there = ", ".join(each.version for each in plans) or "none"
            raise ChargebackError(f"{period} has no plan {version!r}; there are: {there}")
        known, _ = await PeriodDocuments(self.control).get(period)
        if known.state is PeriodState.CLOSED:
            actual = await self._posted(period)
            expected = actual
        else:
            configuration = await self.catalogues.version()
            sums = (await sum_charges(period, self.reports)).sums
            actual = _by_account(period, sums, configuration)
            is_current = period == month_of(configuration.catalogue.calendar.date_of(now))
            expected = await self._expected(period, configuration, now) if is_current else actual
        return ComparedPlan(plan, tuple(variances_of(plan, actual, expected)), known.state is PeriodState.CLOSED)

    async def write_plan(self, plan: Plan) -> WrittenPlan:
        """Write the file of a plan into the reports."""
        return await self._write(plan_path(plan.period), print_plan(plan))

    async def write_comparison(self, compared: ComparedPlan) -> WrittenPlan:
        """Write the file of a comparison into the reports."""
        plan = compared.plan
        return await self._write(
            plan_variance_path(plan.period, plan.version), print_variances(plan, compared.variances)
        )

    async def _write(self, path: str, content: bytes) -> WrittenPlan:
        async with self.reports.create(path, CSV) as file:
            await file.write(content)
        return WrittenPlan(path, content)

    async def _posted(self, period: Month) -> Sums:
        record, _ = await JournalRecords(self.control).get(period)
        if record is None or not record.is_filed:
            raise ChargebackError(f"{period} is closed and has no journal: `chargeback postings make {period}` first")
        return plan_sums(
            ((line.company, line.object, line.account, line.currency), line.amount)
            for line in await self.journals.lines(record)
            if line.cost_centre and line.type is not EntryType.CARRY
        )

    async def _expected(self, period: Month, version: Version, now: datetime) -> Sums:
        calendar = version.catalogue.calendar
        charges = (await sum_charges(period, self.reports)).sums
        fixed = [each for each in charges if each.kind == SHARED or each.corrects_period]
        view = viewpoint(calendar.date_of(now), period=period)
        history = await read_until(self.books, view)
        into = history.into(calendar.currency(period), version.terms, period)
        forecasts = await forecasts_alone(history, view, into)
        known = _by_account(period, fixed, version)
        usage = _of_forecasts(forecasts, version, view.today)
        return plan_sums([*known.items(), *usage])


def _by_account(period: Month, sums: list[ChargedSum], version: Version) -> Sums:
    """The sums in minor units by company, object and account."""
    rules, targets = _targets(period, version, last_date(period))
    try:
        found = in_minor_units(period, sums, targets, rules, carries=False)
    except PostingRefused as refused:
        raise PostingRefused(period, refused.reasons, remedy=REMEDY.format(period)) from None
    return plan_sums(
        (
            (
                each.target.company,
                each.target.object,
                each.target.account(each.kind, is_correction=bool(each.corrects_period)),
                each.currency,
            ),
            each.amount,
        )
        for each in found.posted
    )


def _of_forecasts(
    forecasts: list[Forecast], version: Version, today: BookDate
) -> Iterator[tuple[PlanKey, Decimal | None]]:
    """What each cost centre is expected to use, at the entry that is in force today."""
    period = forecasts[0].period if forecasts else month_of(today)
    _, targets = _targets(period, version, last_date(period))
    found = [(each, targets.of(each.cost_centre, today, each.currency, each.spent)) for each in forecasts]
    try:
        targets.require_all(period)
    except PostingRefused as refused:
        raise PostingRefused(period, refused.reasons, remedy=REMEDY.format(period)) from None
    for each, target in found:
        assert target is not None, "required above"
        expected = each.total.expected if each.total else None
        amount = None if expected is None else round_total(expected, minor_unit_decimals(each.currency))
        account = target.account(USAGE, is_correction=False)
        yield (target.company, target.object, account, each.currency), amount


def _targets(period: Month, version: Version, until: BookDate) -> tuple[PostingRules, Targets]:
    rules = version.terms.posting
    if rules is None:
        raise PostingRefused(period, ["posting.yaml has no entries"], remedy=REMEDY.format(period))
    return rules, Targets(rules, version.catalogue.calendar, until)
