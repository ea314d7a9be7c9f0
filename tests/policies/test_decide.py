"""What follows from what budgets decided, with decisions put into the cache by hand."""

import xml.etree.ElementTree as ET
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from chargeback.domain.events.documents import Data
from chargeback.domain.events.line_of_event import line_of
from chargeback.domain.usage.states import LineState
from stack.gateway.named_values import load_config as definitions
from stack.gateway.readings import READINGS
from tests.policies.conftest import MakeRegion
from tests.policies.one_region import EU, ROOT, US, OneRegion, chunk, product, sse
from tests.support.company import CONFIG

POLICIES = ROOT / "apim-policies"
SEARCH = {"api-key": "key-search"}


def respond(one_region: OneRegion, **body: Any) -> httpx.Response:
    """A Responses call of the search team."""
    return one_region.client.post("/v1/responses", json={"model": "gpt-4o", "input": "hi", **body}, headers=SEARCH)


def test_without_a_decision_about_it_a_call_passes_and_its_event_has_none(one_region: OneRegion) -> None:
    one_region.decide_budgets("subscription/legal:action=refuse", "product/premium:action=refuse")

    answer = respond(one_region)

    assert answer.status_code == 200
    assert not [name for name in answer.headers if name.startswith("x-budget")]
    assert "decision" not in one_region.event()["data"]


FULL = "budget=of%20search|spent=85.10|limit=100.00|currency=USD|until=1798761600|owner=ada%40example.com"


def test_a_warning_tells_budget_rest_and_end_in_headers_of_the_answer(one_region: OneRegion) -> None:
    one_region.decide_budgets(f"subscription/search:action=warn|{FULL}")

    answer = respond(one_region)

    assert (answer.status_code, answer.headers["x-budget-state"]) == (200, "warn; budget=of?search")
    assert answer.headers["x-budget-remaining"] == "14.90 USD"
    assert answer.headers["x-budget-reset"] == "2027-01-01T00:00:00Z"
    assert "x-budget-model-swap" not in answer.headers
    assert one_region.event()["data"]["decision"] == "warn"


@pytest.mark.parametrize(
    ("fields", "remaining"),
    [
        ("spent=100.05|limit=100.00|currency=USD", "-0.05 USD"),
        ("spent=-1.00|limit=0.00|currency=EUR", "1.00 EUR"),
        ("spent=1|limit=2.00|currency=EUR", "unknown"),
        ("limit=2.00", "unknown"),
    ],
)
def test_what_is_left_may_be_overrun_or_unknown(one_region: OneRegion, fields: str, remaining: str) -> None:
    one_region.decide_budgets(f"subscription/search:action=warn|{fields}")

    assert respond(one_region).headers["x-budget-remaining"] == remaining


def test_a_stream_tells_it_too_before_its_first_word(one_region: OneRegion) -> None:
    one_region.decide_budgets(f"subscription/search:action=warn|{FULL}")
    one_region.script(*EU, type="text/event-stream", pieces=sse(chunk("Paris")))

    with one_region.client.stream(
        "POST", "/v1/responses", json={"model": "gpt-4o", "stream": True}, headers=SEARCH
    ) as told:
        assert told.headers["x-budget-remaining"] == "14.90 USD"


@pytest.mark.parametrize("reading", READINGS)
def test_a_budget_that_is_used_up_refuses_and_says_how_much_until_when_and_whom_to_ask(
    make_region: MakeRegion, reading: str
) -> None:
    one_region = make_region(readings=READINGS[reading])
    one_region.decide_budgets(f"subscription/search:action=refuse|{FULL}")

    answer = respond(one_region)

    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["type"]) == (403, "budget_exceeded", "insufficient_quota")
    assert error["message"] == (
        "The budget of search is used up until 2027-01-01T00:00:00Z: 85.10 of 100.00 USD are spent."
        " Ask ada@example.com for more."
    )
    assert answer.headers["x-should-retry"] == "false"
    assert one_region.seen == []
    event = one_region.event()
    assert (event["type"], event["data"]["decision"]) == ("chargeback.usage.rejected.v1", "refuse")
    assert event["data"]["errorCode"] == "budget_exceeded"


def test_a_refusal_of_which_little_is_known_is_one_all_the_same(one_region: OneRegion) -> None:
    one_region.decide_budgets("all:action=refuse")

    error = one_region.chat(stream=True).json()["error"]

    assert error["message"] == "The budget of this caller is used up. Ask its owner for more."


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/models"),
        ("GET", "/v1/responses/resp_1"),
        ("POST", "/v1/responses/resp_1/cancel"),
        ("DELETE", "/v1/responses/resp_1"),
        ("POST", "/v1/files"),
        ("POST", "/v1/conversations"),
        ("POST", "/v1/chat/completions/chatcmpl-1"),
    ],
)
def test_what_costs_nothing_is_never_refused(one_region: OneRegion, method: str, path: str) -> None:
    one_region.decide_budgets("subscription/search:action=refuse")

    assert one_region.client.request(method, path, headers=SEARCH).status_code == 200


def test_counting_tokens_costs_nothing(one_region: OneRegion) -> None:
    one_region.decide_budgets("all:action=refuse")

    answer = one_region.client.post(
        "/v1/responses/input_tokens", json={"model": "gpt-4o", "input": "hi"}, headers=SEARCH
    )

    assert answer.status_code == 200


@pytest.mark.parametrize("path", ["/v1/batches", "/v1/embeddings", "/v1/images/generations", "/v1/fine_tuning/jobs"])
def test_everything_that_costs_something_is_refused(one_region: OneRegion, path: str) -> None:
    one_region.decide_budgets("product/standard:action=refuse")

    assert one_region.client.post(path, json={"model": "gpt-4o"}, headers=SEARCH).status_code == 403


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


def test_a_throttled_caller_has_fewer_tokens_a_minute(one_region: OneRegion) -> None:
    one_region.decide_budgets("subscription/search:action=throttle|tokensPerMinute=10")
    one_region.chat()
    one_region.event()

    answer = one_region.chat()

    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "token_limit_exceeded")
    assert one_region.event()["data"]["decision"] == "throttle"


def test_a_throttled_user_is_held_to_what_that_user_spends_and_not_to_what_others_do(one_region: OneRegion) -> None:
    one_region.decide_budgets("user/ada:action=throttle|budget=ada|tokensPerMinute=10")
    one_region.chat()

    first, second = (
        one_region.client.post(
            "/v1/responses", json={"model": "gpt-4o", "input": "hi"}, headers={**SEARCH, "x-username": "ada"}
        ).status_code
        for _ in range(2)
    )

    assert (first, second, one_region.chat().status_code) == (200, 429, 200)


def test_a_claimed_name_in_the_form_of_an_object_id_is_nobodys(one_region: OneRegion) -> None:
    victim = "3f0c2f04-0f5e-4f0b-9a41-6a2f3f1c9d11"
    one_region.decide_budgets(f"user/{victim}:action=refuse|budget=ada")

    answer = one_region.client.post(
        "/v1/responses", json={"model": "gpt-4o", "input": "hi"}, headers={**SEARCH, "x-username": victim}
    )

    assert answer.status_code == 200


def test_of_two_throttles_the_one_with_fewer_tokens_counts(one_region: OneRegion) -> None:
    throttle = "action=throttle|tokensPerMinute="
    one_region.decide_budgets(
        f"subscription/search:{throttle}10000", f"product/standard:{throttle}10", f"all:{throttle}5000"
    )

    assert [one_region.chat().status_code for _ in range(2)] == [200, 429]


def test_a_throttle_never_gives_more_than_the_product(make_region: MakeRegion) -> None:
    one_region = make_region(config={"products": [product(tokensPerMinute=10)]})
    one_region.decide_budgets("subscription/search:action=throttle|tokensPerMinute=1000000")
    one_region.chat()

    assert one_region.chat().status_code == 429


@pytest.mark.parametrize(
    ("records", "taken"),
    [
        (("subscription/search:action=warn", "product/standard:action=refuse"), "refuse"),
        (("subscription/search:action=throttle|tokensPerMinute=100000", "product/standard:action=warn"), "throttle"),
        (("subscription/search:action=swap|swap=gpt-4o>gpt-4o-mini", "product/standard:action=warn"), "swap"),
    ],
)
def test_of_several_decisions_the_strictest_counts(one_region: OneRegion, records: tuple[str, ...], taken: str) -> None:
    one_region.decide_budgets(*records)

    respond(one_region)

    assert one_region.event()["data"]["decision"] == taken


def test_a_decision_about_an_application_is_known_by_tenant_and_application(one_region: OneRegion) -> None:
    one_region.decide_budgets("app/11111111-2222-3333-4444-555555555555/app-1:action=refuse")
    token = one_region.token(roles=["standard"])

    answer = one_region.client.post(
        "/v1/responses", json={"model": "gpt-4o"}, headers={"Authorization": f"Bearer {token}"}
    )

    assert answer.status_code == 403
    assert respond(one_region).status_code == 200


def test_of_equally_strict_decisions_the_first_in_the_order_of_the_keys_is_told(one_region: OneRegion) -> None:
    one_region.decide_budgets("all:action=refuse|budget=all", "product/standard:action=refuse|budget=product")

    assert "budget product is" in respond(one_region).json()["error"]["message"]


@pytest.mark.parametrize(
    "key",
    ["user/oid-1", "user/ada", "model/gpt-4o", "all", "unallocated", "tenant/11111111-2222-3333-4444-555555555555#3"],
)
def test_a_decision_is_found_by_each_of_its_keys(one_region: OneRegion, key: str) -> None:
    one_region.decide_budgets(f"{key}:action=warn|budget=found")
    token = one_region.token(roles=["standard"])
    headers = {"Authorization": f"Bearer {token}", "x-username": "ada"}

    answer = one_region.client.post("/v1/responses", json={"model": "gpt-4o"}, headers=headers)

    assert answer.headers["x-budget-state"] == "warn; budget=found"


def test_a_model_is_known_by_its_base_name_whatever_its_deployment_is_called(make_region: MakeRegion) -> None:
    whole = definitions(CONFIG)
    sets = {
        name: [*each, {"name": "Our-Best", "model": "GPT-4o", "type": "DataZoneStandard"}]
        for name, each in whole["deploymentSets"].items()
    }
    one_region = make_region(
        config={"deploymentSets": sets, "products": [product(aliases={"best": {"*": "Our-Best"}})]}
    )
    one_region.decide_budgets("model/gpt-4o:action=warn|budget=models")

    told = [respond(one_region, model=name).headers.get("x-budget-state") for name in ("best", "our-best", "gpt-4.1")]

    assert told == ["warn; budget=models", "warn; budget=models", None]


def test_the_first_rule_that_a_call_matches_decides_as_in_the_books(one_region: OneRegion) -> None:
    one_region.decide_budgets(
        "subscription/search#0&billingCode/VOICE%20%26%20B:action=refuse|budget=voice",
        "subscription/search#1:action=allow",
        "product/standard#2:action=refuse|budget=late",
        "unallocated:action=refuse|budget=rest",
    )

    told = [
        one_region.client.post("/v1/responses", json={"model": "gpt-4o"}, headers={**SEARCH, "x-billing-code": code})
        for code in ("VOICE & B", "VOICE", "")
    ]

    assert [answer.status_code for answer in told] == [403, 200, 200]
    assert one_region.chat("key-research").json()["error"]["message"].startswith("The budget late ")


@pytest.mark.parametrize("code", ["VO\u0049CE\u0301", "  VOICE\u0301", "\U0001f600"])
def test_a_claimed_tag_is_compared_as_the_books_see_it(one_region: OneRegion, code: str) -> None:
    seen = line_of(Data("chat.completions", billing_code=code.strip()), "", "", LineState.EXACT).billing_code
    one_region.decide_budgets(f"subscription/search#0&billingCode/{quote(seen, safe='')}:action=warn|budget=tagged")

    answer = one_region.client.post(
        "/v1/responses", params={"billingCode": code.strip()}, json={"model": "gpt-4o"}, headers=SEARCH
    )

    assert answer.headers.get("x-budget-state") == "warn; budget=tagged"


@pytest.mark.parametrize(
    "record",
    [
        "subscription/search:action=explode",
        "subscription/search:",
        "subscription/search:action=throttle",
        "subscription/search:action=throttle|tokensPerMinute=-1",
        "subscription/search:action=throttle|tokensPerMinute=many",
        "subscription/search:||=|x",
    ],
)
def test_a_record_that_makes_no_sense_changes_nothing(one_region: OneRegion, record: str) -> None:
    one_region.decide_budgets(record)

    assert respond(one_region).status_code == 200
    assert "decision" not in one_region.event()["data"]


@pytest.mark.parametrize("element", ["cache-lookup-value", "cache-store-value"])
@pytest.mark.parametrize("document", ["api.xml", "decisions.xml"])
def test_each_section_uses_the_cache_once_and_no_fragment_does(element: str, document: str) -> None:
    sections = {section.tag: len(list(section.iter(element))) for section in ET.parse(POLICIES / document).getroot()}
    fragments = [path.name for path in (POLICIES / "fragments").glob("*.xml") if f"<{element}" in path.read_text()]

    assert set(sections.values()) == {0, 1}
    assert fragments == []
