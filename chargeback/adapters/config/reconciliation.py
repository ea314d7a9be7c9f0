"""Reads the rules of reconciliation, a section of books.yaml."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Literal

from chargeback.adapters.config.decimals import is_decimal
from chargeback.adapters.config.entries import Record, one
from chargeback.domain.invoice.reconciliation import InvoicedCost, ReconciliationRules

_DEFAULTS = ReconciliationRules()


class StatedReconciliation(Record, frozen=True):
    """How the books are compared with the invoice, as the file says it."""

    export: str = _DEFAULTS.export
    tolerance_percent: Any = str(_DEFAULTS.percent)
    tolerance_amount: Any = str(_DEFAULTS.absolute)
    lag_hours: int = _DEFAULTS.lag_hours
    scope: tuple[str, ...] = ()
    services: tuple[str, ...] = _DEFAULTS.services
    cost: Literal["billed", "amortised"] = "billed"


def reconciliation_rules(document: object, faults: list[str]) -> ReconciliationRules:
    """The section `reconciliation` of the books; what it leaves out has its default."""
    found = document.get("reconciliation") if isinstance(document, dict) else None
    rules = one(found if found is not None else {}, StatedReconciliation, "reconciliation", faults)
    if rules is None:
        return _DEFAULTS
    wrong = [f"reconciliation.{fault}" for fault in _faults(rules)]
    faults.extend(wrong)
    if wrong:
        return _DEFAULTS
    return ReconciliationRules(
        export=rules.export.strip("/"),
        percent=Decimal(rules.tolerance_percent),
        absolute=Decimal(rules.tolerance_amount),
        lag_hours=rules.lag_hours,
        scope=rules.scope,
        services=rules.services,
        cost=InvoicedCost[rules.cost.upper()],
    )


def _faults(rules: StatedReconciliation) -> Iterator[str]:
    for name, amount in (("tolerancePercent", rules.tolerance_percent), ("toleranceAmount", rules.tolerance_amount)):
        if not is_decimal(amount, places=6):
            yield f'{name}: {amount!r} is not a quoted decimal such as "1.5"'
    if not 0 <= rules.lag_hours <= 24 * 31:
        yield f"lagHours: {rules.lag_hours} is not between 0 and {24 * 31}"
    for index, start in enumerate(rules.scope):
        if not start.startswith("/subscriptions/"):
            yield f"scope[{index}]: {start!r} is not the beginning of a resource id, such as /subscriptions/<id>/"
    for index, service in enumerate(rules.services):
        if not service.strip():
            yield f"services[{index}]: is empty"
