"""Where a budget swaps the model: which calls, to which models, and what stays as it was asked for."""

from typing import Any

import pytest

from stack.gateway.named_values import load_config as definitions
from tests.policies.conftest import MakeRegion
from tests.policies.one_region import EU, US, OneRegion, product
from tests.policies.search_calls import FULL, SEARCH, respond
from tests.support.company import CONFIG


def test_a_swap_sends_the_call_to_another_model_and_keeps_what_was_asked_for(one_region: OneRegion) -> None:
    one_region.decide_budgets("subscription/search:action=swap|swap=gpt-4o>gpt-4o-mini|budget=search")

    answer = respond(one_region)

    data = one_region.event()["data"]
    assert answer.status_code == 200
    assert one_region.seen[0].json == {"model": "gpt-4o-mini", "input": "hi"}
    assert (data["requestedModel"], data["deployment"], data["decision"]) == ("gpt-4o", "gpt-4o-mini", "swap")


def test_a_swap_may_name_an_alias_and_a_model_that_the_product_may_not_ask_for(make_region: MakeRegion) -> None:
    one_region = make_region(config={"products": [product(models=["gpt-4o"], aliases={"cheap": {"*": "gpt-4o-mini"}})]})
    one_region.decide_budgets("subscription/search:action=swap|swap=gpt-4o>cheap")

    assert respond(one_region).status_code == 200
    assert one_region.seen[0].json["model"] == "gpt-4o-mini"


def test_a_swap_never_leaves_a_residency(one_region: OneRegion) -> None:
    one_region.decide_budgets("subscription/legal:action=swap|swap=gpt-4o>gpt-image-1", product="europe-resident")

    answer = one_region.chat("key-legal")

    assert answer.status_code == 200
    assert one_region.seen[0].path.endswith("/deployments/gpt-4o/chat/completions")
    assert answer.headers["x-budget-state"] == "warn"
    assert "x-budget-model-swap" not in answer.headers
    assert one_region.event()["data"]["decision"] == "warn"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/deployments/gpt-4o/chat/completions", {"messages": []}),
        ("/deployments/gpt-4o/chat/completions", {"messages": [], "stream": True}),
        ("/v1/chat/completions", {"model": "gpt-4o", "messages": []}),
        ("/v1/chat/completions", {"model": "gpt-4o", "messages": [], "stream": True}),
        ("/v1/responses", {"model": "gpt-4o", "input": "hi"}),
        ("/v1/responses", {"model": "gpt-4o", "input": "hi", "stream": True}),
    ],
)
def test_a_swap_is_made_in_path_and_body_and_for_streams(
    one_region: OneRegion, path: str, body: dict[str, Any]
) -> None:
    one_region.decide_budgets(f"subscription/search:action=swap|swap=gpt-4.1>gpt-4o,gpt-4o>gpt-4o-mini|{FULL}")

    answer = one_region.client.post(f"{path}?api-version=2024-10-21", json=body, headers=SEARCH)

    data = one_region.event()["data"]
    assert answer.headers["x-budget-model-swap"] == "gpt-4o->gpt-4o-mini"
    assert answer.headers["x-budget-state"] == "swap; budget=of?search"
    assert (data["requestedModel"], data["deployment"], data["decision"]) == ("gpt-4o", "gpt-4o-mini", "swap")
    assert one_region.seen[0].json.get("model", "gpt-4o-mini") == "gpt-4o-mini"
    assert ("gpt-4o-mini" in one_region.seen[0].path) == path.startswith("/deployments/")


@pytest.mark.parametrize("model", ["gpt-4.1", "fast"])
def test_a_model_is_swapped_for_its_own_fallback_alone(make_region: MakeRegion, model: str) -> None:
    one_region = make_region(config={"products": [product(aliases={"fast": {"*": "gpt-4.1"}})]})
    one_region.decide_budgets("subscription/search:action=swap|swap=gpt-4o>gpt-4o-mini")

    answer = respond(one_region, model=model)

    assert answer.headers["x-budget-state"] == "warn"
    assert one_region.seen[0].json["model"] == "gpt-4.1"


@pytest.mark.parametrize("asked", ["fast", "gpt-4o"])
def test_an_alias_may_have_a_fallback_of_its_own_or_that_of_its_deployment(make_region: MakeRegion, asked: str) -> None:
    one_region = make_region(config={"products": [product(aliases={"fast": {"*": "gpt-4o"}})]})
    one_region.decide_budgets(f"subscription/search:action=swap|swap={asked}>gpt-4o-mini")

    answer = respond(one_region, model="fast")

    assert answer.headers["x-budget-model-swap"] == "fast->gpt-4o-mini"
    assert one_region.seen[0].json["model"] == "gpt-4o-mini"


@pytest.mark.parametrize(
    "body",
    [
        {"previous_response_id": "resp_1"},
        {"conversation": "conv_1"},
        {"conversation": {"id": "conv_1"}},
        {"input": [{"type": "item_reference", "id": "msg_1"}]},
        {"input": [{"type": "reasoning", "id": "rs_1", "encrypted_content": "x"}]},
        {"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "file-1"}]}]},
        {"tools": [{"type": "file_search", "vector_store_ids": ["vs_1"]}]},
    ],
)
def test_a_call_that_goes_on_from_what_is_stored_is_not_swapped(one_region: OneRegion, body: dict[str, Any]) -> None:
    one_region.owned("resp_1", "conv_1", "file-1", "vs_1")
    one_region.decide_budgets("subscription/search:action=swap|swap=gpt-4o>gpt-4o-mini")

    answer = respond(one_region, **body)

    assert (answer.status_code, answer.headers["x-budget-state"]) == (200, "warn")
    assert one_region.seen[-1].json["model"] == "gpt-4o"


@pytest.mark.parametrize("path", ["/v1/responses/compact", "/v1/completions"])
def test_only_chat_and_responses_are_swapped(one_region: OneRegion, path: str) -> None:
    one_region.decide_budgets("subscription/search:action=swap|swap=gpt-4o>gpt-4o-mini")

    one_region.client.post(path, json={"model": "gpt-4o"}, headers=SEARCH)

    assert one_region.seen[0].json["model"] == "gpt-4o"


def test_who_may_not_ask_for_a_model_may_not_by_a_swap_either(make_region: MakeRegion) -> None:
    one_region = make_region(config={"products": [product(models=["gpt-4o-mini"])]})
    one_region.decide_budgets("subscription/search:action=swap|swap=gpt-4o>gpt-4o-mini")

    assert respond(one_region).json()["error"]["code"] == "model_not_allowed"


def test_a_swap_to_a_model_that_nobody_has_is_a_warning(one_region: OneRegion) -> None:
    one_region.decide_budgets("subscription/search:action=swap|swap=gpt-4o>gpt-9")

    assert respond(one_region).status_code == 200
    assert one_region.event()["data"]["decision"] == "warn"


def test_a_swap_to_a_model_that_this_call_cannot_reach_is_a_warning(make_region: MakeRegion) -> None:
    sets = {name: list(each) for name, each in definitions(CONFIG)["deploymentSets"].items()}
    sets[US[0]] += [{**sets[US[0]][0], "name": "gpt-us"}]
    alone = [{**each, "failover": []} for each in definitions(CONFIG)["geographies"]]
    one_region = make_region(config={"deploymentSets": sets, "geographies": alone})
    one_region.decide_budgets("subscription/search:action=swap|swap=gpt-4o>gpt-us")

    answer = respond(one_region)

    assert (answer.status_code, answer.headers["x-budget-state"]) == (200, "warn")
    assert one_region.seen[0].json["model"] == "gpt-4o"


def test_a_swap_to_a_model_that_is_nowhere_beside_the_one_for_pictures_is_a_warning(make_region: MakeRegion) -> None:
    sets = {name: list(each) for name, each in definitions(CONFIG)["deploymentSets"].items()}
    sets[EU[1]] += [{**sets[EU[1]][0], "name": "gpt-alone"}]
    one_region = make_region(config={"deploymentSets": sets})
    one_region.decide_budgets("subscription/search:action=swap|swap=gpt-4o>gpt-alone")
    drawer = {"x-ms-oai-image-generation-deployment": "gpt-image-2"}

    answer = one_region.client.post("/v1/responses", json={"model": "gpt-4o"}, headers={**SEARCH, **drawer})

    assert (answer.status_code, answer.headers["x-budget-state"]) == (200, "warn")
    assert respond(one_region).headers["x-budget-state"] == "swap"


@pytest.mark.parametrize("path", ["/v1/embeddings", "/v1/images/generations", "/v1/audio/speech"])
def test_a_model_of_another_kind_is_not_swapped(one_region: OneRegion, path: str) -> None:
    one_region.decide_budgets("subscription/search:action=swap|swap=gpt-4o>gpt-4o-mini")

    assert one_region.client.post(path, json={"model": "gpt-image-1"}, headers=SEARCH).status_code == 200
    data = one_region.event()["data"]
    assert (data["deployment"], data["decision"]) == ("gpt-image-1", "warn")
    assert one_region.seen[0].json["model"] == "gpt-image-1"


def test_a_swap_finds_a_model_whose_name_is_escaped(one_region: OneRegion) -> None:
    one_region.decide_budgets("subscription/search:action=swap|swap=gpt-4o>gpt-4o-mini")

    body = '{"mod\\u0065l":"gpt-4o"}'
    one_region.client.post("/v1/responses", content=body, headers={**SEARCH, "Content-Type": "application/json"})

    assert one_region.seen[0].json == {"model": "gpt-4o-mini"}


def test_a_form_is_held_to_the_list_of_models_under_a_swap_too(make_region: MakeRegion) -> None:
    one_region = make_region(config={"products": [product(models=["gpt-4o-mini"])]})
    one_region.decide_budgets("subscription/search:action=swap|swap=gpt-4o>gpt-4o-mini")

    answer = one_region.client.post(
        "/v1/audio/transcriptions", files={"file": b"RIFF"}, data={"model": "gpt-4o-transcribe"}, headers=SEARCH
    )

    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "model_not_allowed")


def test_an_upload_is_not_swapped(one_region: OneRegion) -> None:
    one_region.decide_budgets("subscription/search:action=swap|swap=gpt-4o>gpt-4o-mini")

    one_region.client.post(
        "/v1/audio/transcriptions", files={"file": b"RIFF"}, data={"model": "gpt-4o-transcribe"}, headers=SEARCH
    )

    assert one_region.event()["data"]["deployment"] == "gpt-4o-transcribe"
