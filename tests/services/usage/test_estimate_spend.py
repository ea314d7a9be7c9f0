"""What an event adds to the spend that budgets watch: where, when in the books, and how much."""

from datetime import UTC, datetime
from typing import Any

import pytest

from chargeback.domain.cost_centres.rules import Rule
from chargeback.domain.events.usage_event import EVER, UsageEvent, read_event
from chargeback.domain.rating.effective_catalogues import EffectiveCatalogues
from chargeback.domain.time.calendar import BooksSetting, Calendar
from chargeback.domain.time.effective import Effective
from chargeback.domain.time.months import Month
from chargeback.domain.usage.meters import Meter
from chargeback.services.usage.estimate_spend import MAX_SPEND, SpendEstimator
from tests.support.budgets import limited
from tests.support.builders import DAY, tokens, usage_event
from tests.support.catalogues import START, catalogue, dated

INPUT, OUTPUT = 10**6, 10**7
"""Picodollars of a token."""

NEXT_HOUR = datetime.fromisoformat(f"{DAY}T10:00:00").replace(tzinfo=UTC)
RULES = (
    Rule("first", {"subscription": "search"}, "product/search", Effective(None, NEXT_HOUR)),
    Rule("then", {"subscription": "search"}, "research", Effective(NEXT_HOUR, None)),
)


def estimator(*scopes: str, zone: str = "UTC", rules: tuple[Rule, ...] = ()) -> SpendEstimator:
    priced = catalogue(
        dated(Meter.INPUT, (START, "1")),
        dated(Meter.OUTPUT, (START, "10")),
        rules=rules,
        calendar=Calendar((BooksSetting(Month("2020-01"), zone, "USD"),)),
    )
    return SpendEstimator(EffectiveCatalogues(priced), limited(*scopes).watched)


def event(hour: int = 9, **arguments: Any) -> UsageEvent:
    given = {"time": f"{DAY}T{hour:02}:00:00Z", "backend": "oai-eastus2.openai.azure.com"} | arguments
    return read_event(usage_event(**given), EVER)


def pending(**arguments: Any) -> UsageEvent:
    return event(type="pending", **arguments)


def settled(answer: int, **arguments: Any) -> UsageEvent:
    return event(type="settled", usage=tokens(1, answer), usageSource="gateway-log", **arguments)


def test_usage_counts_towards_the_scopes_that_budgets_name_alone() -> None:
    scopes = ("subscription:search", "product:premium", "user:ann", "model:gpt-4o")

    estimated = estimator(*scopes).estimate(event(usage=tokens(3, 2), username="ann"))

    named = {"subscription:search", "user:ann", "model:gpt-4o"}
    assert set(estimated.scopes) == {f"{DAY}|{scope}" for scope in named}
    assert estimated.picodollars == 3 * INPUT + 2 * OUTPUT


def test_nothing_is_added_up_where_no_budget_watches() -> None:
    assert estimator("subscription:support").estimate(event())[1:3] == ((), 0)


def test_hours_of_two_dates_of_the_books_spend_on_their_own_date() -> None:
    of_berlin = estimator("all", zone="Europe/Berlin")

    found = [of_berlin.estimate(event(hour)).scopes for hour in (22, 23)]

    assert found == [(f"{DAY}|all",), ("2026-03-21|all",)]


def test_hours_of_one_date_and_payer_share_their_fields() -> None:
    every = estimator("all", "cost-centre:product")

    first, later = (every.estimate(event(hour)).scopes for hour in (8, 9))

    assert first is later


def test_a_cost_centre_spends_by_the_rule_of_the_hour() -> None:
    weigh = estimator("cost-centre:product", "cost-centre:research", rules=RULES)

    found = [weigh.estimate(event(hour)).scopes for hour in (9, 10)]

    assert found == [(f"{DAY}|cost-centre:product/search",), (f"{DAY}|cost-centre:research",)]


def test_a_call_whose_tokens_are_not_known_is_weighed_by_what_it_asked_for() -> None:
    estimated = estimator("all").estimate(pending(requestCharacters=401, maxOutputTokens=50))

    assert estimated[1:3] == ((f"~{DAY}|all",), 101 * INPUT + 50 * OUTPUT)


def test_an_answer_is_expected_to_be_like_those_of_settled_calls_and_no_longer_than_it_may_be() -> None:
    weigh = estimator("all")
    for answer in (10, 21):
        weigh.estimate(settled(answer))

    of_any_length, short, elsewhere = (
        weigh.estimate(pending(**asked)).picodollars
        for asked in ({}, {"maxOutputTokens": 5}, {"subscriptionId": "support", "maxOutputTokens": 90})
    )

    assert (of_any_length, short, elsewhere) == (16 * OUTPUT, 5 * OUTPUT, 90 * OUTPUT)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, 0),
        ({"requestCharacters": 40, "operation": "embeddings", "maxOutputTokens": 9}, 10 * INPUT),
        ({"requestCharacters": 40, "operation": "audio.speech", "maxOutputTokens": 9}, 0),
        ({"requestCharacters": 40, "errorCode": "content_filter", "statusCode": 400, "maxOutputTokens": 9}, 10 * INPUT),
        ({"requestCharacters": 10**12}, 1_050_000 * INPUT),
    ],
)
def test_what_has_no_answer_or_another_price_is_not_weighed_as_text(asked: dict[str, Any], expected: int) -> None:
    assert estimator("all").estimate(pending(**asked)).picodollars == expected


def test_no_event_adds_more_than_redis_counts_in() -> None:
    assert estimator("all").estimate(event(usage=tokens(10**12, 0))).picodollars == MAX_SPEND
