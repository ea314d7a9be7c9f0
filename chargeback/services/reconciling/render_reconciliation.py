"""Writes the reconciliation report: every part of a variance as a row of the CSV, the sums as JSON."""

from collections.abc import Iterator
from decimal import Decimal

import msgspec

from chargeback.domain.invoice.reconciliation import Cause, Variance
from chargeback.domain.money.exact import to_text, total
from chargeback.domain.reports.layout import reconciliation_path
from chargeback.domain.reports.manifest import PublishedFile, cell, csv_line
from chargeback.services.publishing.files import CSV, JSON, Files, Pieces, whole
from chargeback.services.reconciling.evidence import evidence_of
from chargeback.services.reconciling.reconcile import Reconciled
from chargeback.services.reconciling.reconciliation_summary import summary_of

_ROWS_AT_ONCE = 1_000

RECONCILIATION_COLUMNS = (
    "billing_period",
    "charge_date",
    "resource",
    "model",
    "deployment_type",
    "service_tier",
    "variant",
    "meter",
    "invoiced_quantity",
    "booked_quantity",
    "currency",
    "invoiced_cost",
    "booked_cost",
    "variance",
    *(cause.value.replace("-", "_") for cause in Cause),
    "evidence",
    "provider_meters",
)


async def write_reconciliation(reconciled: Reconciled, files: Files) -> list[PublishedFile]:
    """Write the CSV and the JSON; the same invoice and books give the same bytes."""
    period = reconciled.period
    return [
        await files.write(reconciliation_path(period, "csv"), CSV, _csv(reconciled)),
        await files.write(
            reconciliation_path(period, "json"), JSON, whole(len(reconciled.found.variances), _json(reconciled))
        ),
    ]


async def _csv(reconciled: Reconciled) -> Pieces:
    yield 0, csv_line(RECONCILIATION_COLUMNS)
    rows = sorted(reconciled.found.variances, key=lambda each: (each.day, each.resource, each.sku))
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        some = rows[start : start + _ROWS_AT_ONCE]
        yield len(some), b"".join(csv_line(tuple(_cells(reconciled, each))) for each in some)


def _cells(reconciled: Reconciled, variance: Variance) -> Iterator[str]:
    yield from (reconciled.period, variance.day, cell(variance.resource), *map(cell, variance.sku))
    yield from (_quantity(variance.invoiced_quantity), _quantity(variance.booked_quantity), reconciled.currency)
    yield from map(to_text, (variance.invoiced_cost, variance.booked_cost, variance.cost))
    for cause in Cause:
        amounts = [part.amount for part in variance.parts if part.cause is cause]
        yield to_text(total(amounts)) if amounts else ""
    yield cell("; ".join(f"{part.cause}: {evidence_of(variance, part)}" for part in variance.parts))
    yield cell("; ".join(variance.meters))


def _quantity(quantity: Decimal | None) -> str:
    return "" if quantity is None else to_text(quantity)


def _json(reconciled: Reconciled) -> bytes:
    return msgspec.json.format(msgspec.json.encode(summary_of(reconciled)), indent=2) + b"\n"
