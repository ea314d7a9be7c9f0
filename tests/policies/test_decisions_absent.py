"""What happens while nothing is known about budgets: with the functions, and while they are away."""

import time
from typing import Any

import pytest

from tests.policies.conftest import MakeRegion
from tests.policies.one_region import OneRegion, decided, product

OLD = 181
ABSENT: list[Any] = [
    None,
    "",
    "at=;",
    "at=12;subscription/support:action=refuse;",
    "subscription/support:action=refuse;",
    decided("subscription/support:action=refuse", age=OLD),
    decided("subscription/support:action=refuse", age=-3600),
]


def put(one_region: OneRegion, text: str | None, name: str = "premium") -> None:
    if text is not None:
        one_region.gateway.cache[f"decisions/{name}"] = (time.monotonic() + 600, {"t": "String", "v": text})


@pytest.fixture
def closed(make_region: MakeRegion) -> OneRegion:
    """A gateway whose product premium is closed, and whose product standard is closed for one model."""
    expensive = product(withoutBudgetModels=["gpt-4o"], aliases={"best": {"*": "gpt-4o"}})
    return make_region(config={"products": [expensive, product("premium", withoutBudget="refuse")]})


@pytest.mark.parametrize("text", ABSENT)
def test_an_open_product_is_served(one_region: OneRegion, text: str | None) -> None:
    put(one_region, text)

    assert one_region.chat("key-support").status_code == 200
    assert one_region.wondered == []


@pytest.mark.parametrize("text", ABSENT)
def test_a_closed_product_is_refused_where_the_functions_do_not_know_either(
    closed: OneRegion, text: str | None
) -> None:
    put(closed, text)

    answer = closed.chat("key-support")

    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "budget_unknown")
    assert answer.headers["x-should-retry"] == "true"
    assert closed.wondered == [("premium", "Bearer managed-identity-token-for-https://eventgrid.azure.net")]
    assert closed.seen == []
    assert closed.event()["data"]["decision"] == "unknown"


def test_what_the_functions_say_decides_and_is_kept(closed: OneRegion) -> None:
    closed.told = decided("subscription/support:action=refuse|budget=told")
    refused = [closed.chat("key-support") for _ in range(2)]
    closed.forget()
    closed.told = decided()
    served = [closed.chat("key-support") for _ in range(2)]

    assert [answer.json()["error"]["code"] for answer in refused] == ["budget_exceeded"] * 2
    assert [answer.status_code for answer in served] == [200, 200]
    assert len(closed.wondered) == 2
    assert closed.gateway.cache["decisions/premium"][1]["v"] == closed.told


@pytest.mark.parametrize("said", ["", "at=1;", "<html>", decided(age=OLD), "x" * 10])
def test_an_answer_that_is_no_string_of_decisions_is_none(closed: OneRegion, said: str) -> None:
    closed.told = said

    assert closed.chat("key-support").json()["error"]["code"] == "budget_unknown"
    assert "decisions/premium" not in closed.gateway.cache


def test_functions_that_hang_hold_a_call_up_for_two_seconds(closed: OneRegion) -> None:
    closed.told, closed.told_delay = decided(), 60
    began = time.monotonic()

    answer = closed.chat("key-support")

    assert answer.json()["error"]["code"] == "budget_unknown"
    assert time.monotonic() - began < 30


def test_without_an_identity_nobody_is_asked_and_the_call_is_refused(closed: OneRegion) -> None:
    closed.told, closed.identity_status = decided(), 500

    assert closed.chat("key-support").json()["error"]["code"] == "budget_unknown"
    assert closed.wondered == []


def test_a_closed_product_asks_nobody_while_a_string_is_there(closed: OneRegion) -> None:
    closed.decide_budgets(product="premium", age=170)

    assert closed.chat("key-support").status_code == 200
    assert closed.wondered == []


@pytest.mark.parametrize(
    ("model", "status"), [("gpt-4o", 503), ("GPT-4o", 503), ("best", 503), ("gpt-4o-mini", 200), ("gpt-4.1", 200)]
)
def test_a_product_may_be_closed_for_its_most_expensive_models_alone(
    closed: OneRegion, model: str, status: int
) -> None:
    calls = [
        closed.chat(path=f"/deployments/{model}/chat/completions"),
        closed.client.post("/v1/responses", json={"model": model}, headers={"api-key": "key-search"}),
    ]

    assert [answer.status_code for answer in calls] == [status, status]


def test_a_batch_may_hold_any_model_so_it_is_refused_with_the_most_expensive(closed: OneRegion) -> None:
    answer = closed.client.post("/v1/batches", json={"input_file_id": "file-1"}, headers={"api-key": "key-search"})

    assert answer.json()["error"]["code"] == "budget_unknown"


@pytest.mark.parametrize(("method", "path"), [("GET", "/v1/models"), ("POST", "/v1/files")])
def test_what_costs_nothing_is_served_by_a_closed_product(closed: OneRegion, method: str, path: str) -> None:
    assert closed.client.request(method, path, headers={"api-key": "key-support"}).status_code == 200
    assert closed.wondered == []


def test_what_the_functions_told_of_budgets_and_of_an_object_serves_the_same_call(closed: OneRegion) -> None:
    closed.owned("resp_1", by="support", product="premium")
    closed.told = decided()
    body = {"model": "gpt-4o", "previous_response_id": "resp_1"}

    answers = [closed.client.post("/v1/responses", json=body, headers={"api-key": "key-support"}) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200] * 3
    assert (len(closed.wondered), len(closed.asked)) == (1, 2)
