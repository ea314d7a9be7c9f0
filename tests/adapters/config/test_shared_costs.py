"""Shared costs from files: every fault with its place, and in which currency and at which rates they are charged."""

from decimal import Decimal
from pathlib import Path

import pytest

from chargeback.adapters.config.folders import path_of
from chargeback.domain.terms.shared_costs import (
    amount,
)
from chargeback.domain.time.calendar import Calendar
from stack.example import EXAMPLE_CONFIG
from tests.adapters.config.terms_files import CARD, faults_of, terms_of, write
from tests.support.config_files import config_folder


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        (
            'research: "37.5"',
            'research: "37.4"',
            "shared-costs.yaml:19: sharedCosts[1].shares: sum to 99.9, not to 100",
        ),
        ("product:", "products:", "shared-costs.yaml:19: sharedCosts[1].shares: 'products' is not under costCentres"),
        (
            "research:",
            "legacy:",
            "shared-costs.yaml:19: sharedCosts[1].shares: 'legacy' is effective from ever until 2026-03-15T00:00:00Z,"
            " but the shared cost from ever until further notice",
        ),
        ("basis: fixed", "basis: even", "shared-costs.yaml:19: sharedCosts[1].shares: belongs to the basis fixed"),
        ("basis: fixed", "basis: fair", "shared-costs.yaml:18: sharedCosts[1].basis: invalid enum value 'fair'"),
        ("id: fee", "id: ptu", "shared-costs.yaml:13: sharedCosts[1].id: 'ptu' is empty or taken"),
        ("    measure: tokens\n", "", "shared-costs.yaml:2: sharedCosts[0].measure: calls of a provisioned deployment"),
        (
            "units: 50",
            "units: 2000000000",
            "shared-costs.yaml:6: sharedCosts[0].units: together they cost"
            " 1\u202f862\u202f500\u202f000\u202f000 USD in a month, above 1\u202f000\u202f000\u202f000\u202f000",
        ),
        (
            "measure: tokens",
            "measure: quantity",
            "shared-costs.yaml:10: sharedCosts[0].measure: quantities of different",
        ),
        (
            "id: true-up,",
            "id: true-up-2026-03-azure,",
            "shared-costs.yaml:21: sharedCosts[2].id: 'true-up-2026-03-azure' begins like the true-up of an invoice",
        ),
        ("units: 50", "units: 0", "shared-costs.yaml:6: sharedCosts[0].units: 0 is less than one"),
        ('"1.25"', "1.25", "shared-costs.yaml:5: sharedCosts[0].perHour: 1.25 is not a quoted decimal"),
        ('"1.25"', '"-1.25"', "shared-costs.yaml:5: sharedCosts[0].perHour: is below zero; a credit has an amount"),
        ("    units: 50", '    perMonth: "1"', "shared-costs.yaml:6: sharedCosts[0].perMonth: name exactly one of"),
        ("2026-03-01", "1 March", "shared-costs.yaml:8: sharedCosts[0].effectiveFrom: '1 March' is neither a date"),
        ("currency: EUR", "currency: euro", "shared-costs.yaml:17: sharedCosts[1].currency: 'euro' is not an ISO 4217"),
        ("source: agreed", 'source: ""', "shared-costs.yaml:20: sharedCosts[1].source: is empty"),
        ("period: 2026-04, ", "", "shared-costs.yaml:21: sharedCosts[2].period: an amount is charged in the period"),
        (
            "corrects: 2026-03",
            "corrects: 2026-04",
            "shared-costs.yaml:21: sharedCosts[2].corrects: 2026-04 is not before",
        ),
        ("period: 2026-04", "period: 2026-13", "shared-costs.yaml:21: sharedCosts[2].period: period '2026-13' is not"),
        (
            "corrects: 2026-03",
            "because: 2026-03",
            "shared-costs.yaml:21: sharedCosts[2]: object contains unknown field",
        ),
        (
            "currency: EUR",
            "currency: CHF",
            "books.yaml:2: exchangeRates: none from CHF (of the shared cost 'fee')",
        ),
    ],
)
def test_a_fault_of_a_shared_cost_is_named_with_its_place(folder: Path, old: str, new: str, fault: str) -> None:
    text = path_of(folder, "shared-costs.yaml").read_text()
    assert old in text

    write(folder, "shared-costs.yaml", text.replace(old, new, 1))

    assert any(found.startswith(fault) for found in faults_of(folder)), faults_of(folder)


CHANGED_BOOKS = """\
books:
  - {from: "2026-01", timeZone: Europe/Berlin, currency: USD}
  - {from: "2026-07", timeZone: Europe/Berlin, currency: EUR}
exchangeRates: [{from: USD, to: EUR, rate: "0.92", date: 2026-06-30, source: ECB}]
"""


def in_currency_of_the_books(time: str) -> str:
    """A fee without a currency that is effective for some time, or charged in a period."""
    head = "  - {id: platform, name: Platform, kind: fee, basis: fixed, shares: {product: '100'}, source: agreed,"
    return f"sharedCosts:\n{head} {time}}}\n"


@pytest.mark.parametrize(
    ("time", "currency"),
    [
        ("perMonth: '700', effectiveTo: 2026-07-01", "USD"),
        ("perMonth: '700', effectiveFrom: 2026-07-01", "EUR"),
        ("perHour: '1.20', effectiveFrom: 2026-08-10T09:00:00Z", "EUR"),
        ("amount: '5', period: 2026-06", "USD"),
        ("amount: '5', period: 2026-07", "EUR"),
        ("amount: '5', period: 2026-07, corrects: 2026-06", "USD"),
        ("amount: '5', period: 2026-07, currency: USD", "USD"),
    ],
)
def test_a_shared_cost_without_a_currency_is_in_that_of_the_books_of_its_time(
    folder: Path, time: str, currency: str
) -> None:
    write(folder, "books.yaml", CHANGED_BOOKS)
    write(folder, "budgets.yaml", "budgets: []\n")
    write(folder, "shared-costs.yaml", in_currency_of_the_books(time))

    (cost,) = terms_of(folder).shared_costs

    assert cost.currency == currency


def test_a_price_without_a_currency_while_the_books_change_theirs_is_refused(folder: Path) -> None:
    write(folder, "books.yaml", CHANGED_BOOKS)
    write(folder, "budgets.yaml", "budgets: []\n")
    write(folder, "shared-costs.yaml", in_currency_of_the_books("perMonth: '700', effectiveFrom: 2026-06-01"))

    assert faults_of(folder) == [
        "shared-costs.yaml:2: sharedCosts[0].currency: is missing; the books are kept in USD and EUR"
        " while this is effective: name it, or write an entry for each"
    ]


def test_a_shared_cost_needs_rates_to_the_books_of_its_own_time_only(folder: Path) -> None:
    fee = "perMonth: '700', currency: CHF, effectiveFrom: 2026-07-01"
    write(folder, "books.yaml", CHANGED_BOOKS)
    write(folder, "budgets.yaml", "budgets: []\n")
    write(folder, "shared-costs.yaml", in_currency_of_the_books(fee))

    assert faults_of(folder) == [
        "books.yaml:4: exchangeRates: none from CHF (of the shared cost 'platform') to EUR (of the books)"
    ]


def test_the_examples_in_the_shipped_shared_costs_are_valid(folder: Path) -> None:
    text = path_of(EXAMPLE_CONFIG, "shared-costs.yaml").read_text()
    examples = [line[1:] for line in text[text.index("#  - id:") :].splitlines() if line.startswith("#")]
    config_folder(folder, "cost-centres.yaml", "books.yaml")

    write(folder, "budgets.yaml", "budgets: []\n")
    write(folder, "shared-costs.yaml", "sharedCosts:\n" + "\n".join(examples) + "\n")

    assert [cost.kind for cost in terms_of(folder).shared_costs] == ["provisioned", "hosting", "fee", "fee", "true-up"]


HOSTED = """\
hosting:
  - {model: gpt-4o, deploymentTypes: [Standard], perHour: "1.70", effectiveFrom: 2026-01-01T00:00:00Z,
     effectiveTo: 2026-03-15T00:00:00Z, source: the page}
  - {model: gpt-4o, deploymentTypes: [Standard], perHour: "2.00", effectiveFrom: 2026-03-15T00:00:00Z, source: the page}
"""
HOSTING = """\
sharedCosts:
  - {id: tuned, name: Fine-tuned model, kind: hosting, currency: USD, effectiveFrom: 2026-03-01, basis: fixed,
     shares: {research: "100"}, of: {models: [GPT-4o], deploymentTypes: [Standard]}, source: the rate card}
"""


@pytest.fixture
def hosted(folder: Path) -> Path:
    write(folder, "rate-card.yaml", f"{CARD}{HOSTED}")
    write(folder, "shared-costs.yaml", HOSTING)
    return folder


def test_hosting_is_charged_at_the_rates_of_the_card(hosted: Path) -> None:
    terms = terms_of(hosted)

    # 14 days at 1.70 and, after the change, 17 days at 2.00.
    march = [(cost.cost_id, amount(cost, "2026-03", Calendar())) for cost in terms.shared_costs]
    assert march == [("tuned", Decimal("571.20")), ("tuned@2026-03-15T00Z", Decimal("816.00"))]
    assert [amount(cost, "2026-02", Calendar()) for cost in terms.shared_costs] == [0, 0]
    assert terms.shared_costs[0].source.startswith("hosting/gpt-4o/Standard@2026-01-01T00Z: the page")


def test_hosting_without_a_currency_is_in_that_of_the_card(hosted: Path) -> None:
    named = terms_of(hosted).shared_costs
    write(hosted, "shared-costs.yaml", HOSTING.replace("currency: USD, ", ""))

    assert terms_of(hosted).shared_costs == named


@pytest.mark.parametrize(
    ("old", "new"),
    [("models: [GPT-4o]", "models: [gpt-5]"), ("models: [GPT-4o], ", ""), ("currency: USD", "currency: EUR")],
)
def test_hosting_that_the_card_does_not_rate_is_named(hosted: Path, old: str, new: str) -> None:
    write(hosted, "shared-costs.yaml", HOSTING.replace(old, new))

    (fault,) = faults_of(hosted)
    assert fault.startswith("shared-costs.yaml:2: sharedCosts[0].perHour: is missing, and the rate card has no hosting")
