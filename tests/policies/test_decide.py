"""What follows from what budgets decided, with decisions put into the cache by hand."""

import xml.etree.ElementTree as ET

import pytest

from stack.gateway.readings import READINGS
from tests.policies.conftest import MakeRegion
from tests.policies.engines import ROOT
from tests.policies.one_region import EU, OneRegion, product
from tests.policies.scripted_backends import chunk, sse
from tests.policies.search_calls import FULL, SEARCH, respond

POLICIES = ROOT / "apim-policies"


def test_without_a_decision_about_it_a_call_passes_and_its_event_has_none(one_region: OneRegion) -> None:
    one_region.decide_budgets("subscription/legal:action=refuse", "product/premium:action=refuse")

    answer = respond(one_region)

    assert answer.status_code == 200
    assert not [name for name in answer.headers if name.startswith("x-budget")]
    assert "decision" not in one_region.event()["data"]


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


def test_of_equally_strict_decisions_the_first_in_the_order_of_the_keys_is_told(one_region: OneRegion) -> None:
    one_region.decide_budgets("all:action=refuse|budget=all", "product/standard:action=refuse|budget=product")

    assert "budget product is" in respond(one_region).json()["error"]["message"]


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
