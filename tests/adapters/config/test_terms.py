"""Terms from files: every fault with its place, and nothing that would be free or cannot be converted."""

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
    Capacity,
    CostKind,
    Per,
    Selection,
    SharedCost,
    amount,
)
from chargeback.domain.terms.terms import ClosingRules, ExchangeRate, Terms
from chargeback.domain.time.calendar import Calendar
from chargeback.domain.time.effective import Effective
from stack.example import EXAMPLE_CONFIG
from tests.support.budgets import monthly
from tests.support.config_files import config_folder

CARD = "currency: USD\nprices: []\n"
CENTRES = """\
costCentres:
  - {path: product, name: Product}
  - {path: research, name: Research}
  - {path: legacy, name: Given up, effectiveTo: 2026-03-15}
rules: []
"""
BOOKS = """\
books: [{from: "2026-01", timeZone: UTC, currency: EUR}]
exchangeRates:
  - {from: USD, to: EUR, rate: "0.92", date: 2026-02-27, source: ECB}
  - {from: USD, to: EUR, rate: "0.93", date: 2026-03-31, source: ECB}
closing: {graceHours: 48, maxUnsettledPercent: "0.5"}
"""
BUDGETS = """\
budgets:
  - {id: product, costCentre: product, amount: 9, steps: [{percent: 80, do: notify}, {percent: 100, do: notify}]}
"""
PTU = """\
  - id: ptu
    name: Reserved capacity
    kind: provisioned
    perHour: "1.25"
    units: 50
    currency: USD
    effectiveFrom: 2026-03-01
    basis: usage
    measure: tokens
    of: {accounts: [oai-a], deploymentTypes: [GlobalProvisionedManaged]}
    source: the price list
"""
FEE = """\
  - id: fee
    name: Platform
    kind: fee
    perMonth: "4000.00"
    currency: EUR
    basis: fixed
    shares: {product: "62.5", research: "37.5"}
    source: agreed
"""
TRUE_UP = """\
  - {id: true-up, name: Invoice, kind: true-up, amount: "-12.34", period: 2026-04, corrects: 2026-03, currency: USD,
     basis: weighted, weights: {research: "0.5"}, source: reconciliation}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    config_folder(tmp_path, *FILES)
    write(tmp_path, "rate-card.yaml", CARD)
    write(tmp_path, "cost-centres.yaml", CENTRES)
    write(tmp_path, "books.yaml", BOOKS)
    write(tmp_path, "shared-costs.yaml", f"sharedCosts:\n{PTU}{FEE}{TRUE_UP}")
    write(tmp_path, "budgets.yaml", BUDGETS)
    return tmp_path


def write(folder: Path, name: str, text: str) -> None:
    path_of(folder, name).write_text(text)


def terms_of(folder: Path) -> Terms:
    return load_terms(folder, load_catalogue(folder))


def faults_of(folder: Path) -> list[str]:
    with pytest.raises(InvalidConfig) as caught:
        terms_of(folder)
    return caught.value.faults


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


DEPLOYMENTS = """\
accounts: [{account: oai-a, region: r, priority: 1, weight: 1, deployments: s}]
deploymentSets: {s: [{name: ptu, model: gpt-4o, version: "1", type: GlobalProvisionedManaged, capacity: 50}]}
"""


def test_a_provisioned_deployment_that_no_shared_cost_covers_would_be_free(folder: Path) -> None:
    write(folder, "deployments.yaml", DEPLOYMENTS)
    covered = terms_of(folder)

    write(folder, "shared-costs.yaml", f"sharedCosts:\n{PTU.replace('oai-a', 'oai-b')}")

    assert covered.shared_costs[0].cost_id == "ptu"
    assert faults_of(folder) == [
        "shared-costs.yaml:1: sharedCosts: no provisioned one covers the GlobalProvisionedManaged deployment 'ptu'"
        " of 'oai-a', so its use would be free"
    ]


def test_reserved_capacity_whose_cost_ends_would_be_free_from_then_on(folder: Path) -> None:
    """It ends on 1 July, the deployment does not: July would cost nothing."""
    write(folder, "deployments.yaml", DEPLOYMENTS)
    ended = PTU.replace("effectiveFrom: 2026-03-01", "effectiveFrom: 2026-03-01\n    effectiveTo: 2026-07-01")
    write(folder, "shared-costs.yaml", f"sharedCosts:\n{ended}")

    assert faults_of(folder) == [
        "shared-costs.yaml:9: sharedCosts[0].effectiveTo: 'ptu' ends, and nothing else pays for the"
        " GlobalProvisionedManaged deployment 'ptu' of 'oai-a' from 2026-07-01T00Z on"
    ]
    stored = to_documents(folder)  # what was applied before this was checked is still read
    assert len(terms_from_documents(stored, from_documents(stored)).shared_costs) == 1

    write(folder, "shared-costs.yaml", f"sharedCosts:\n{ended}{PTU.replace('ptu', 'ptu-2').replace('03-01', '07-01')}")
    assert len(terms_of(folder).shared_costs) == 2


def test_reserved_capacity_is_paid_from_the_hour_on_in_which_a_deployment_becomes_it(folder: Path) -> None:
    write(folder, "deployments.yaml", DEPLOYMENTS)
    write(
        folder,
        "dated-deployments.yaml",
        "deployments:\n"
        '  - {accounts: [oai-a], name: ptu, model: gpt-4o, version: "1", type: Standard, effectiveTo: 2026-02-20}\n',
    )

    assert faults_of(folder) == [
        "shared-costs.yaml:8: sharedCosts[0].effectiveFrom: the GlobalProvisionedManaged deployment 'ptu' of 'oai-a'"
        " begins at 2026-02-20T00Z: its use would be free until 'ptu'"
    ]


def test_capacity_that_is_split_evenly_between_its_users_needs_a_measure_of_use(folder: Path) -> None:
    write(folder, "deployments.yaml", DEPLOYMENTS)
    write(folder, "shared-costs.yaml", f"sharedCosts:\n{PTU.replace('basis: usage', 'basis: even')}")
    assert terms_of(folder).shared_costs[0].measure == "tokens"

    even = PTU.replace("basis: usage\n    measure: tokens", "basis: even")
    write(folder, "shared-costs.yaml", f"sharedCosts:\n{even}")

    assert faults_of(folder) == [
        "shared-costs.yaml:2: sharedCosts[0].measure: calls of a provisioned deployment cost nothing by themselves;"
        " measure tokens or requests"
    ]


@pytest.mark.parametrize(
    ("capacity", "fault"),
    [
        ('tokensPerMinute: "2500", idle: product', ""),
        ('tokensPerMinute: "2500", idle: nobody', "idle: 'nobody' is not under costCentres"),
        ('tokensPerMinute: "2500", idle: legacy', "idle: 'legacy' is effective"),
        ('tokensPerMinute: "2500", idle: unallocated', "idle: 'unallocated' gets the calls that no rule claims"),
        ('tokensPerMinute: "2500", idle: research', "idle: 'research' gets calls by the rule 'lab'"),
        ('tokensPerMinute: "0", idle: product', "tokensPerMinute: 0 is not above zero"),
        ("tokensPerMinute: 2500, idle: product", "tokensPerMinute: 2500 is not a quoted decimal"),
        ('tokensPerMinute: "1", outputCountsAs: "-4", idle: product', "outputCountsAs: -4 is not above zero"),
    ],
)
def test_a_fault_of_a_stated_capacity_is_named(folder: Path, capacity: str, fault: str) -> None:
    write(folder, "cost-centres.yaml", CENTRES.replace("rules: []", RULE))
    write(folder, "deployments.yaml", DEPLOYMENTS)
    write(folder, "shared-costs.yaml", f"sharedCosts:\n{PTU}    capacity: {{{capacity}}}\n")

    if fault:
        assert [each.partition("sharedCosts[0].capacity.")[2][: len(fault)] for each in faults_of(folder)] == [fault]
    else:
        stated = terms_of(folder).shared_costs[0].capacity
        assert stated == Capacity(Decimal(2500), Decimal(1), "product")


RULE = "rules: [{id: lab, when: {subscription: lab}, costCentre: research}]"


def test_without_a_file_of_shared_costs_the_fault_names_the_file(folder: Path) -> None:
    write(folder, "deployments.yaml", DEPLOYMENTS)
    path_of(folder, "shared-costs.yaml").unlink()

    assert faults_of(folder)[0].startswith("shared-costs.yaml: sharedCosts: no provisioned one covers")


def test_the_shipped_terms_are_valid_and_complete() -> None:
    catalogue = load_catalogue(EXAMPLE_CONFIG)

    terms = load_terms(EXAMPLE_CONFIG, catalogue)

    assert all(path_of(EXAMPLE_CONFIG, name).exists() for name in OPTIONAL_FILES)
    assert [budget.id for budget in terms.budgets][:2] == ["product", "product/support"]
    limits = ClosingRules(unsettled_amount=Decimal(10), unpriced_amount=Decimal(10))
    assert (terms.shared_costs, terms.closing) == ((), limits)


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
