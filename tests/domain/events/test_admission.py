"""What the door takes and what it refuses; whatever it takes, everything behind it can read."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargeback.domain.errors import InvalidEvent
from chargeback.domain.events.admission import MAX_ACCEPTED_BYTES, MAX_COUNT, MAX_LINE_BYTES, admit, is_too_deep
from chargeback.domain.events.emitters import EVENT_GRID, OURSELVES, Emitter
from chargeback.domain.events.times import hour_of, moment_of
from chargeback.domain.events.usage_event import EVER, Phase, UsageEvent, read_event
from chargeback.domain.streams.estimates import estimated
from chargeback.domain.streams.gateway_log import LoggedTokens, StreamMean
from chargeback.domain.streams.settlement import PendingCall, Served, settled
from chargeback.domain.usage.lines import to_json
from chargeback.domain.usage.meters import Meter
from tests.support.builders import NOW, cloud_event, tokens, usage_event
from tests.support.strategies import json_values

LANGCHAIN = Emitter(
    "langchain",
    sources=("/langchain/research",),
    subscriptions=("research",),
    max_age=timedelta(days=7),
    gateways=("/apim/gw/swedencentral",),
)


def taken(emitter: Emitter = OURSELVES, **arguments: Any) -> UsageEvent:
    return admit(usage_event(**arguments), EVER, emitter)


def refusal(raw: bytes, emitter: Emitter = OURSELVES) -> InvalidEvent:
    with pytest.raises(InvalidEvent) as refused:
        admit(raw, EVER, emitter)
    return refused.value


# Limits


def test_an_event_is_taken_up_to_64_kib() -> None:
    raw = usage_event(padding="")
    padded = raw.replace(b'"padding":""', b'"padding":"%s"' % (b"x" * (MAX_ACCEPTED_BYTES - len(raw))))

    assert admit(padded, EVER, OURSELVES).raw == admit(raw, EVER, OURSELVES).raw
    assert refusal(padded + b" ").reason == "too-large"


@pytest.mark.parametrize(("depth", "is_taken"), [(10, True), (61, True), (63, False), (2_000, False), (30_000, False)])
def test_what_is_nested_deeper_than_64_is_refused_by_ourselves(depth: int, *, is_taken: bool) -> None:
    raw = usage_event(unknown=0).replace(b'"unknown":0', b'"unknown":' + b"[" * depth + b"]" * depth)

    if is_taken:
        assert admit(raw, EVER, OURSELVES)
    else:
        assert refusal(raw).reason == "too-deep"


def test_brackets_within_texts_are_no_nesting() -> None:
    raw = usage_event(username="[{" * 100 + '\\"[' * 20)

    assert not is_too_deep(raw)
    assert admit(raw, EVER, OURSELVES)


def test_the_dimensions_of_a_line_have_a_limit_together() -> None:
    names = ("deployment", "username", "companyName", "billingCode")

    event = taken(**dict.fromkeys(names, "é" * 140))

    assert len(to_json(event.line)) < MAX_LINE_BYTES
    assert refusal(usage_event(**dict.fromkeys(names, "é" * 250))).reason == "too-large"


@pytest.mark.parametrize("field", ["size", "quality"])
def test_a_picture_s_size_and_quality_are_short(field: str) -> None:
    def raw(length: int) -> bytes:
        own = {"images": 1, "size": "1024x1024", field: "é" * length}
        return usage_event(operation="images.generations", quantities=own)

    assert admit(raw(64), EVER, OURSELVES)
    assert refusal(raw(65)).reason == "unexpected-shape"
    assert refusal(raw(20_000)).reason == "unexpected-shape"
    assert read_event(raw(20_000), EVER).quantities  # what an older version accepted stays readable


@pytest.mark.parametrize(
    "data",
    [
        {"usage": tokens(MAX_COUNT + 1, 0)},
        {"usage": tokens(-1, 2)},
        {"usage": tokens(5, 5) | {"total_tokens": 11}},
        {"usage": {"prompt_tokens": 5, "input_tokens": 6, "completion_tokens": 0}},
        {"usage": {"prompt_tokens": 5, "completion_tokens": 1, "output_tokens": 2}},
        {"usage": {"prompt_tokens": 5, "prompt_tokens_details": {"text_tokens": -5}}},
        {"usage": {"prompt_tokens": 5, "completion_tokens_details": {"accepted_prediction_tokens": 10**30}}},
        {"usage": tokens(5, 5) | {"web_searches": -3}},
        {"usage": tokens(5, 5) | {"web_searches": 10**11}},
        {"quantities": {"images": -1}, "type": "pending"},
        {"quantities": {"audioSeconds": 1e300}, "type": "pending"},
        {"usage": tokens(-1, 0), "type": "rejected"},
        {"statusCode": -1},
        {"durationMs": 10**40},
        {"attempts": -2},
        {"triedBackends": ["a"] * 33},
    ],
)
def test_numbers_that_cannot_be_are_refused_in_every_type_of_event(data: dict[str, Any]) -> None:
    assert refusal(usage_event(**data)).reason in (
        "absurd-quantity",
        "usage-contradicts-itself",
        "unexpected-shape",
    )


@pytest.mark.parametrize("name", ["id", "source"])
@pytest.mark.parametrize("text", ["a\0b", "a\nb", "a\u202eb"])
def test_an_identity_can_be_printed(name: str, text: str) -> None:
    assert refusal(usage_event(**{name: text})).reason == "unexpected-shape"


# Pending calls


PENDING: list[dict[str, Any]] = [
    {"time": "2026-10-05T10:00:60Z"},
    {"time": "2026-10-05t10:00:00z"},
    {"time": "2026-10-05 10:59:59.9999999+05:30"},
    {"unknown": [{"x": "y"}]},
    {"stream": True, "statusCode": None},
    {"stream": "yes", "attempts": "three"},
    {"id": "i" * 1_000},
    {"deployment": None, "model": None, "responseId": "r"},
    {"quantities": {"size": "1x1", "quality": None}},
    {"usage": {"prompt_tokens": 7, "odd": {"counter": 3}}},
]


@pytest.mark.parametrize("arguments", PENDING)
def test_a_pending_call_that_is_taken_can_be_settled(arguments: dict[str, Any]) -> None:
    event = taken(**{"type": "pending", **arguments})

    call = PendingCall.from_event(event.raw)
    count = LoggedTokens(call.id, "", call.time, "", "gpt-4o", 5, 6, 11, streamed=True, arrived=call.time)
    done = admit(settled(call, count, Served()), EVER, OURSELVES)

    guess = estimated(call, StreamMean(10, 5, 6), Served())
    assert guess is None or admit(guess, EVER, OURSELVES).call == done.call
    assert (done.call, done.phase, done.day, done.hour) == (event.call, Phase.SETTLED, event.day, event.hour)
    assert (done.quantities[Meter.INPUT], done.quantities[Meter.OUTPUT]) == (5, 6)
    assert (call.time.date().isoformat(), call.time.hour) == (event.day, event.hour)


@pytest.mark.parametrize(
    "arguments", [{"id": "i" * 1_001}, {"id": "call/settled"}, {"quantities": {"images": 10**11}}, {"id": "i" * 1_020}]
)
def test_a_pending_call_that_could_never_be_settled_is_refused(arguments: dict[str, Any]) -> None:
    assert refusal(usage_event(type="pending", **arguments)).reason in ("unexpected-shape", "absurd-quantity")


@given(st.datetimes(), st.integers(-14 * 60, 14 * 60), st.sampled_from(["", ".5", ".123456789"]))
def test_a_moment_lies_in_the_hour_of_its_time(moment: Any, offset: int, fraction: str) -> None:
    sign = "-" if offset < 0 else "+"
    time = f"{moment:%Y-%m-%dT%H:%M:%S}{fraction}{sign}{abs(offset) // 60:02}:{abs(offset) % 60:02}".rjust(20, "0")
    try:
        day, hour = hour_of(time)
    except InvalidEvent:
        return

    found = moment_of(time)

    assert (found.date().isoformat(), found.hour) == (day, hour)
    assert found.second == moment.second
    assert (found.minute + offset) % 60 == moment.minute


# Senders


def test_an_emitter_speaks_for_its_sources_and_subscriptions() -> None:
    own = {"source": "/langchain/research/job-1", "subscriptionId": "research"}

    assert taken(LANGCHAIN, **own)
    assert refusal(usage_event(**own | {"source": "/langchain/research2"}), LANGCHAIN).reason == "not-allowed"
    assert refusal(usage_event(**own | {"source": "/apim/gw/swedencentral"}), LANGCHAIN).reason == "not-allowed"
    assert refusal(usage_event(**own | {"subscriptionId": "search"}), LANGCHAIN).reason == "not-allowed"
    assert refusal(usage_event(**own | {"subscriptionId": None}), LANGCHAIN).reason == "not-allowed"


def test_event_grid_speaks_for_the_gateways_alone() -> None:
    assert taken(EVENT_GRID, source="/apim/gw/swedencentral", subscriptionId="anybody")
    assert refusal(usage_event(source="/langchain/research"), EVENT_GRID).reason == "not-allowed"
    assert refusal(usage_event(source="/apimeleon"), EVENT_GRID).reason == "not-allowed"


def test_nothing_that_an_emitter_says_of_a_caller_counts_as_verified() -> None:
    claimed = {"productId": "p", "apimUserId": "u", "tenantId": "t", "appId": "a", "userObjectId": "o"}

    line = taken(LANGCHAIN, source="/langchain/research", subscriptionId="research", username="ann", **claimed).line

    assert (line.product, line.apim_user, line.tenant, line.app, line.user_object_id) == ("", "", "", "", "")
    assert (line.subscription, line.user) == ("research", "ann")


def test_another_emitter_describes_the_gateway_s_call_and_ranks_below_the_gateway() -> None:
    gateway = taken(id="abc", source="/apim/gw/swedencentral", type="pending")

    beside = taken(LANGCHAIN, source="/langchain/research", subscriptionId="research", gatewayEventId="abc")

    assert beside.call == gateway.call
    assert beside.phase < gateway.phase
    assert read_event(beside.raw, EVER) == beside


def test_a_call_of_one_of_several_gateways_is_named_by_its_region() -> None:
    several = Emitter("e", ("/e",), ("s",), gateways=("/apim/gw/eastus2", "/apim/gw/swedencentral"))

    def raw(**data: Any) -> bytes:
        return usage_event(source="/e", subscriptionId="s", gatewayEventId="abc", **data)

    named = [
        admit(raw(gatewayRegion="eastus2"), EVER, several),
        admit(raw(gatewayEventSource="/apim/gw/eastus2"), EVER, several),
    ]

    assert {each.call for each in named} == {taken(id="abc", source="/apim/gw/eastus2").call}
    assert refusal(raw(), several).reason == "gateway-call-unknown"
    assert refusal(raw(gatewayEventSource="/apim/other/eastus2"), several).reason == "gateway-call-unknown"
    assert refusal(raw(), Emitter("e", ("/e",), ("s",))).reason == "not-allowed"


def test_an_emitter_s_response_is_not_the_gateway_s() -> None:
    gateway = taken(type="pending", responseId="resp_1", operation="responses")
    other = taken(
        LANGCHAIN, source="/langchain/research", subscriptionId="research", type="pending", responseId="resp_1"
    )

    assert gateway.call != other.call


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"source": "response", "id": "resp_1"}, {"type": "pending", "responseId": "resp_1", "operation": "responses"}),
        ({"source": "a\0b", "id": "c"}, {"source": "a", "id": "b\0c"}),
    ],
)
def test_identities_of_different_kinds_never_meet(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert read_event(usage_event(**one), EVER).call != read_event(usage_event(**other), EVER).call


# What is kept, and what is said of what is not


def test_an_event_of_an_older_version_is_read_as_it_was() -> None:
    before = cloud_event(
        id="old", stream="yes", attempts="two", durationMs=1.5, triedBackends="none", usage=tokens(3, 2)
    )

    event = read_event(msgspec.json.encode(before), EVER)

    assert event.quantities == {Meter.INPUT: 3, Meter.OUTPUT: 2, Meter.REQUESTS: 1}
    assert event.call == read_event(usage_event(id="old"), EVER).call


SECRET = "Bearer eyJhbGciOiJIUzI1NiJ9 what did she say"


@pytest.mark.parametrize("place", ["specversion", "type", "time", "data", "id", "source"])
def test_no_refusal_repeats_what_it_refuses(place: str) -> None:
    text = SECRET if place not in ("id", "source") else SECRET + "\0"

    refused = refusal(msgspec.json.encode(cloud_event() | {place: text}))

    assert "eyJ" not in refused.detail
    assert "she" not in refused.detail


places = st.sampled_from(
    [("id",), ("time",), ("source",), ("data", "usage"), ("data", "quantities"), ("data", "stream"), ("data", "new")]
    + [("data", "usage", name) for name in ("prompt_tokens", "cache_read_input_tokens", "new", "unknown", "type")]
)


@given(
    st.dictionaries(places, json_values, min_size=1, max_size=3), st.sampled_from(["recorded", "pending", "settled"])
)
def test_whatever_is_taken_is_read_again_as_the_same(changes: dict[tuple[str, ...], Any], type_: str) -> None:
    document: dict[str, Any] = cloud_event(type=type_, usage=tokens(10, 5))
    for place, value in changes.items():
        target: Any = document
        for step in place[:-1]:
            target = target.get(step) if isinstance(target, dict) else None
        if isinstance(target, dict):
            target[place[-1]] = value

    try:
        event = admit(msgspec.json.encode(document), EVER, OURSELVES)
    except InvalidEvent:
        return

    assert read_event(event.raw, EVER) == event
    assert admit(event.raw, EVER, OURSELVES) == event
    assert all(0 < quantity <= MAX_COUNT for quantity in event.quantities.values())
    assert event.phase is not Phase.PENDING or PendingCall.from_event(event.raw).time.tzinfo is NOW.tzinfo


def test_only_the_gateway_says_that_its_call_waits_for_its_tokens() -> None:
    with pytest.raises(InvalidEvent) as refused:
        taken(LANGCHAIN, source="/langchain/research", subscriptionId="research", gatewayEventId="abc", type="pending")

    assert refused.value.reason == "not-allowed"
