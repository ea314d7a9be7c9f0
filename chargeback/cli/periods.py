"""Billing periods on the command line: how far each is, closing, and correcting closed ones."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any

import msgspec
import typer

from chargeback.bootstrap import Container
from chargeback.cli.answers import Answer, answer
from chargeback.cli.exit_codes import finish
from chargeback.cli.options import DRY_RUN, By, DryRun, Json, Period, reason_option, require_override_with_reason
from chargeback.cli.signed_in import acting, named_for
from chargeback.cli.terminal import counted, listed, progress, rehearsed, run
from chargeback.cli.verification import verify
from chargeback.domain.access.permissions import Permission
from chargeback.domain.errors import PostingRefused
from chargeback.domain.money.exact import to_text
from chargeback.domain.periods.lifecycle import BillingPeriod, PeriodChange, PeriodState
from chargeback.domain.reports.layout import charges_path, manifest_path
from chargeback.domain.reports.manifest import PublishedFile
from chargeback.domain.reports.unverified import UnverifiedAmount
from chargeback.domain.time.months import Month, month
from chargeback.services.running.bulkheads import say_nothing

app = typer.Typer(help="Billing periods: open, closing, closed.", no_args_is_help=True)
app.command()(verify)


class PeriodStatus(Answer, frozen=True, kw_only=True):
    """How far a period is; `manifest` is the SHA-256 of its closed manifest, empty while it is open."""

    month: Month = msgspec.field(name="period")
    state: str
    is_filed: bool
    manifest: str
    history: tuple[PeriodChange, ...]


class ListedPeriod(PeriodStatus, frozen=True, kw_only=True):
    """A period of `periods list`; its files have to be there until the end of `kept_until`, if the books say so."""

    kept_until: str


class ListedPeriods(Answer, frozen=True):
    """The periods of `periods list`, ascending."""

    periods: tuple[ListedPeriod, ...]


class ShownPeriod(PeriodStatus, frozen=True, kw_only=True):
    """A period of `periods show`: from `start` until before `end`, UTC; `files` are those of a closed one."""

    start: datetime
    end: datetime
    time_zone: str
    files: tuple[PublishedFile, ...]


class PeriodAfterClosing(PeriodStatus, frozen=True, kw_only=True):
    """A period of `periods close`.

    Attributes:
        is_dry_run: nothing was written: this is what closing it now would give.
        was_closed: it was closed before, and nothing changed.
        totals: cost by currency, as printed.
        charges_sha256: that of the file with the exact rows.
        unverified: what rests on prices that neither the provider's list nor an invoice shows, the largest first; None:
            it was closed by a version that did not list it.
    """

    is_dry_run: bool
    was_closed: bool
    totals: dict[str, str]
    charges_sha256: str
    unverified: tuple[UnverifiedAmount, ...] | None


class ApprovedPeriod(PeriodStatus, frozen=True, kw_only=True):
    """A period of `periods approve`: whose approval counts, if anybody's, of which charges and what they come to."""

    approved_by: str | None
    charges_sha256: str
    totals: dict[str, str]


class CorrectionRate(Answer, frozen=True):
    """One unit of `from_currency` is `rate` of `to_currency`."""

    from_currency: str
    to_currency: str
    rate: str
    date: str


class FoundCorrections(Answer, frozen=True):
    """What `periods correct` found to differ; it becomes corrections in the period `corrected_in`.

    `is_dry_run`: nothing was written, and it is what correcting now would find.
    """

    is_dry_run: bool
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
        rule = (await container.catalogues.terms()).retention
        listed_periods = tuple(
            ListedPeriod(**_standing(each), kept_until=rule.kept_until(each.month).isoformat() if rule else "")
            for each in found
        )
        answer(ListedPeriods(listed_periods), map(_listed, listed_periods), as_json=as_json)

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
def approve(
    period: Period,
    by: By = None,
    reason: Annotated[
        str | None, reason_option("What there is to say about it; goes on the record. Default: nothing.")
    ] = None,
    withdraw: Annotated[bool, typer.Option("--withdraw", help="Take the approval back.")] = False,
    as_json: Json = False,
) -> None:
    """Approve the published draft of a period.

    Another person or the timer may close it then. Nobody approves who made its figures.

    Example: chargeback periods approve 2026-03
    """

    async def work(container: Container) -> None:
        now, who = datetime.now(UTC), await acting(container, Permission.CHANGE_PERIODS, by)
        if withdraw:
            change = PeriodChange("approval withdrawn", now, who.by, reason or "")
            known = await container.approver.withdraw(month(period), change)
        else:
            known = await container.approver.approve(month(period), who.by, now, reason or "")
        of = known.approval
        approved = ApprovedPeriod(
            **_standing(known),
            approved_by=of.by if of else None,
            charges_sha256=of.charges_sha256 if of else "",
            totals=of.totals if of else {},
        )
        answer(approved, _approved(approved), as_json=as_json)

    run(work)


@app.command()
def close(
    period: Period,
    by: By = None,
    override: Annotated[
        bool,
        typer.Option("--override", help="Close it although usage is unsettled or unpriced; takes a --reason."),
    ] = False,
    reason: Annotated[str | None, reason_option("With --override: why; goes on the record.")] = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Close a period, so that its files are final.

    Whatever comes later is a correction in the oldest open period.

    Example: chargeback periods close 2026-03
    """
    require_override_with_reason(override, reason)

    async def work(container: Container) -> None:
        from chargeback.services.closing.file_period import manifest_of
        from chargeback.services.closing.finish_days import ClosingRequest

        named = await named_for(container, Permission.CHANGE_PERIODS, by, is_dry_run=dry_run)
        before, _ = await container.periods.get(month(period))
        with rehearsed(container, is_dry_run=dry_run) as of:
            with progress(period, None) as advance:
                request = ClosingRequest(named, datetime.now(UTC), reason or "")
                known = await of.closer.close(month(period), request, counted(advance))
            made = await manifest_of(known, of.closed_reports)
            journals = await of.journals.make_due(datetime.now(UTC), say_nothing)
        closed = PeriodAfterClosing(
            **_standing(known),
            is_dry_run=dry_run,
            was_closed=before.state is PeriodState.CLOSED,
            totals=made.totals,
            charges_sha256=made.sha256_of(charges_path(month(period))),
            unverified=None if made.unverified is None else tuple(made.unverified),
        )
        answer(closed, _closed(closed), as_json=as_json)
        refused = [each for each in journals if isinstance(each, PostingRefused)]
        for each in refused:
            typer.echo(f"warning: {each}", err=True)
        finish(has_findings=bool(refused))

    run(work)


@app.command()
def correct(
    period: Period,
    reason: Annotated[str, reason_option("What was wrong; goes on the record.")],
    by: By = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Rate a closed period again.

    It is rated with the configuration in force now; the differences become corrections in the oldest open period.

    Example: chargeback periods correct 2026-03 --reason "the contract says 2.20"
    """

    async def work(container: Container) -> None:
        from chargeback.services.closing.correct_period import correct_period

        named = await named_for(container, Permission.CHANGE_PERIODS, by, is_dry_run=dry_run)
        change = PeriodChange("rated anew", datetime.now(UTC), named, reason)
        with rehearsed(container, is_dry_run=dry_run) as of:
            done = await correct_period(month(period), of.closing_books, of.ledger, change)
        oldest = (await container.drafts.open_periods(datetime.now(UTC)))[0]
        rates = tuple(
            CorrectionRate(each.from_currency, each.to_currency, to_text(each.rate), each.date) for each in done.rates
        )
        corrected = FoundCorrections(
            dry_run, period, done.days, done.lines, to_text(done.cost), done.currency, rates, oldest
        )
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


def _listed(period: ListedPeriod) -> str:
    return f"{_line(period)}; kept until {period.kept_until}" if period.kept_until else _line(period)


def _shown(shown: ShownPeriod) -> Iterator[str]:
    yield _line(shown)
    yield f"from {shown.start:%Y-%m-%dT%H:%MZ} until {shown.end:%Y-%m-%dT%H:%MZ}, {shown.time_zone}"
    yield from map(_entry, shown.history)
    yield from listed("closed", {file.path: f": {file.bytes} bytes, sha256 {file.sha256}" for file in shown.files})


def _approved(approved: ApprovedPeriod) -> Iterator[str]:
    yield _line(approved)
    if approved.approved_by is not None:
        said = " and ".join(f"{amount} {currency}" for currency, amount in sorted(approved.totals.items()))
        yield f"  {approved.approved_by} approved {said or 'nothing'}: charges sha256 {approved.charges_sha256}"


def _closed(closed: PeriodAfterClosing) -> Iterator[str]:
    if closed.was_closed:
        yield "it was closed before; nothing changed"
    if closed.is_dry_run:
        yield f"{DRY_RUN}; closing {closed.month} now would give:"
    else:
        yield _line(closed)
        yield f"  closed/{manifest_path(closed.month)}: sha256 {closed.manifest}"
    yield f"  {_amounts(closed.totals)}; charges sha256 {closed.charges_sha256}"
    yield from _unverified(closed.unverified)


def _amounts(totals: Mapping[str, str]) -> str:
    return " and ".join(f"{amount} {currency}" for currency, amount in sorted(totals.items()))


def _unverified(found: Sequence[UnverifiedAmount] | None) -> Iterator[str]:
    if found is None:
        yield "  it was closed before a closing listed what rests on unverified prices"
        return
    if not found:
        yield "  every amount rests on the provider's price list, an invoice, or fees of your own"
        return
    yield "  resting on prices that neither the provider's list nor an invoice shows:"
    for each in found:
        share = f" ({Decimal(each.share):.2%})" if each.share else ""
        known = each.verified or "nobody said how it is known"
        of = " ".join(filter(None, (each.model, f"in {each.rows} rows")))
        yield f"    {each.cost} {each.currency}{share} {of}: {known}; {each.source or 'no source'}"


def _corrected(done: FoundCorrections) -> Iterator[str]:
    if done.is_dry_run:
        yield f"{DRY_RUN}; correcting {done.period} now would find:"
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
