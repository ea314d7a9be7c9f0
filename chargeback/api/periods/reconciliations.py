"""GET /api/v1/periods/{period}/reconciliation: how a month compares with its invoice, and its true-up."""

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec
from fastapi import APIRouter, Request, Response

from chargeback.api.conventions.answering import tagged_answer
from chargeback.api.conventions.documents import answers
from chargeback.api.conventions.people_routes import people_routes
from chargeback.api.conventions.texts import Amount
from chargeback.api.errors import not_found
from chargeback.api.people import Asking, require
from chargeback.api.periods.months import month_in_path
from chargeback.domain.access.permissions import Permission
from chargeback.domain.money.exact import to_text
from chargeback.domain.reports.standing import InvoiceCheck
from chargeback.services.reconciling.check_invoice import invoice_standings
from chargeback.services.reconciling.read_reconciliation import last_comparison
from chargeback.services.reconciling.reconciliation_summary import ReconciliationSummary
from chargeback.services.reconciling.true_up_documents import TrueUp

if TYPE_CHECKING:
    from chargeback.bootstrap import Container


class TrueUpSetting(msgspec.Struct, frozen=True):
    """Somebody set a true-up, or took it back where `amount` is null."""

    amount: Amount | None
    by: str
    at: datetime


class TrueUpAnswer(msgspec.Struct, frozen=True):
    """What is charged beyond the books of a month.

    Attributes:
        amount: null where it was taken back.
        despite: why it was set though the books did not know all for certain; else empty.
        history: who set what, the latest last.
    """

    amount: Amount | None
    currency: str
    despite: str
    history: tuple[TrueUpSetting, ...]


class ReconciliationAnswer(msgspec.Struct, frozen=True, rename="camel"):
    """The last comparison of a month with its invoice.

    Attributes:
        run: the run of the export that has the invoice.
        complete: whether that run knows all of the month.
        check: what it found, after the true-up in force.
        rest: the invoice minus all that is charged.
        cause: what the largest part of the difference comes from.
        percent, absolute: so much may differ.
        details: by account, by cause, and the largest differences; null where the report is of another run.
        true_up: null where there never was one.
    """

    period: str
    run: str
    complete: bool
    check: InvoiceCheck
    currency: str
    invoiced: Amount
    booked: Amount
    rest: Amount
    cause: str
    percent: Amount
    absolute: Amount
    details: ReconciliationSummary | None
    true_up: TrueUpAnswer | None


def router(container: "Container") -> APIRouter:
    """How months compare with their invoices."""
    routes = people_routes("periods")

    @routes.get(
        "/periods/{period}/reconciliation",
        operation_id="getReconciliation",
        responses=answers(ReconciliationAnswer),
        summary="How a month compares with its invoice",
    )
    async def read(request: Request, who: Asking, period: str) -> Response:
        """What the last comparison found; 404 where there was none."""
        require(who, Permission.READ_COSTS)
        name = month_in_path(period)
        found = await last_comparison(container.control, container.reports, name) if who.scope.everything else None
        if found is None:
            raise not_found()
        rules = (await container.catalogues.terms()).reconciliation
        standing = (await invoice_standings(container.control, rules))[name]
        compared = found.compared
        content = ReconciliationAnswer(
            period=name,
            run=compared.run,
            complete=compared.is_final,
            check=standing.check,
            currency=compared.currency,
            invoiced=compared.invoiced,
            booked=compared.booked,
            rest=to_text(standing.rest) if standing.rest is not None else "0",
            cause=compared.cause,
            percent=to_text(rules.percent),
            absolute=to_text(rules.absolute),
            details=found.details,
            true_up=_true_up(found.true_up) if found.true_up else None,
        )
        return tagged_answer(request, content)

    return routes


def _true_up(known: TrueUp) -> TrueUpAnswer:
    history = known.history or (known.said(),)
    settings = [TrueUpSetting(each.amount, each.by, datetime.fromisoformat(each.at)) for each in history]
    return TrueUpAnswer(known.amount, known.currency, known.despite, tuple(settings))
