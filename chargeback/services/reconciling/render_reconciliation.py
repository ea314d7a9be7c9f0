"""The reconciliation report as files: every variance with its parts on a row of the CSV, the sums in the JSON."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec

from chargeback.domain.invoice.reconciliation import Cause, Variance
from chargeback.domain.money.exact import EXACT, ZERO, to_text, total
from chargeback.domain.reports.layout import reconciliation_path
from chargeback.domain.reports.manifest import PublishedFile, cell, csv_line
from chargeback.services.publishing.files import CSV, JSON, Files, Pieces, whole
from chargeback.services.reconciling.reconcile import Reconciled

LARGEST = 20
"""So many variances are listed in the JSON; all are in the CSV."""

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
    yield cell("; ".join(f"{part.cause}: {part.evidence}" for part in variance.parts))
    yield cell("; ".join(variance.meters))


def _quantity(quantity: Decimal | None) -> str:
    return "" if quantity is None else to_text(quantity)


def _json(reconciled: Reconciled) -> bytes:
    return msgspec.json.format(msgspec.json.encode(reconciliation_sums(reconciled)), indent=2) + b"\n"


def reconciliation_sums(reconciled: Reconciled) -> dict[str, Any]:
    """What the report says in sums: totals, causes, the largest variances, and what could not be mapped."""
    found, run = reconciled.found, reconciled.invoice.run
    largest = sorted((each for each in found.variances if each.cost), key=lambda each: -abs(each.cost))[:LARGEST]
    return {
        "billingPeriod": reconciled.period,
        "currency": reconciled.currency,
        "invoice": {
            "place": reconciled.place,
            "run": run.name,
            "firstDay": run.first,
            "lastDay": run.last,
            "submitted": run.submitted.isoformat() if run.submitted else "",
            "rows": reconciled.invoice.rows,
            "sha256": reconciled.invoice.sha256,
        },
        "books": {
            "sha256": reconciled.charges,
            "carriedCorrections": [
                {"period": period, "currency": currency, "amount": to_text(cost)}
                for (period, currency), cost in reconciled.carried.items()
            ],
        },
        "trueUpWaitsFor": [*reconciled.missing_of_the_invoice(), *reconciled.missing_of_the_books()],
        "invoiced": to_text(found.invoiced),
        "booked": to_text(found.booked),
        "variance": to_text(found.variance),
        "overdue": to_text(found.overdue),
        "tolerance": {
            "percent": to_text(reconciled.rules.percent),
            "absolute": to_text(reconciled.rules.absolute),
            "exceeded": reconciled.exceeded,
        },
        "causes": {cause: {"amount": to_text(amount), "parts": n} for cause, (amount, n) in found.by_cause().items()},
        "resources": _resources(found.variances),
        "largest": [_named(each) for each in largest],
        "unmappedMeters": {name: to_text(cost) for name, cost in found.unmapped_meters.items()},
        "unknownResources": {name: to_text(cost) for name, cost in found.unknown_resources.items()},
    }


def _resources(variances: tuple[Variance, ...]) -> dict[str, dict[str, str]]:
    sums: dict[str, list[Decimal]] = {}
    for each in variances:
        invoiced, booked = sums.get(each.resource, [ZERO, ZERO])
        sums[each.resource] = [total([invoiced, each.invoiced_cost]), total([booked, each.booked_cost])]
    return {
        name: {
            "invoiced": to_text(invoiced),
            "booked": to_text(booked),
            "variance": to_text(EXACT.subtract(invoiced, booked)),
        }
        for name, (invoiced, booked) in sorted(sums.items())
    }


def _named(variance: Variance) -> dict[str, Any]:
    return {
        "day": variance.day,
        "resource": variance.resource,
        "sku": str(variance.sku),
        "variance": to_text(variance.cost),
        "parts": [
            {"cause": part.cause, "amount": to_text(part.amount), "evidence": part.evidence} for part in variance.parts
        ],
    }
