"""What one version of the terms says otherwise than another."""

from collections.abc import Iterator
from typing import Any

from chargeback.domain.catalogue_changes import differing
from chargeback.domain.terms import Terms


def terms_changes(old: Terms, new: Terms) -> Iterator[str]:
    """Each exchange rate, shared cost, budget and closing rule that is new, gone or different."""
    before, after = _named(old), _named(new)
    return (f"{name} {kind}" for name, kind in differing(before, after))


def _named(terms: Terms) -> dict[str, Any]:
    rates = {
        f"exchange rate {each.from_currency}/{each.to_currency} of {each.date}": each for each in terms.exchange_rates
    }
    costs = {f"shared cost {each.cost_id}": each for each in terms.shared_costs}
    budgets = {f"budget of {each.cost_centre}": each for each in terms.budgets}
    return {**rates, **costs, **budgets, "closing rules": terms.closing}
