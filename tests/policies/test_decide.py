"""What follows from a budget's decision, with decisions put into the cache by hand."""

import time
import xml.etree.ElementTree as ET
from typing import Any

import httpx
import pytest

from stack.gateway.readings import READINGS
from tests.policies.conftest import MakeWorld
from tests.policies.one_region import ROOT, World, product

POLICIES = ROOT / "apim-policies"
SEARCH = {"api-key": "key-search"}


def decide(world: World, *records: str, age: float = 0) -> None:
    """Put a document of decisions into the gateway's cache."""
    text = f"at={int(time.time() - age)};{''.join(f'{record};' for record in records)}"
    world.gateway.cache["decisions"] = (time.monotonic() + 600, {"t": "String", "v": text})


def respond(world: World, **body: Any) -> httpx.Response:
    """A Responses call of the search team."""
    return world.client.post("/v1/responses", json={"model": "gpt-4o", "input": "hi", **body}, headers=SEARCH)


def test_without_a_decision_about_it_a_call_passes_and_its_event_has_none(world: World) -> None:
    decide(world, "subscription/legal:action=refuse", "product/premium:action=refuse")

    answer = respond(world)

    assert answer.status_code == 200
    assert "x-budget" not in answer.headers
    assert "decision" not in world.event()["data"]


def test_a_warning_is_a_header_of_the_answer(world: World) -> None:
    decide(world, "subscription/search:action=warn|budget=search|used=85")

    answer = respond(world)

    assert (answer.status_code, answer.headers["x-budget"]) == (200, "action=warn; budget=search; used=85")
    assert world.event()["data"]["decision"] == "warn"


@pytest.mark.parametrize("reading", READINGS)
def test_a_budget_that_is_used_up_refuses_and_says_until_when(make_world: MakeWorld, reading: str) -> None:
    world = make_world(readings=READINGS[reading])
    decide(world, "subscription/search:action=refuse|budget=search|until=1798761600")

    answer = respond(world)

    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["type"]) == (403, "insufficient_quota", "insufficient_quota")
    assert "search is used up until 2027-01-01T00:00:00Z" in error["message"]
    assert answer.headers["x-should-retry"] == "false"
    assert world.seen == []
    event = world.event()
    assert (event["type"], event["data"]["decision"]) == ("chargeback.usage.rejected.v1", "refuse")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/models"),
        ("GET", "/v1/responses/resp_1"),
        ("POST", "/v1/responses/resp_1/cancel"),
        ("DELETE", "/v1/responses/resp_1"),
        ("POST", "/v1/files"),
        ("POST", "/v1/conversations"),
    ],
)
def test_what_costs_nothing_is_never_refused(world: World, method: str, path: str) -> None:
    decide(world, "subscription/search:action=refuse")

    assert world.client.request(method, path, headers=SEARCH).status_code == 200


@pytest.mark.parametrize("path", ["/v1/batches", "/v1/embeddings", "/v1/images/generations", "/v1/fine_tuning/jobs"])
def test_everything_that_costs_something_is_refused(world: World, path: str) -> None:
    decide(world, "product/standard:action=refuse")

    assert world.client.post(path, json={"model": "gpt-4o"}, headers=SEARCH).status_code == 403


def test_a_swap_sends_the_call_to_another_model_and_keeps_what_was_asked_for(world: World) -> None:
    decide(world, "subscription/search:action=swap|model=gpt-4o-mini|budget=search")

    answer = respond(world)

    data = world.event()["data"]
    assert answer.status_code == 200
    assert world.seen[0].json == {"model": "gpt-4o-mini", "input": "hi"}
    assert (data["requestedModel"], data["deployment"], data["decision"]) == ("gpt-4o", "gpt-4o-mini", "swap")


def test_a_swap_may_name_an_alias_and_a_model_that_the_product_may_not_ask_for(make_world: MakeWorld) -> None:
    world = make_world(config={"products": [product(models=["gpt-4o"], aliases={"cheap": {"*": "gpt-4o-mini"}})]})
    decide(world, "subscription/search:action=swap|model=cheap")

    assert respond(world).status_code == 200
    assert world.seen[0].json["model"] == "gpt-4o-mini"


def test_a_swap_never_leaves_a_residency(world: World) -> None:
    decide(world, "subscription/legal:action=swap|model=gpt-image-1")

    answer = world.chat("key-legal")

    assert answer.status_code == 200
    assert world.seen[0].path.endswith("/deployments/gpt-4o/chat/completions")
    assert answer.headers["x-budget"] == "action=warn"
    assert world.event()["data"]["decision"] == "warn"


def test_a_swap_to_a_model_that_nobody_has_is_a_warning(world: World) -> None:
    decide(world, "subscription/search:action=swap|model=gpt-9")

    assert respond(world).status_code == 200
    assert world.event()["data"]["decision"] == "warn"


@pytest.mark.parametrize("path", ["/v1/embeddings", "/v1/images/generations", "/v1/audio/speech"])
def test_a_model_of_another_kind_is_not_swapped(world: World, path: str) -> None:
    decide(world, "subscription/search:action=swap|model=gpt-4o-mini")

    assert world.client.post(path, json={"model": "gpt-image-1"}, headers=SEARCH).status_code == 200
    data = world.event()["data"]
    assert (data["deployment"], data["decision"]) == ("gpt-image-1", "warn")
    assert world.seen[0].json["model"] == "gpt-image-1"


def test_a_swap_finds_a_model_whose_name_is_escaped(world: World) -> None:
    decide(world, "subscription/search:action=swap|model=gpt-4o-mini")

    body = '{"mod\\u0065l":"gpt-4o"}'
    world.client.post("/v1/responses", content=body, headers={**SEARCH, "Content-Type": "application/json"})

    assert world.seen[0].json == {"model": "gpt-4o-mini"}


def test_a_form_is_held_to_the_list_of_models_under_a_swap_too(make_world: MakeWorld) -> None:
    world = make_world(config={"products": [product(models=["gpt-4o-mini"])]})
    decide(world, "subscription/search:action=swap|model=gpt-4o-mini")

    answer = world.client.post(
        "/v1/audio/transcriptions", files={"file": b"RIFF"}, data={"model": "gpt-4o-transcribe"}, headers=SEARCH
    )

    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "model_not_allowed")


def test_an_upload_is_not_swapped(world: World) -> None:
    decide(world, "subscription/search:action=swap|model=gpt-4o-mini")

    world.client.post(
        "/v1/audio/transcriptions", files={"file": b"RIFF"}, data={"model": "gpt-4o-transcribe"}, headers=SEARCH
    )

    assert world.event()["data"]["deployment"] == "gpt-4o-transcribe"


def test_a_throttled_caller_has_fewer_tokens_a_minute(world: World) -> None:
    decide(world, "subscription/search:action=throttle|tokensPerMinute=10")
    world.chat()
    world.event()

    answer = world.chat()

    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "token_limit_exceeded")
    assert world.event()["data"]["decision"] == "throttle"


def test_a_throttle_never_gives_more_than_the_product(make_world: MakeWorld) -> None:
    world = make_world(config={"products": [product(tokensPerMinute=10)]})
    decide(world, "subscription/search:action=throttle|tokensPerMinute=1000000")
    world.chat()

    assert world.chat().status_code == 429


@pytest.mark.parametrize(
    ("records", "taken"),
    [
        (("subscription/search:action=warn", "product/standard:action=refuse"), "refuse"),
        (("subscription/search:action=throttle|tokensPerMinute=100000", "product/standard:action=warn"), "throttle"),
        (("subscription/search:action=swap|model=gpt-4o-mini", "product/standard:action=warn"), "swap"),
    ],
)
def test_of_several_decisions_the_strictest_counts(world: World, records: tuple[str, ...], taken: str) -> None:
    decide(world, *records)

    respond(world)

    assert world.event()["data"]["decision"] == taken


def test_a_decision_about_an_application_is_known_by_tenant_and_application(world: World) -> None:
    decide(world, "app/11111111-2222-3333-4444-555555555555/app-1:action=refuse")
    token = world.token(roles=["standard"])

    answer = world.client.post("/v1/responses", json={"model": "gpt-4o"}, headers={"Authorization": f"Bearer {token}"})

    assert answer.status_code == 403
    assert respond(world).status_code == 200


@pytest.mark.parametrize(
    "record",
    [
        "subscription/search:action=explode",
        "subscription/search:",
        "subscription/search:action=swap",
        "subscription/search:action=throttle|tokensPerMinute=-1",
        "subscription/search:action=throttle|tokensPerMinute=many",
        "subscription/search:||=|x",
    ],
)
def test_a_record_that_makes_no_sense_changes_nothing(world: World, record: str) -> None:
    decide(world, record)

    assert respond(world).status_code == 200
    assert "decision" not in world.event()["data"]


STALE = [None, ("", 600), ("subscription/search:action=refuse", 600), ("subscription/search:action=refuse", -600)]


@pytest.mark.parametrize("document", STALE)
def test_where_nothing_is_known_the_product_says_whether_calls_pass(
    make_world: MakeWorld, document: tuple[str, float] | None
) -> None:
    products = [product(), product("premium", withoutBudget="refuse")]
    world = make_world(config={"products": products})
    if document:
        decide(world, document[0], age=document[1])

    closed = world.chat("key-support")

    assert respond(world).status_code == 200
    assert (closed.status_code, closed.json()["error"]["code"]) == (503, "budget_unknown")
    assert closed.headers["x-should-retry"] == "true"


def test_a_closed_product_is_served_while_a_document_is_there(make_world: MakeWorld) -> None:
    world = make_world(config={"products": [product(withoutBudget="refuse")]})
    decide(world)

    assert respond(world).status_code == 200


@pytest.mark.parametrize("element", ["cache-lookup-value", "cache-store-value"])
def test_each_section_uses_the_cache_once_and_no_fragment_does(element: str) -> None:
    sections = {section.tag: len(list(section.iter(element))) for section in ET.parse(POLICIES / "api.xml").getroot()}
    fragments = [path.name for path in (POLICIES / "fragments").glob("*.xml") if f"<{element}" in path.read_text()]

    assert set(sections.values()) == {0, 1}
    assert fragments == []
