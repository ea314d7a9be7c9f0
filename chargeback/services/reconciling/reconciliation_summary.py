"""What a reconciliation says in sums: totals, causes, the largest variances, and what could not be mapped."""

from decimal import Decimal

import msgspec

from chargeback.domain.invoice.reconciliation import Variance
from chargeback.domain.money.exact import EXACT, ZERO, to_text, total
from chargeback.services.reconciling.evidence import evidence_of
from chargeback.services.reconciling.reconcile import Reconciled

VARIANCES_SUMMARISED = 20
"""So many variances are listed; all are in the CSV."""


class _Part(msgspec.Struct, frozen=True, rename="camel"):
    """A part of the summary; amounts are exact decimal strings in the currency of the summary."""


class InvoiceRead(_Part, frozen=True):
    """The run of the cost export that was read."""

    place: str
    run: str
    first_day: str
    last_day: str
    submitted: str
    rows: int
    sha256: str
    invoice_ids: tuple[str, ...] = ()


class CarriedCorrection(_Part, frozen=True):
    """The corrections of a closed period that the files carry; its own invoice has them."""

    period: str
    currency: str
    amount: str


class BooksRead(_Part, frozen=True):
    """The published rows that were read."""

    sha256: str
    carried_corrections: tuple[CarriedCorrection, ...]


class Tolerance(_Part, frozen=True):
    """How much may differ, and whether more does."""

    percent: str
    absolute: str
    exceeded: bool


class CauseSum(_Part, frozen=True):
    """What one cause comes to, and in how many parts of variances."""

    amount: str
    parts: int


class ResourceSum(_Part, frozen=True):
    """What one account comes to."""

    invoiced: str
    booked: str
    variance: str


class SummarisedPart(_Part, frozen=True):
    """A part of a variance that one cause explains."""

    cause: str
    amount: str
    evidence: str


class LargeVariance(_Part, frozen=True):
    """A variance with its parts."""

    day: str
    resource: str
    sku: str
    variance: str
    parts: tuple[SummarisedPart, ...]


class ReconciliationSummary(_Part, frozen=True):
    """A reconciled period in sums; by name: causes, accounts, meters without an entry and accounts without one."""

    billing_period: str
    currency: str
    invoice: InvoiceRead
    books: BooksRead
    true_up_waits_for: tuple[str, ...]
    invoiced: str
    booked: str
    variance: str
    overdue: str
    tolerance: Tolerance
    causes: dict[str, CauseSum]
    resources: dict[str, ResourceSum]
    largest: tuple[LargeVariance, ...]
    unmapped_meters: dict[str, str]
    unknown_resources: dict[str, str]


def summary_of(reconciled: Reconciled) -> ReconciliationSummary:
    """The summary of a reconciled period."""
    found, run, rules = reconciled.found, reconciled.invoice.run, reconciled.rules
    largest = sorted((each for each in found.variances if each.cost), key=lambda each: -abs(each.cost))[
        :VARIANCES_SUMMARISED
    ]
    submitted = run.submitted.isoformat() if run.submitted else ""
    rows, digest = reconciled.invoice.rows, reconciled.invoice.sha256
    carried = tuple(
        CarriedCorrection(period, currency, to_text(cost)) for (period, currency), cost in reconciled.carried.items()
    )
    return ReconciliationSummary(
        billing_period=reconciled.period,
        currency=reconciled.currency,
        invoice=InvoiceRead(
            reconciled.place, run.name, run.first, run.last, submitted, rows, digest, reconciled.invoice.invoice_ids
        ),
        books=BooksRead(reconciled.charges, carried),
        true_up_waits_for=(*reconciled.missing_of_the_invoice(), *reconciled.missing_of_the_books()),
        invoiced=to_text(found.invoiced),
        booked=to_text(found.booked),
        variance=to_text(found.variance),
        overdue=to_text(found.overdue),
        tolerance=Tolerance(to_text(rules.percent), to_text(rules.absolute), reconciled.exceeded),
        causes={cause: CauseSum(to_text(amount), parts) for cause, (amount, parts) in found.by_cause().items()},
        resources=_resources(found.variances),
        largest=tuple(map(_large, largest)),
        unmapped_meters={name: to_text(cost) for name, cost in found.unmapped_meters.items()},
        unknown_resources={name: to_text(cost) for name, cost in found.unknown_resources.items()},
    )


def _resources(variances: tuple[Variance, ...]) -> dict[str, ResourceSum]:
    sums: dict[str, list[Decimal]] = {}
    for each in variances:
        invoiced, booked = sums.get(each.resource, [ZERO, ZERO])
        sums[each.resource] = [total([invoiced, each.invoiced_cost]), total([booked, each.booked_cost])]
    return {
        name: ResourceSum(to_text(invoiced), to_text(booked), to_text(EXACT.subtract(invoiced, booked)))
        for name, (invoiced, booked) in sorted(sums.items())
    }


def _large(variance: Variance) -> LargeVariance:
    parts = tuple(
        SummarisedPart(part.cause, to_text(part.amount), evidence_of(variance, part)) for part in variance.parts
    )
    return LargeVariance(variance.day, variance.resource, str(variance.sku), to_text(variance.cost), parts)
