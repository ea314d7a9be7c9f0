"""Terms from files: what they say, how they are stored, and that every currency can be converted."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from chargeback.adapters.config.catalogue import (
    FILES,
    OPTIONAL_FILES,
    from_documents,
    load_catalogue,
    to_documents,
)
from chargeback.adapters.config.folders import path_of
from chargeback.adapters.config.terms import load_terms, terms_from_documents
from chargeback.domain.errors import InvalidConfig
from chargeback.domain.terms.shared_costs import (
    Basis,
    BasisMeasure,
    CostKind,
    Per,
    Selection,
    SharedCost,
)
from chargeback.domain.terms.terms import ClosingRules, ExchangeRate, Terms
from chargeback.domain.time.effective import Effective
from stack.example import EXAMPLE_CONFIG
from tests.adapters.config.terms_files import (
    BOOKS,
    FEE,
    PTU,
    TRUE_UP,
    faults_of,
    terms_of,
    write,
)
from tests.support.budgets import monthly


def test_the_files_say_how_a_period_is_settled(folder: Path) -> None:
    terms = terms_of(folder)

    ptu, fee, true_up = terms.shared_costs
    assert ptu == SharedCost(
        cost_id="ptu",
        name="Reserved capacity",
        kind=CostKind.PROVISIONED,
        price=Decimal("1.25"),
        per=Per.HOUR,
        units=50,
        currency="USD",
        basis=Basis.USAGE,
        measure=BasisMeasure.TOKENS,
        effective=Effective(datetime(2026, 3, 1, tzinfo=UTC)),
        of=Selection(accounts=("oai-a",), deployment_types=("GlobalProvisionedManaged",)),
        source="the price list",
    )
    assert (fee.per, fee.shares) == (Per.MONTH, {"product": Decimal("62.5"), "research": Decimal("37.5")})
    assert (true_up.price, true_up.period, true_up.corrects) == (Decimal("-12.34"), "2026-04", "2026-03")
    assert true_up.weights == {"research": Decimal("0.5")}
    assert terms.budgets == (monthly("product", 9, 80, 100, currency="EUR"),)
    assert terms.closing == ClosingRules(timedelta(hours=48), Decimal("0.5"), Decimal(0))


def test_a_period_is_converted_at_the_latest_rate_of_its_last_day_or_before(folder: Path) -> None:
    terms = terms_of(folder)

    dates = {period: terms.rate_for(period, "USD", "EUR").date for period in ("2026-02", "2026-03", "2026-04")}

    assert dates == {"2026-02": "2026-02-27", "2026-03": "2026-03-31", "2026-04": "2026-03-31"}
    assert terms.rate_for("2026-03", "USD", "EUR").rate == Decimal("0.93")
    assert terms.rate_for("2026-03", "EUR", "EUR") == ExchangeRate("EUR", "EUR", Decimal(1), "", "")


def test_a_period_without_a_rate_is_named(folder: Path) -> None:
    with pytest.raises(InvalidConfig, match=r"none from USD to EUR that is dated 2026-01-31 or before, so 2026-01"):
        terms_of(folder).rate_for("2026-01", "USD", "EUR")
    with pytest.raises(InvalidConfig, match="none from EUR to USD"):
        terms_of(folder).rate_for("2026-03", "EUR", "USD")


def test_stored_terms_read_back_the_same(folder: Path) -> None:
    documents = json.loads(json.dumps(to_documents(folder)))

    assert terms_from_documents(documents, from_documents(documents)).digest == terms_of(folder).digest


def test_a_stored_version_that_files_would_not_pass_any_more_stays_readable(folder: Path) -> None:
    named = TRUE_UP.replace("id: true-up,", "id: true-up-2026-03,")
    dear = PTU.replace("units: 50", "units: 2000000000")
    write(folder, "shared-costs.yaml", f"sharedCosts:\n{dear}{FEE}{named}")
    documents = to_documents(folder)

    ptu, _, true_up = terms_from_documents(documents, from_documents(documents)).shared_costs

    assert (ptu.units, true_up.cost_id) == (2_000_000_000, "true-up-2026-03")
    assert len(faults_of(folder)) == 2


def test_what_was_applied_before_there_were_terms_has_the_defaults(folder: Path) -> None:
    documents = {name: document for name, document in to_documents(folder).items() if name in FILES}

    terms = terms_from_documents(documents, from_documents(documents))

    assert terms.digest == Terms().digest
    assert terms.closing == ClosingRules(timedelta(hours=72), Decimal(0), Decimal(0))


@pytest.mark.parametrize(
    ("name", "old", "new", "differs"),
    [
        ("shared-costs.yaml", '"1.25"', '"1.250"', False),
        ("shared-costs.yaml", "effectiveFrom: 2026-03-01", "effectiveFrom: 2026-03-01T00:00:00Z", False),
        ("shared-costs.yaml", '"1.25"', '"1.26"', True),
        ("shared-costs.yaml", "2026-03-01", "2026-03-02", True),
        ("shared-costs.yaml", "oai-a", "oai-b", True),
        ("books.yaml", '"0.93"', '"0.94"', True),
        ("books.yaml", "graceHours: 48", "graceHours: 49", True),
        ("budgets.yaml", "amount: 9", 'amount: "9.00"', False),
        ("budgets.yaml", "amount: 9", "amount: 10", True),
        ("budgets.yaml", "do: notify}]", "do: block}]", True),
        ("budgets.yaml", "amount: 9", "amount: 9, shadow: true", True),
    ],
)
def test_the_digest_changes_with_the_meaning(folder: Path, name: str, old: str, new: str, *, differs: bool) -> None:
    before = terms_of(folder).digest

    write(folder, name, path_of(folder, name).read_text().replace(old, new))

    assert (terms_of(folder).digest != before) == differs


def test_terms_do_not_touch_how_usage_is_rated(folder: Path) -> None:
    before = load_catalogue(folder).digest

    write(folder, "shared-costs.yaml", f"sharedCosts:\n{FEE}")
    write(folder, "books.yaml", BOOKS.replace('"0.93"', '"0.94"'))

    assert load_catalogue(folder).digest == before


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('"0.92"', "0.92", "books.yaml:3: exchangeRates[0].rate: 0.92 is not a quoted decimal"),
        ('"0.92"', '"0.00"', "books.yaml:3: exchangeRates[0].rate: 0.00 is not above zero"),
        ("2026-02-27", "2026-02-30", "books.yaml:3: exchangeRates[0].date: '2026-02-30' is not a date"),
        ("2026-02-27", '"20260227"', "books.yaml:3: exchangeRates[0].date: '20260227' is not a date such as"),
        ("2026-02-27", "2026-03-31", "books.yaml:4: exchangeRates[1]: another one is of the same currencies and date"),
        ("to: EUR", "to: USD", "books.yaml:3: exchangeRates[0]: leads from USD to itself"),
        ("source: ECB", 'source: " "', "books.yaml:3: exchangeRates[0].source: is empty"),
        ("graceHours: 48", "graceHours: -1", "books.yaml:5: closing.graceHours: -1 is not between 0 and 8760"),
        ('"0.5"', "0.5", "books.yaml:5: closing.maxUnsettledPercent: 0.5 is not a quoted percentage"),
        ('"0.5"', '"0.5", maxUnpricedAmount: 10', "books.yaml:5: closing.maxUnpricedAmount: 10 is not a quoted amount"),
        ('"0.5"', '"101"', "books.yaml:5: closing.maxUnsettledPercent: '101' is not a quoted percentage"),
    ],
)
def test_a_fault_of_the_books_is_named_with_its_place(folder: Path, old: str, new: str, fault: str) -> None:
    assert old in BOOKS

    write(folder, "books.yaml", BOOKS.replace(old, new, 1))

    assert any(found.startswith(fault) for found in faults_of(folder)), faults_of(folder)


def test_a_currency_that_no_rate_leads_to_is_named(folder: Path) -> None:
    write(folder, "books.yaml", 'books: [{from: "2026-01", timeZone: UTC, currency: CHF}]\n')
    write(folder, "budgets.yaml", "budgets: []\n")

    assert faults_of(folder) == [
        "books.yaml:1: exchangeRates: none from USD (of the shared cost 'true-up') to CHF (of the books)",
        "books.yaml:1: exchangeRates: none from EUR (of the shared cost 'fee') to CHF (of the books)",
    ]


def test_the_shipped_terms_are_valid_and_complete() -> None:
    catalogue = load_catalogue(EXAMPLE_CONFIG)

    terms = load_terms(EXAMPLE_CONFIG, catalogue)

    assert all(path_of(EXAMPLE_CONFIG, name).exists() for name in OPTIONAL_FILES)
    assert [budget.id for budget in terms.budgets][:2] == ["product", "product/support"]
    limits = ClosingRules(unsettled_amount=Decimal(10), unpriced_amount=Decimal(10))
    assert (terms.shared_costs, terms.closing) == ((), limits)
