from datetime import timedelta
from decimal import Decimal

from chargeback.domain.budgets import Budget
from chargeback.domain.terms import ClosingRules, ExchangeRate, Terms
from chargeback.domain.terms_changes import terms_changes

RATE = ExchangeRate("USD", "EUR", Decimal("0.9"), "2026-03-31", "ECB")
BUDGET = Budget("product", Decimal(100), "USD", (80,))


def test_what_is_new_gone_or_different_in_the_terms_is_named() -> None:
    old = Terms(exchange_rates=[RATE], budgets=[BUDGET])
    new = Terms(budgets=[Budget("product", Decimal(200), "USD", (80,))], closing=ClosingRules(timedelta(hours=24)))

    assert list(terms_changes(old, new)) == [
        "budget of product changed",
        "closing rules changed",
        "exchange rate USD/EUR of 2026-03-31 removed",
    ]
    assert list(terms_changes(old, old)) == []
