"""A fee that all share, with defaults for what a test does not care about."""

from decimal import Decimal
from typing import Any

from chargeback.domain.terms.shared_costs import Basis, BasisMeasure, CostKind, Per, SharedCost


def fee(price: str = "700", **fields: Any) -> SharedCost:
    defaults: dict[str, Any] = {
        "cost_id": "gateway",
        "name": "Gateway",
        "kind": CostKind.FEE,
        "price": Decimal(price),
        "per": Per.MONTH,
        "currency": "USD",
        "basis": Basis.USAGE,
        "measure": BasisMeasure.REQUESTS,
    }
    return SharedCost(**(defaults | fields))
