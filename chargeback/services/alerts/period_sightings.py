"""What is said of billing periods: refused closings, closed months, and invoices that differ from the books."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from chargeback.domain.alerts.alert import Alert, Matter, Sighting
from chargeback.domain.alerts.facts import AlertFigure, AlertMover, Facts
from chargeback.domain.alerts.kinds import AlertKind, Severity
from chargeback.domain.errors import ClosingRefused, PostingRefused
from chargeback.domain.invoice.reconciliation import ReconciliationRules
from chargeback.domain.money.numerals import grouped, said_amount
from chargeback.domain.periods.lifecycle import BillingPeriod, PeriodChange, PeriodState
from chargeback.domain.reports.manifest import Manifest
from chargeback.domain.time.months import Month
from chargeback.services.alerts.ledger_sightings import NEWS
from chargeback.services.alerts.wording import said_month
from chargeback.services.reconciling.reconciled_documents import Compared

_MOST_REASONS = 5


def unposted_sightings(
    refused: Iterable[PostingRefused], closed: Mapping[Month, BillingPeriod], link: str
) -> Iterator[Sighting]:
    """The closed periods that cannot become journal documents."""
    for each in refused:
        period = closed.get(Month(each.period))
        change = _closing(period) if period else None
        yield Sighting(
            Matter(AlertKind.POSTING, scope=each.period),
            Severity.LOOK_TODAY,
            Facts(
                f"{said_month(Month(each.period))} is closed and cannot be posted",
                _because(each.reasons),
                since=change.at if change else None,
                advice=(
                    "Add what is missing to `posting.yaml` and apply it;"
                    f" then `chargeback postings make {each.period}`, or the next night does it."
                ),
                link=link,
            ),
        )


def facts_of_posted(alert: Alert, link: str) -> Facts:
    """What is said when nothing keeps a period from being posted any more."""
    return Facts(f"{said_month(Month(alert.matter.scope))} has its journal documents", link=link)


def refused_sightings(refused: Iterable[ClosingRefused], due: Mapping[str, datetime], link: str) -> Iterator[Sighting]:
    """The periods that cannot be closed though they are due, each since a moment."""
    for each in refused:
        period = Month(each.period)
        yield Sighting(
            Matter(AlertKind.CLOSING, scope=period),
            Severity.MONEY_AT_RISK,
            Facts(
                f"{said_month(period)} is due and cannot be closed",
                _because(each.reasons),
                since=due[each.period],
                advice=f"When it is repaired, the next night closes it, or `chargeback periods close {period}`.",
                link=link,
            ),
        )


def _because(reasons: Sequence[str]) -> tuple[AlertFigure, ...]:
    figures = [AlertFigure("Because", reason) for reason in reasons[:_MOST_REASONS]]
    if len(reasons) > _MOST_REASONS:
        figures.append(AlertFigure("Further reasons", str(len(reasons) - _MOST_REASONS)))
    return tuple(figures)


def facts_of_closed_at_last(alert: Alert, closed: Mapping[Month, BillingPeriod], link: str) -> Facts:
    """What is said when a period that was refused is closed."""
    month = Month(alert.matter.scope)
    period = closed.get(month)
    change = _closing(period) if period else None
    if change is None:
        return Facts(f"Nothing keeps {said_month(month)} from closing any more", link=link)
    cause = f"{change.by} closed it all the same: {change.reason}" if change.reason else f"{change.by} closed it"
    return Facts(f"{said_month(month)} is closed", cause=cause, link=link)


def news_of_closing(closed: Iterable[BillingPeriod], now: datetime) -> list[BillingPeriod]:
    """The periods that were closed lately."""
    return [each for each in closed if (change := _closing(each)) is not None and now - change.at <= NEWS]


def closed_sighting(period: BillingPeriod, manifest: Manifest | None, link: str) -> Sighting:
    """A period that was closed, with the sums of its manifest."""
    change = _closing(period)
    assert change is not None
    sums = {currency: Decimal(cost) for currency, cost in manifest.totals.items()} if manifest else {}
    said = " and ".join(said_amount(cost, currency) for currency, cost in sorted(sums.items()))
    figures = [AlertFigure("Charged", said)] if said else []
    if manifest is not None:
        figures.append(AlertFigure("Calls", grouped(manifest.requests)))
        figures += [
            AlertFigure(f"Corrections of {said_month(each.period)}", said_amount(Decimal(each.cost), each.currency))
            for each in manifest.corrections
        ]
    figures += [AlertFigure("Closed in spite of", reason) for reason in change.overridden[:_MOST_REASONS]]
    return Sighting(
        Matter(AlertKind.CLOSED, scope=period.month),
        Severity.INFORMATION,
        Facts(
            f"{said_month(period.month)} is closed{f': {said} are charged' if said else ''}",
            tuple(figures),
            since=change.at,
            cause=f"{change.by} closed it: {change.reason}" if change.reason else "",
            link=link,
        ),
        is_event=True,
    )


def variance_sightings(compared: Mapping[str, Compared], rules: ReconciliationRules, link: str) -> Iterator[Sighting]:
    """The periods whose invoice differs by more than is tolerated from what should be on it by now."""
    for period, each in sorted(compared.items()):
        if not _is_beyond(each, rules):
            continue
        differs, invoiced = Decimal(each.overdue), Decimal(each.invoiced)
        yield Sighting(
            Matter(AlertKind.VARIANCE, scope=period),
            Severity.MONEY_AT_RISK,
            Facts(
                f"The invoice of {said_month(Month(period))} is {said_amount(abs(differs), each.currency)}"
                f" {'above' if differs > 0 else 'below'} the books",
                (
                    AlertFigure("Invoiced", said_amount(invoiced, each.currency)),
                    AlertFigure("Booked", said_amount(Decimal(each.booked), each.currency)),
                    AlertFigure("Mostly because of", each.cause.replace("-", " ")),
                ),
                currency=each.currency,
                movers=tuple(AlertMover(what, Decimal(amount)) for what, amount in each.movers),
                advice=f"`chargeback reconcile {period}` shows where they differ.",
                link=link,
            ),
        )


def facts_of_equal_invoice(alert: Alert, compared: Mapping[str, Compared], link: str) -> Facts:
    """What is said when the invoice differs by no more than is tolerated."""
    period = alert.matter.scope
    each = compared.get(period)
    headline = f"The invoice of {said_month(Month(period))} agrees with the books"
    if each is None:
        return Facts(headline, link=link)
    left = said_amount(Decimal(each.overdue), each.currency)
    return Facts(headline, cause=f"The export {each.run} and the books differ by {left} now", link=link)


def _is_beyond(each: Compared, rules: ReconciliationRules) -> bool:
    return rules.exceeded_by(Decimal(each.overdue), Decimal(each.invoiced))


def _closing(period: BillingPeriod) -> PeriodChange | None:
    return next((each for each in reversed(period.history) if each.what == PeriodState.CLOSED), None)
