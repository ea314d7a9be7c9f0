"""What speaks against a configuration is told with the file to change, and how to change it."""

from decimal import Decimal

from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.terms.shared_costs import Per
from chargeback.domain.terms.terms import ExchangeRate, Terms
from chargeback.domain.time.calendar import BooksSetting, Calendar
from chargeback.services.configuring.remedies import frozen_faults, kept_rates, late_faults
from tests.support.catalogues import catalogue
from tests.support.shared_fees import fee


def once(price: str, period: str) -> Terms:
    return Terms(shared_costs=[fee(price, cost_id="audit", per=Per.PERIOD, period=period)])


def test_another_currency_and_moved_bounds_name_the_card_and_the_books() -> None:
    frozen = catalogue()
    euros = Catalogue("EUR", {}, {}, frozen.allocation, Calendar((BooksSetting("2026-01", "Europe/Berlin", "EUR"),)))

    assert list(frozen_faults(euros, {"2026-03": frozen})) == [
        "rate-card.yaml: currency: is EUR, but 2026-03 was closed with prices in USD; keep the card's currency, and set"
        " that of the books in books.yaml",
        "books.yaml: books: would move the bounds of 2026-03, which is closed or being closed; add an entry from a"
        " later period on instead",
    ]


def test_a_cost_that_comes_too_late_is_told_with_the_period_in_which_to_charge_it() -> None:
    assert list(late_faults({"2026-10": Terms()}, {}, once("500", "2026-10"))) == [
        "shared-costs.yaml: audit: is charged in 2026-10, which was closed without it; charge the difference in the"
        " oldest open period with `corrects: 2026-10`"
    ]
    assert list(late_faults({"2026-09": Terms(), "2026-10": Terms()}, {}, once("500", "2026-08"))) == [
        "shared-costs.yaml: audit: is charged in 2026-08, which lies before 2026-09, the first period that was billed;"
        " charge it in the oldest open period with `corrects: 2026-08`"
    ]


def test_a_cost_of_a_month_that_is_being_closed_is_told_to_wait() -> None:
    (fault,) = late_faults({}, {"2026-10": once("500", "2026-10")}, once("600", "2026-10"))

    assert "which is being closed with another one at this moment; apply again" in fault


def test_a_closed_month_that_keeps_its_exchange_rate_is_told_with_how_to_correct_it() -> None:
    before, after = ExchangeRate("USD", "EUR", Decimal("0.9"), "2026-02-28", "ECB"), "2026-03-31"
    new = Terms(exchange_rates=[before, ExchangeRate("USD", "EUR", Decimal("0.8"), after, "ECB")])

    assert list(kept_rates({"2026-03": [before]}, Terms(exchange_rates=[before]), new)) == [
        "exchange rate USD/EUR of 2026-03-31: 2026-03 is closed and keeps that of 2026-02-28;"
        " `chargeback periods correct 2026-03` bills the difference"
    ]
