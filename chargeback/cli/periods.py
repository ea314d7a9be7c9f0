"""Billing periods on the command line: how far each is, closing, and correcting closed ones."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
import typer

from chargeback.bootstrap import Container
from chargeback.cli.answers import Answer, answer
from chargeback.cli.options import By, Json, Period, reason_option, require_override_with_reason
from chargeback.cli.terminal import counted, listed, progress, run
from chargeback.domain.money.exact import to_text
from chargeback.domain.periods.lifecycle import BillingPeriod, PeriodChange, PeriodState
from chargeback.domain.reports.layout import manifest_path
from chargeback.domain.reports.manifest import PublishedFile
from chargeback.domain.time.months import Month, month

app = typer.Typer(help="Billing periods: open, closing, closed.", no_args_is_help=True)


class PeriodStatus(Answer, frozen=True, kw_only=True):
    """How far a period is; `manifest` is the SHA-256 of its closed manifest, empty while it is open."""

    month: Month = msgspec.field(name="period")
    state: str
    is_filed: bool
    manifest: str
    history: tuple[PeriodChange, ...]


class ListedPeriods(Answer, frozen=True):
    """The periods of `periods list`, ascending."""

    periods: tuple[PeriodStatus, ...]


class ShownPeriod(PeriodStatus, frozen=True, kw_only=True):
    """A period of `periods show`: from `start` until before `end`, UTC; `files` are those of a closed one."""

    start: datetime
    end: datetime
    time_zone: str
    files: tuple[PublishedFile, ...]


class PeriodAfterClosing(PeriodStatus, frozen=True, kw_only=True):
    """A period of `periods close`; `was_closed` where it was closed before, and nothing changed."""

    was_closed: bool


class CorrectionRate(Answer, frozen=True):
    """One unit of `from_currency` is `rate` of `to_currency`."""

    from_currency: str
    to_currency: str
    rate: str
    date: str


class FoundCorrections(Answer, frozen=True):
    """What `periods correct` found to differ; it becomes corrections in the period `corrected_in`."""

    period: str
    days: int
    lines: int
    cost: str
    currency: str
    rates: tuple[CorrectionRate, ...]
    corrected_in: str


@app.command("list")
def list_periods(as_json: Json = False) -> None:
    """List every period and how far it is."""

    async def work(container: Container) -> None:
        found = list(await container.periods.closed())
        for name in await container.drafts.open_periods(datetime.now(UTC)):
            known, _ = await container.periods.get(name)
            found.append(known)
        standings = tuple(PeriodStatus(**_standing(each)) for each in found)
        answer(ListedPeriods(standings), map(_line, standings), as_json=as_json)

    run(work)


@app.command()
def show(period: Period, as_json: Json = False) -> None:
    """Show a period's state, history and files."""

    async def work(container: Container) -> None:
        from chargeback.services.closing.file_period import files_of

        calendar = (await container.catalogues.current()).calendar
        start, end = calendar.bounds(month(period))
        known, _ = await container.periods.get(month(period))
        files = tuple(await files_of(known, container.closed_reports)) if known.is_filed else ()
        zone = calendar.time_zone(month(period))
        shown = ShownPeriod(**_standing(known), start=start, end=end, time_zone=zone, files=files)
        answer(shown, _shown(shown), as_json=as_json)

    run(work)


@app.command()
def close(
    period: Period,
    by: By,
    override: Annotated[
        bool,
        typer.Option("--override", help="Close it although usage is unsettled or unpriced; takes a --reason."),
    ] = False,
    reason: Annotated[str | None, reason_option("With --override: why; goes on the record.")] = None,
    as_json: Json = False,
) -> None:
    """Close a period, so that its files are final.

    Whatever comes later is a correction in the oldest open period.

    Example: python -m chargeback periods close 2026-03 --by "Ann Lee"
    """
    require_override_with_reason(override, reason)

    async def work(container: Container) -> None:
        from chargeback.services.closing.finish_days import ClosingRequest

        before, _ = await container.periods.get(month(period))
        with progress(period, None) as advance:
            request = ClosingRequest(by, datetime.now(UTC), reason or "")
            known = await container.closer.close(month(period), request, counted(advance))
        closed = PeriodAfterClosing(**_standing(known), was_closed=before.state is PeriodState.CLOSED)
        answer(closed, _closed(closed), as_json=as_json)

    run(work)


@app.command()
def correct(
    period: Period,
    by: By,
    reason: Annotated[str, reason_option("What was wrong; goes on the record.")],
    as_json: Json = False,
) -> None:
    """Rate a closed period again.

    It is rated with the configuration in force now; the differences become corrections in the oldest open period.

    Example: python -m chargeback periods correct 2026-03 --by "Ann Lee" --reason "the contract says 2.20"
    """

    async def work(container: Container) -> None:
        from chargeback.services.closing.correct_period import correct_period

        change = PeriodChange("rated anew", datetime.now(UTC), by, reason)
        done = await correct_period(month(period), container.closing_books, container.ledger, change)
        oldest = (await container.drafts.open_periods(datetime.now(UTC)))[0]
        rates = tuple(
            CorrectionRate(each.from_currency, each.to_currency, to_text(each.rate), each.date) for each in done.rates
        )
        corrected = FoundCorrections(period, done.days, done.lines, to_text(done.cost), done.currency, rates, oldest)
        answer(corrected, _corrected(corrected), as_json=as_json)

    run(work)


@app.command()
def reopen(period: Period) -> None:
    """Refuse to reopen a period, and say what to do."""

    async def work(container: Container) -> None:
        from chargeback.services.closing.correct_period import refuse_reopening

        known, _ = await container.periods.get(month(period))
        raise refuse_reopening(known)

    run(work)


def _standing(known: BillingPeriod) -> dict[str, Any]:
    return {name: getattr(known, name) for name in PeriodStatus.__struct_fields__}


def _line(standing: PeriodStatus) -> str:
    if not standing.history:
        return f"{standing.month}  {standing.state}"
    last = standing.history[-1]
    is_done = standing.state != PeriodState.CLOSED or standing.is_filed
    filing = "" if is_done else "; its files are not all in their place yet"
    return f"{standing.month}  {standing.state}  {last.what} by {last.by} at {last.at:%Y-%m-%dT%H:%MZ}{filing}"


def _shown(shown: ShownPeriod) -> Iterator[str]:
    yield _line(shown)
    yield f"from {shown.start:%Y-%m-%dT%H:%MZ} until {shown.end:%Y-%m-%dT%H:%MZ}, {shown.time_zone}"
    yield from map(_entry, shown.history)
    yield from listed("closed", {file.path: f": {file.bytes} bytes, sha256 {file.sha256}" for file in shown.files})


def _closed(closed: PeriodAfterClosing) -> Iterator[str]:
    if closed.was_closed:
        yield "it was closed before; nothing changed"
    yield _line(closed)
    yield f"  closed/{manifest_path(closed.month)}: sha256 {closed.manifest}"


def _corrected(done: FoundCorrections) -> Iterator[str]:
    later = f"in {done.corrected_in} from its next publication on"
    for rate in done.rates:
        yield (
            f"{done.period}: 1 {rate.from_currency} is {rate.rate} {rate.to_currency}, as of {rate.date};"
            f" the difference is a correction {later}"
        )
    if done.lines:
        yield (
            f"{done.period}: {done.lines} lines of {done.days} days differ by {done.cost} {done.currency};"
            f" the differences are corrections {later}"
        )
    else:
        yield f"{done.period}: rated with the configuration in force; no line differs from what was in the books"


def _entry(change: PeriodChange) -> str:
    parts = [f"  {change.at:%Y-%m-%dT%H:%MZ}  {change.what} by {change.by}"]
    if change.reason:
        parts.append(f"because: {change.reason}")
    if change.version:
        parts.append(f"configuration {change.version}")
    return "; ".join([*parts, *(f"overridden: {each}" for each in change.overridden)])
