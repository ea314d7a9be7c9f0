"""Plans on the command line: a month's plan from its forecast, finance's plan read back, and how they differ."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from chargeback.bootstrap import Container
from chargeback.cli.answers import Answer, answer
from chargeback.cli.exit_codes import finish
from chargeback.cli.options import By, Json, Overwrite, Period, refuse_existing
from chargeback.cli.signed_in import acting
from chargeback.cli.terminal import open_input, run, written
from chargeback.domain.access.permissions import Permission
from chargeback.domain.money.exact import to_text
from chargeback.domain.reports.layout import name_of
from chargeback.domain.time.months import month

if TYPE_CHECKING:
    from chargeback.services.journals.plan_month import WrittenPlan

app = typer.Typer()

OutDir = Annotated[
    Path | None,
    typer.Option("--out-dir", metavar="FOLDER", help="Also download the file into this folder. Default: no download."),
]


class PlannedMonth(Answer, frozen=True, kw_only=True):
    """A plan that was made; `unknown` lines have no amount, because nobody can say it yet."""

    period: str
    version: str
    path: str
    lines: int
    unknown: int


class KeptVersion(Answer, frozen=True):
    """A version of a plan that was read in; `was_there` where it was there before, and nothing changed."""

    period: str
    version: str
    lines: int
    was_there: bool


class KeptVersions(Answer, frozen=True):
    """The versions in a file."""

    versions: tuple[KeptVersion, ...]


class PlannedAccount(Answer, frozen=True, kw_only=True):
    """How an account of an ERP object differs from the plan; null where nobody planned it or can say it.

    Attributes:
        variance: actual minus planned.
        expected: the end of the month; for a closed one, the actual amount.
    """

    company: str
    object: str
    account: str
    currency: str
    planned: str | None
    actual: str
    variance: str | None
    expected: str | None


class ComparedMonth(Answer, frozen=True, kw_only=True):
    """A month against its plan; the amounts are final where `is_closed`."""

    period: str
    version: str
    is_closed: bool
    path: str
    accounts: tuple[PlannedAccount, ...]


@app.command()
def plan(
    period: Period,
    version: Annotated[
        str, typer.Option("--version", metavar="NAME", help="Default: forecast- and today's date.", show_default=False)
    ] = "",
    out_dir: OutDir = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Write the plan of the month under way, by company, object and account.

    Usage is the forecast; shared costs and corrections are those of the draft. An amount that nobody can say is empty.

    Example: chargeback postings plan 2026-03 --out-dir .
    """

    async def work(container: Container) -> None:
        await acting(container, Permission.CHANGE_PERIODS)
        made = await container.planner.plan(month(period), version, datetime.now(UTC))
        file = await container.planner.write_plan(made)
        _download(file, out_dir, overwrite=overwrite)
        unknown = sum(not line.amount for line in made.lines)
        planned = PlannedMonth(
            period=period, version=made.version, path=file.path, lines=len(made.lines), unknown=unknown
        )
        lines = [
            f"reports/{file.path}: {planned.lines} lines of {planned.version}, {unknown} of them without an amount"
        ]
        answer(planned, lines, as_json=as_json)
        finish(has_findings=bool(unknown))

    run(work)


@app.command("import-plan")
def import_plan(
    file: Annotated[str, typer.Argument(metavar="FILE", help="The plan as CSV; - is standard input.")],
    by: By = None,
    as_json: Json = False,
) -> None:
    """Read finance's plan back, as versions that months can be compared with.

    A version of a month never changes; the same file may come again.

    Example: chargeback postings import-plan plan-2026.csv
    """

    async def work(container: Container) -> None:
        from chargeback.services.journals.plan_documents import KeptPlan, Plans
        from chargeback.services.journals.plan_files import read_plans

        with open_input(file) as source:
            plans = read_plans(source.read(), file)
        who = await acting(container, Permission.CHANGE_PERIODS, by)
        now = datetime.now(UTC).isoformat()
        kept = []
        for each in plans:
            one = KeptPlan(each.period, each.version, each.lines, by=who.by, at=now)
            is_new = await Plans(container.control).keep(one)
            kept.append(KeptVersion(each.period, each.version, len(each.lines), not is_new))
        lines = (
            f"{each.period}: {each.lines} lines of {each.version}{', there before' if each.was_there else ''}"
            for each in kept
        )
        answer(KeptVersions(tuple(kept)), lines, as_json=as_json)

    run(work)


@app.command()
def compare(
    period: Period,
    version: Annotated[
        str,
        typer.Option(
            "--version",
            metavar="NAME",
            help="Version of the plan. Default: the one that was read in last.",
            show_default=False,
        ),
    ] = "",
    out_dir: OutDir = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Compare a month with its plan, by company, object and account.

    A closed month by its journal, an open one by its draft and its forecast.

    Example: chargeback postings compare 2026-03 --version budget-2026
    """

    async def work(container: Container) -> None:
        found = await container.planner.compare(month(period), version, datetime.now(UTC))
        file = await container.planner.write_comparison(found)
        _download(file, out_dir, overwrite=overwrite)
        accounts = []
        for each in found.variances:
            company, object_, account, currency = each.key
            planned, variance, expected = (
                None if amount is None else to_text(amount) for amount in (each.planned, each.variance, each.expected)
            )
            accounts.append(
                PlannedAccount(
                    company=company,
                    object=object_,
                    account=account,
                    currency=currency,
                    planned=planned,
                    actual=to_text(each.actual),
                    variance=variance,
                    expected=expected,
                )
            )
        compared = ComparedMonth(
            period=period,
            version=found.plan.version,
            is_closed=found.is_closed,
            path=file.path,
            accounts=tuple(accounts),
        )
        answer(compared, _told(compared), as_json=as_json)

    run(work)


def _download(file: "WrittenPlan", out_dir: Path | None, *, overwrite: bool) -> None:
    if out_dir is None:
        return
    local = out_dir / name_of(file.path)
    refuse_existing(local, overwrite=overwrite)
    with written(local):
        local.write_bytes(file.content)


def _told(compared: ComparedMonth) -> Iterator[str]:
    final = "closed" if compared.is_closed else "open, so far"
    yield f"reports/{compared.path}: {compared.period} ({final}) against {compared.version}"
    for each in compared.accounts:
        yield (
            f"  {each.company} {each.object} {each.account}: planned {_said(each.planned)}, actual {each.actual},"
            f" variance {_said(each.variance)}, expected {_said(each.expected)} {each.currency}"
        )


def _said(amount: str | None) -> str:
    return "not known" if amount is None else amount
