"""Corrects a closed period: its usage is rated with the configuration in force now; its files stay as they are.

The books of its days change, and the oldest open period carries the differences as corrections.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal

from chargeback.domain.errors import PeriodClosed
from chargeback.domain.money.exact import EXACT, ZERO
from chargeback.domain.periods.lifecycle import BillingPeriod, PeriodChange, PeriodState, rated_anew
from chargeback.domain.terms.terms import ExchangeRate, rates_of
from chargeback.domain.time.months import Month
from chargeback.services.closing.finish_days import ClosingBooks
from chargeback.services.ports.ledger import Ledger


@dataclass(frozen=True, slots=True)
class CorrectionResult:
    """What rating a closed period again changed.

    Attributes:
        days: the days that were recounted; none where all was done before.
        lines: how many lines have other figures now.
        cost: by how much the cost changed, exact.
        currency: the cost's.
        rates: the exchange rates used from now on, where they differ from those before.
    """

    period: BillingPeriod
    days: int
    lines: int
    cost: Decimal
    currency: str
    rates: tuple[ExchangeRate, ...] = ()


async def correct_period(period: Month, books: ClosingBooks, ledger: Ledger, change: PeriodChange) -> CorrectionResult:
    """Rate and convert a closed period again; the next run, or the nightly audit, completes one that was killed.

    Raises `PeriodClosed` for a period that is not closed, or whose ledger is no longer kept in whole.
    """
    known, token = await books.periods.get(period)
    version = await books.catalogues.version()
    corrected = rated_anew(known, version.name, change)
    before = await books.catalogues.stored_version(known.version)
    is_rated_otherwise = before.catalogue.digest != version.catalogue.digest
    if is_rated_otherwise:
        await _require_ledger(known, books)
    if known.version != version.name:
        await books.periods.swap(corrected, token)
        await books.catalogues.version()  # so that in_force() knows of the swap
    if is_rated_otherwise:
        for day in sorted(known.fences.get(period, {})):
            await ledger.mark(day)
    audited = await _audit(period, books, change.at)
    return replace(audited, rates=tuple(await _new_rates(audited.period, books)))


async def _new_rates(known: BillingPeriod, books: ClosingBooks) -> list[ExchangeRate]:
    versions = [await books.catalogues.stored_version(name) for name in (known.closed_with, known.version)]
    before, after = (
        rates_of(each.terms, known.month, each.catalogue.calendar, each.catalogue.currency) for each in versions
    )
    return [rate for rate in after if rate not in before]


async def _audit(period: Month, books: ClosingBooks, now: datetime) -> CorrectionResult:
    in_force = await books.catalogues.in_force()
    known, _ = await books.periods.get(period)
    since = known.history[0].at
    lines, cost, count = 0, ZERO, 0
    for day in await books.auditor.unaudited_days(in_force.current.calendar.utc_days(period), since):
        audited = await books.auditor.audit_day(day, now)
        count += 1
        lines += audited.drift_lines
        cost = EXACT.add(cost, Decimal(audited.drift_cost))
    return CorrectionResult(known, count, lines, cost, in_force.current.currency)


async def _require_ledger(known: BillingPeriod, books: ClosingBooks) -> None:
    """A recount from less than was billed would return the rest of the bill."""
    gone = [day for day in sorted(known.fences.get(known.month, {})) if not await books.auditor.is_whole(day)]
    if gone:
        raise PeriodClosed(
            f"{known.month} cannot be rated again: the ledger of {', '.join(gone)} is no longer kept in whole;"
            " bill the difference as a shared cost that corrects it"
        )


def refuse_reopening(period: BillingPeriod) -> PeriodClosed:
    """Why a period cannot be opened again, and what to do instead."""
    if period.state is not PeriodState.CLOSED:
        return PeriodClosed(f"{period.month} is {period.state}: there is nothing to reopen")
    closed = next(change for change in reversed(period.history) if change.what == PeriodState.CLOSED)
    return PeriodClosed(
        f"{period.month} was closed at {closed.at.astimezone(UTC):%Y-%m-%d %H:%M} UTC by {closed.by} and cannot be"
        " reopened: its files are what was billed. Late usage becomes a correction in the oldest open period by"
        " itself. For a wrong price, deployment or rule: correct config/, `chargeback config apply`, then"
        f" `chargeback periods correct {period.month} --reason TEXT`; the differences become corrections in the oldest"
        " open period"
    )
