"""Two versions of the terms differ in what is named, and closed periods keep what they were billed."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from chargeback.domain.invoice.reconciliation import ReconciliationRules
from chargeback.domain.terms.changes import (
    before_the_first,
    keep_their_rates,
    stays_as_billed,
    terms_changes,
    too_late,
    too_soon,
)
from chargeback.domain.terms.shared_costs import Basis, Per, SharedCost
from chargeback.domain.terms.terms import ClosingRules, ExchangeRate, Terms
from chargeback.domain.time.calendar import Calendar
from chargeback.domain.time.effective import Effective
from tests.support.budgets import monthly
from tests.support.shared_fees import fee

RATE = ExchangeRate("USD", "EUR", Decimal("0.9"), "2026-03-31", "ECB")
RULES = ReconciliationRules(absolute=Decimal(5))
BUDGET = monthly("product", 100, 80)


def test_what_is_new_gone_or_different_in_the_terms_is_named() -> None:
    old = Terms(exchange_rates=[RATE], budgets=[BUDGET])
    new = Terms(
        budgets=[monthly("product", 200, 80)],
        closing=ClosingRules(timedelta(hours=24)),
        reconciliation=RULES,
    )

    assert list(terms_changes(old, new)) == [
        "budget product changed",
        "closing rules changed",
        "exchange rate USD/EUR of 2026-03-31 removed",
        "reconciliation changed",
    ]
    assert list(terms_changes(old, old)) == []


def once(price: str, period: str = "2026-10") -> SharedCost:
    return fee(price, cost_id="audit", per=Per.PERIOD, period=period)


def test_a_cost_of_a_month_that_was_closed_without_it_comes_too_late() -> None:
    frozen = {"2026-10": Terms()}

    assert list(too_late(frozen, Terms(shared_costs=[once("500")]))) == [
        (once("500"), "is charged in 2026-10, which was closed without it")
    ]
    assert list(too_late(frozen, Terms(shared_costs=[once("500", "2026-11")]))) == []


def test_a_cost_of_a_month_before_the_first_closed_one_comes_too_late() -> None:
    frozen = {"2026-09": Terms(), "2026-10": Terms()}

    early = once("500", "2026-08")
    assert list(before_the_first(frozen, Terms(shared_costs=[early]))) == [
        (early, "is charged in 2026-08, which lies before 2026-09, the first period that was billed")
    ]
    corrected = replace(once("500", "2026-11"), corrects="2026-08")
    assert list(before_the_first(frozen, Terms(shared_costs=[corrected, fee("700")]))) == []
    assert list(before_the_first({}, Terms(shared_costs=[early]))) == []
    assert list(too_late(frozen, Terms(shared_costs=[early, corrected, fee("700")]))) == []


def test_a_cost_of_a_month_that_is_being_closed_waits_unless_the_attempt_has_it() -> None:
    assert list(too_soon({"2026-10": Terms(shared_costs=[once("500")])}, Terms(shared_costs=[once("500")]))) == []
    ((cost, fact),) = too_soon({"2026-10": Terms(shared_costs=[once("500")])}, Terms(shared_costs=[once("600")]))
    assert cost == once("600")
    assert fact.endswith("which is being closed with another one at this moment")


def test_a_cost_of_a_closed_month_may_be_renamed_or_dropped_and_not_changed() -> None:
    frozen = {"2026-10": Terms(shared_costs=[once("500")])}

    assert list(too_late(frozen, Terms())) == []
    assert list(too_late(frozen, Terms(shared_costs=[replace(once("500"), name="Pen test")]))) == []
    ((_, fact),) = too_late(frozen, Terms(shared_costs=[once("600")]))
    assert "which was closed with another one" in fact


def test_a_lasting_cost_that_changes_stays_in_closed_months_and_that_is_said() -> None:
    old, new = Terms(shared_costs=[fee("700")]), Terms(shared_costs=[fee("800")])
    frozen = {"2026-09": old, "2026-10": old}

    assert list(stays_as_billed(frozen, old, new, Calendar())) == [
        "shared cost gateway: closed and stays as it was billed in 2026-09, 2026-10"
    ]
    assert list(stays_as_billed(frozen, new, new, Calendar())) == []


def kept(old: Terms, new: Terms, closed: Terms | None = None) -> list[str]:
    return list(stays_as_billed({"2026-10": closed or old}, old, new, Calendar()))


def test_other_shares_of_the_same_amount_stay_in_closed_months_and_that_is_said() -> None:
    def fixed(**shares: Decimal) -> Terms:
        return Terms(shared_costs=[fee("700", basis=Basis.FIXED, shares=shares)])

    before, after = fixed(search=Decimal(100)), fixed(support=Decimal(100))

    assert kept(before, after) == ["shared cost gateway: closed and stays as it was billed in 2026-10"]
    assert kept(before, fixed(search=Decimal(100))) == []


def test_a_cost_that_is_removed_stays_in_closed_months_and_that_is_said() -> None:
    lasting, single = Terms(shared_costs=[fee("700")]), Terms(shared_costs=[once("500")])

    assert kept(lasting, Terms()) == ["shared cost gateway: closed and stays as it was billed in 2026-10"]
    assert kept(single, Terms()) == ["shared cost audit: closed and stays as it was billed in 2026-10"]
    assert kept(Terms(shared_costs=[once("500", "2026-12")]), Terms()) == []


def test_what_changes_nothing_of_a_closed_month_is_not_said() -> None:
    until_november = Effective(None, datetime(2026, 11, 1, tzinfo=UTC))
    old = Terms(shared_costs=[fee("700")])

    assert kept(old, Terms(shared_costs=[fee("700", effective=until_november, name="Gateway", source="bill")])) == []
    # It was said when the price changed.
    renamed = Terms(shared_costs=[fee("700", name="Gateway")])
    assert kept(old, renamed, closed=Terms(shared_costs=[fee("600")])) == []


def rates(*rates: tuple[str, str]) -> Terms:
    return Terms(exchange_rates=[ExchangeRate("USD", "EUR", Decimal(rate), date, "ECB") for date, rate in rates])


def test_a_closed_month_keeps_its_exchange_rate_and_that_is_said() -> None:
    old = rates(("2026-02-28", "0.9"))

    def said(new: Terms, closed: Terms = old) -> list[tuple[str, str]]:
        return list(keep_their_rates({"2026-03": [closed.rate_for("2026-03", "USD", "EUR")]}, old, new))

    assert said(rates(("2026-02-28", "0.9"), ("2026-03-31", "0.8"))) == [
        ("2026-03", "exchange rate USD/EUR of 2026-03-31: 2026-03 is closed and keeps that of 2026-02-28")
    ]
    assert len(said(rates(("2026-02-28", "0.8")))) == 1
    assert said(rates(("2026-02-28", "0.9"), ("2026-04-30", "0.8"))) == []
    assert said(Terms()) == []
    assert said(old, closed=rates(("2026-02-28", "0.7"))) == []
