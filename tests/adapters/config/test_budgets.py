"""The budgets as a document: what they mean, what is refused, and that what was stored before stays readable."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from chargeback.adapters.config.budgets import budgets
from chargeback.adapters.config.catalogue import from_documents
from chargeback.adapters.config.terms import terms_from_documents
from chargeback.domain.budgets.budget import Action, Budget, Measure, Rollover, Scope, ScopeKind, Step
from chargeback.domain.budgets.windows import Every
from chargeback.domain.errors import InvalidConfig
from chargeback.domain.terms.terms import Terms
from chargeback.domain.time.calendar import BooksSetting, Calendar
from chargeback.domain.time.effective import Effective
from chargeback.domain.time.months import Month
from tests.support.budgets import monthly

PARIS = Calendar((BooksSetting(Month("2026-01"), "Europe/Paris", "EUR"),))
STEP = {"percent": 100, "do": "block"}
DOCUMENTS = {
    "rate-card.yaml": {"currency": "USD", "prices": []},
    "deployments.yaml": {"accounts": [], "deploymentSets": {}},
    "cost-centres.yaml": {"costCentres": [{"path": "product", "name": "P"}], "rules": []},
    "books.yaml": {
        "books": [{"from": "2026-01", "timeZone": "UTC", "currency": "USD"}],
        "exchangeRates": [{"from": "USD", "to": "EUR", "rate": "0.9", "date": "2026-01-31", "source": "ECB"}],
    },
}


def entry(**changes: object) -> dict[str, object]:
    """A budget of a product team; None leaves a key out."""
    plain = {"id": "b", "costCentre": "product", "amount": 9, "steps": [STEP], **changes}
    return {key: value for key, value in plain.items() if value is not None}


def read(*entries: object) -> list[Budget]:
    faults: list[str] = []
    found = budgets({"budgets": list(entries)}, PARIS, faults, thorough=True)
    assert faults == []
    return [budget for _, budget in found]


def terms_with(*entries: object) -> Terms:
    documents = {**DOCUMENTS, "budgets.yaml": {"budgets": list(entries)}}
    return terms_from_documents(documents, from_documents(documents), thorough=True)


def faults_of(*entries: object) -> list[str]:
    with pytest.raises(InvalidConfig) as caught:
        terms_with(*entries)
    return [fault.removeprefix("budgets.yaml: ") for fault in caught.value.faults]


def test_a_budget_is_read_with_all_that_it_says() -> None:
    (found,) = read(
        {
            "id": "search/day",
            "subscription": "search",
            "amount": "500.50",
            "currency": "USD",
            "every": "day",
            "owner": "Ada",
            "shadow": True,
            "rollover": {"unspent": True, "cap": "12.5", "expiresAfter": 3, "overage": True},
            "effectiveFrom": "2026-03-01",
            "effectiveTo": "2026-04-01T00:00:00Z",
            "steps": [
                {"percent": "72.5", "of": "forecast", "do": "notify"},
                {"percent": 80, "do": "swap", "swap": {"gpt-5.5": "gpt-5.4-mini"}},
                {"percent": 90, "do": "throttle", "tokensPerMinute": 100},
                STEP,
            ],
        }
    )

    assert found == Budget(
        "search/day",
        Scope(ScopeKind.SUBSCRIPTION, "search"),
        Decimal("500.50"),
        "USD",
        Every.DAY,
        (
            Step(Decimal("72.5"), Action.NOTIFY, Measure.FORECAST),
            Step(Decimal(80), Action.SWAP, fallback={"gpt-5.5": "gpt-5.4-mini"}),
            Step(Decimal(90), Action.THROTTLE, tokens_per_minute=100),
            Step(Decimal(100), Action.BLOCK),
        ),
        "Ada",
        shadow=True,
        rollover=Rollover(unspent=True, overage=True, cap=Decimal("12.5"), expires_after=3),
        effective=Effective(datetime(2026, 2, 28, 23, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC)),
    )


def test_what_is_left_out_is_the_billing_month_in_the_currency_of_the_books() -> None:
    (found,) = read(entry())

    assert (found.every, found.currency, found.steps) == (Every.MONTH, "EUR", (Step(Decimal(100), Action.BLOCK),))


@pytest.mark.parametrize(
    ("named", "scope"),
    [
        ({"costCentre": "a/b"}, "cost-centre:a/b"),
        ({"subscription": "search"}, "subscription:search"),
        ({"app": "tenant/application"}, "app:tenant/application"),
        ({"product": "standard"}, "product:standard"),
        ({"user": "ada"}, "user:ada"),
        ({"model": "gpt-5.5"}, "model:gpt-5.5"),
        ({"everything": True}, "all"),
    ],
)
def test_each_kind_of_scope_has_its_own_key(named: dict[str, object], scope: str) -> None:
    (found,) = read(entry(**{"costCentre": None, **named}))

    assert str(found.scope) == scope


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"costCentre": "none"}, "costCentre: 'none' is not under costCentres"),
        ({"costCentre": None}, "costCentre: name exactly one of"),
        ({"costCentre": ""}, "costCentre: name exactly one of"),
        ({"user": "ada"}, "costCentre: name exactly one of"),
        ({"id": "a b"}, "id: 'a b' is not made of letters"),
        ({"id": "a//b"}, "id: 'a//b' is not made of letters"),
        ({"id": None}, ": object missing required field `id`"),
        ({"owner": "a\nb"}, "owner: has a character"),
        ({"amount": 0}, "amount: 0 is not above zero"),
        ({"amount": -1}, "amount: -1 is neither"),
        ({"amount": 9.5}, "amount: 9.5 is neither a whole number nor a quoted decimal"),
        ({"amount": True}, "amount: True is neither"),
        ({"amount": "9.555"}, "amount: '9.555' is neither"),
        ({"currency": "CHF"}, "currency: costs are in EUR or USD, and no rate of exchangeRates leads from USD to CHF"),
        ({"every": "hour"}, ".every: invalid enum value 'hour'; there are day, week, month, quarter, year"),
        ({"thresholds": [80]}, "thresholds: is now written `steps: [{percent: 80, do: notify}]`, beside an `id`"),
        ({"steps": []}, "steps: names none"),
        ({"steps": [{"percent": 0, "do": "warn"}]}, "steps[0].percent: 0 is not above zero"),
        ({"steps": [{"percent": 1.5, "do": "warn"}]}, "steps[0].percent: 1.5 is neither"),
        (
            {"steps": [{"percent": 80, "do": "shout"}]},
            "steps[0].do: invalid enum value 'shout'; there are notify, warn, swap",
        ),
        ({"steps": [{"percent": 80, "do": "swap"}]}, "steps[0].swap: names no model"),
        ({"steps": [{"percent": 80, "do": "warn", "swap": {"a": "b"}}]}, "steps[0].swap: belongs to `do: swap`"),
        ({"steps": [{"percent": 80, "do": "throttle"}]}, "steps[0].tokensPerMinute: a throttle needs"),
        ({"steps": [{"percent": 80, "do": "throttle", "tokensPerMinute": 0}]}, "steps[0].tokensPerMinute: a throttle"),
        (
            {"steps": [{"percent": 80, "do": "throttle", "tokensPerMinute": 2**31}]},
            "steps[0].tokensPerMinute: is more than 2147483647",
        ),
        ({"steps": [{**STEP, "tokensPerMinute": 1}]}, "steps[0].tokensPerMinute: belongs to `do: throttle`"),
        ({"steps": [STEP, {"percent": 80, "do": "notify"}]}, "steps[1].percent: 80 is below the 100 before it"),
        ({"steps": [STEP, {"percent": 120, "do": "warn"}]}, "steps[1].do: warn changes nothing after block at 100 %"),
        ({"rollover": {"unspent": True}}, "effectiveFrom: is missing; money is carried from the window on"),
        ({"rollover": {"cap": 50}}, "rollover.cap: belongs to `unspent: true`"),
        ({"rollover": {"overage": True, "expiresAfter": 2}}, "rollover.expiresAfter: belongs to `unspent: true`"),
        (
            {"rollover": {"unspent": True, "expiresAfter": 0}, "effectiveFrom": "2026-03-01"},
            "rollover.expiresAfter: 0 is less than one window",
        ),
        (
            {"rollover": {"unspent": True, "cap": 0}, "effectiveFrom": "2026-03-01"},
            "rollover.cap: 0 is not above zero",
        ),
        (
            {"rollover": {"unspent": True, "expiresAfter": 10**25}, "effectiveFrom": "2026-03-01"},
            "rollover.expiresAfter: is more than 1000 windows",
        ),
        (
            {"rollover": {"overage": True}, "effectiveFrom": "1970-01-02"},
            "effectiveFrom: is before 2020, and money is carried from each window since then",
        ),
        ({"effectiveFrom": "March"}, "effectiveFrom: 'March' is neither a date"),
        (
            {"effectiveFrom": "2026-03-02", "effectiveTo": "2026-03-01"},
            "effectiveTo: is not after effectiveFrom",
        ),
    ],
)
def test_a_fault_of_a_budget_is_named_with_its_place(changes: dict[str, object], fault: str) -> None:
    (found,) = faults_of(entry(**changes))

    assert found.startswith(f"budgets[0]{'' if fault[0] in '.:' else '.'}{fault}")


def test_forecast_and_actual_spend_have_an_order_each() -> None:
    forecast = {"percent": 100, "of": "forecast", "do": "warn"}

    (found,) = read(entry(steps=[forecast, {"percent": 80, "do": "notify"}, {"percent": 80, "do": "warn"}, STEP]))

    assert len(found.steps) == 4


def test_two_budgets_of_one_name_are_refused() -> None:
    assert faults_of(entry(), entry(every="day")) == ["budgets[1].id: 'b' is there twice"]


def test_a_second_budget_of_the_same_usage_and_windows_is_refused_unless_it_comes_later_or_is_in_shadow() -> None:
    until, later = entry(effectiveTo="2026-04-01"), entry(id="c", effectiveFrom="2026-04-01")

    assert len(terms_with(until, later, entry(id="d", shadow=True)).budgets) == 3
    assert faults_of(until, entry(id="c")) == [
        "budgets[1].every: cost-centre:product has the budget 'b' for every month already:"
        " let one of them end before the other begins, or be in shadow"
    ]


def test_without_a_currency_of_its_own_a_budget_needs_books_that_never_changed_theirs() -> None:
    changing = Calendar((*PARIS.settings, BooksSetting(Month("2027-01"), "Europe/Paris", "USD")))
    faults: list[str] = []

    budgets({"budgets": [entry()]}, changing, faults)

    assert faults == ["budgets[0].currency: is missing; the books are kept in EUR and USD over time"]


def test_budgets_stored_by_older_versions_are_read_and_their_digest_stays() -> None:
    """The digest is that of the release before: closed months hold it."""
    document = {
        "budgets": [
            {"costCentre": "product", "amount": 9, "currency": "EUR", "thresholds": [80, 100]},
            {"costCentre": "research", "amount": 100, "currency": "USD", "thresholds": [50]},
        ]
    }
    faults: list[str] = []

    stored = [budget for _, budget in budgets(document, PARIS, faults)]

    assert faults == []
    assert stored == [monthly("product", 9, 80, 100, currency="EUR"), monthly("research", 100, 50)]
    assert Terms(budgets=stored).digest == "91ae8378b52b497d38dde226974cb7fae1fbaeb5b56351ad91dba9e146c31b08"


def test_a_budget_that_says_the_same_in_the_form_of_today_changes_no_digest() -> None:
    notify = {"percent": 80, "do": "notify"}
    renamed, finer = entry(steps=[notify]), entry(id="product", steps=[{"percent": "80.5", "do": "notify"}])

    plain = Terms(budgets=read(entry(id="product", steps=[notify]))).digest

    assert plain == Terms(budgets=[monthly("product", 9, 80, currency="EUR")]).digest
    assert plain not in {Terms(budgets=read(renamed)).digest, Terms(budgets=read(finer)).digest}
