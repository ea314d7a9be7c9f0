"""A usage event is read, validated and reduced to its call; whatever else arrives is refused with its reason."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargeback.domain.errors import InvalidEvent
from chargeback.domain.events.usage_event import (
    EVER,
    MAX_EVENT_BYTES,
    AcceptedTimes,
    UsageEvent,
    read_event,
)
from chargeback.domain.usage.meters import Meter
from tests.support.builders import NOW, cloud_event, tokens, usage_event
from tests.support.strategies import json_values

NEAR = AcceptedTimes.around(NOW, max_age=timedelta(days=400), clock_skew=timedelta(hours=1))


def read(**arguments: Any) -> UsageEvent:
    return read_event(usage_event(**arguments), EVER)


def outcome(raw: bytes, accepted: AcceptedTimes) -> UsageEvent | InvalidEvent:
    try:
        return read_event(raw, accepted)
    except InvalidEvent as error:
        return error


def reason_of(raw: bytes, accepted: AcceptedTimes = EVER) -> str:
    with pytest.raises(InvalidEvent) as refused:
        read_event(raw, accepted)
    return refused.value.reason


@pytest.mark.parametrize(
    ("time", "day", "hour"),
    [
        ("2026-03-14T00:00:00Z", "2026-03-14", 0),
        ("2026-03-14T23:59:59.999999Z", "2026-03-14", 23),
        ("2026-03-14T23:59:59.9999999Z", "2026-03-14", 23),
        ("2026-03-14T23:59:59.99999999999999999999+00:00", "2026-03-14", 23),
        ("2026-03-14T23:59:59.9999999-00:00", "2026-03-14", 23),
        ("2026-03-15T00:00:00.000000+00:00", "2026-03-15", 0),
        ("2026-03-15T00:30:00+01:00", "2026-03-14", 23),
        ("2026-03-14T23:30:00-00:30", "2026-03-15", 0),
        ("2026-03-14T18:29:59.9999999-05:30", "2026-03-14", 23),
        ("2026-06-30T23:59:60Z", "2026-06-30", 23),
        ("2026-06-30T23:59:60.5+00:00", "2026-06-30", 23),
        ("2028-02-29T12:00:00Z", "2028-02-29", 12),
        ("2026-01-01T00:00:00+14:00", "2025-12-31", 10),
        ("2026-03-14t09:00:00z", "2026-03-14", 9),
        ("1970-01-01T00:00:00Z", "1970-01-01", 0),
        ("9999-12-31T23:59:59Z", "9999-12-31", 23),
    ],
)
def test_an_event_belongs_to_the_utc_hour_of_its_call(time: str, day: str, hour: int) -> None:
    event = read(time=time)

    assert (event.day, event.hour) == (day, hour)


@pytest.mark.parametrize(
    "time",
    [
        "",
        "now",
        "2026-03-14",
        "2026-03-14T09:00Z",
        "2026-03-14T09:00:00",
        "2026-03-14T24:00:00Z",
        "2026-03-14T09:60:00Z",
        "2026-03-14T09:00:61Z",
        "2026-02-29T09:00:00Z",
        "2026-13-01T09:00:00Z",
        "2026-00-10T09:00:00+00:00",
        "2026-03-14T09:00:00.Z",
        "2026-03-14T09:00:00+24:00",
        "2026-03-14T09:00:00+01:60",
        "2026-03-14T09:00:00+0100",
        "0001-01-01T00:00:00+05:00",
        "9999-12-31T23:59:59-01:00",
        "0000-01-01T00:00:00Z",
        "٢٠٢٦-03-14T09:00:00Z",
        "1773478800",
        " 2026-03-14T09:00:00Z",
        "2026-03-14T09:00:00Z\n",
    ],
)
def test_what_is_no_time_is_refused(time: str) -> None:
    assert reason_of(usage_event(time=time)) == "bad-time"


@pytest.mark.parametrize("time", ["2025-02-13T00:00:00Z", "2026-03-20T13:59:59.9999999Z", "2026-03-20T12:00:00Z"])
def test_times_within_age_and_clock_skew_are_accepted(time: str) -> None:
    assert read_event(usage_event(time=time), NEAR).day == time[:10]


@pytest.mark.parametrize(
    "time",
    ["1970-01-01T00:00:00Z", "2025-02-12T23:59:59.9999999Z", "2026-03-20T14:00:00Z", "2027-03-20T12:00:00Z"],
)
def test_times_too_old_or_ahead_of_the_clock_skew_are_refused(time: str) -> None:
    assert reason_of(usage_event(time=time), NEAR) == "time-out-of-range"


def test_clock_skew_crosses_midnight() -> None:
    midnight = NOW.replace(hour=23, minute=30)
    accepted = AcceptedTimes.around(midnight, max_age=timedelta(days=1), clock_skew=timedelta(hours=1))

    assert read_event(usage_event(time="2026-03-21T00:29:00Z"), accepted).day == "2026-03-21"
    assert reason_of(usage_event(time="2026-03-21T01:00:00Z"), accepted) == "time-out-of-range"


def test_what_the_ledger_has_is_read_up_to_1_mib() -> None:
    raw = usage_event(padding="")
    padded = raw.replace(b'"padding":""', b'"padding":"%s"' % (b"x" * (MAX_EVENT_BYTES - len(raw))))

    assert len(padded) == MAX_EVENT_BYTES
    assert read_event(padded, EVER).call == read_event(raw, EVER).call
    assert reason_of(padded + b" ") == "too-large"


@pytest.mark.parametrize("field", ["username", "companyName", "billingCode", "deployment", "model", "subscriptionId"])
def test_control_characters_of_a_tag_become_spaces(field: str) -> None:
    event = read(**{field: "a\x00b\r\nc\u2028d\u202ee\x7f"})

    texts = [text for text in event.line if "a" in text and "e" in text]
    assert "a b  c d e" in texts
    assert all(text.isprintable() for text in event.line)


def test_a_name_is_one_line_however_its_accents_were_typed() -> None:
    composed, apart = "Zo\u00eb", "Zoe\u0308"

    assert read(username=apart).line == read(username=composed).line
    assert read(username=apart).line.user == composed


def test_a_tag_of_control_characters_alone_is_absent() -> None:
    assert read(username="\x01\x02").line.user == ""


@pytest.mark.parametrize(
    "raw",
    [
        usage_event(username="U").replace(b'"U"', b'"\\ud800"'),
        usage_event(username="U").replace(b'"U"', b'"\\udc00 and more"'),
        usage_event(username="U").replace(b'"U"', b'"\xed\xa0\x80"'),
        usage_event(username="U").replace(b'"U"', b'"\xff"'),
        usage_event(unknown="U").replace(b'"U"', b'"\xff"'),
        usage_event(type="pending", unknown="U").replace(b'"U"', b'"\xc3"'),
        usage_event().replace(b'"specversion"', b'\xff"specversion"'),
        b"\xef\xbb\xbf" + usage_event(),
        usage_event()[:-1],
        usage_event() + b"{}",
        usage_event() + b"\x00",
        b"",
        b" ",
        b"\x00\x01\x02",
        "{}".encode("utf-16"),
        b"{'specversion': '1.0'}",
    ],
)
def test_what_is_no_utf_8_json_is_refused(raw: bytes) -> None:
    assert reason_of(raw) == "not-json"


@pytest.mark.parametrize("raw", [b"null", b"5", b'"text"', b"[]", b"{}", b"true", b"[[]]"])
def test_json_that_is_no_event_is_refused(raw: bytes) -> None:
    assert reason_of(raw) == "unexpected-shape"


@pytest.mark.parametrize("depth", [10, 400, *range(900, 1000, 3), 2_000, 200_000])
def test_deep_nesting_is_taken_or_refused(depth: int) -> None:
    raw = usage_event(unknown=0).replace(b'"unknown":0', b'"unknown":' + b"[" * depth + b"\n" + b"]" * depth)

    event = outcome(raw, EVER)

    if isinstance(event, InvalidEvent):
        assert event.reason == "not-json"
        assert depth > 500
    else:
        assert b"\n" not in event.raw


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"specversion": "0.3"}, "unexpected-shape"),
        ({"specversion": None}, "unexpected-shape"),
        ({"id": ""}, "unexpected-shape"),
        ({"id": 5}, "unexpected-shape"),
        ({"source": ""}, "unexpected-shape"),
        ({"source": "s" * 1025}, "unexpected-shape"),
        ({"time": None}, "unexpected-shape"),
        ({"time": 1773478800}, "unexpected-shape"),
        ({"data": None}, "unexpected-shape"),
        ({"data": []}, "unexpected-shape"),
        ({"data": {}}, "unexpected-shape"),
        ({"type": "chargeback.usage.recorded.v2"}, "unknown-type"),
        ({"type": ""}, "unknown-type"),
    ],
)
def test_a_wrong_attribute_is_refused_with_its_reason(change: dict[str, Any], reason: str) -> None:
    assert reason_of(msgspec.json.encode(cloud_event() | change)) == reason


@pytest.mark.parametrize("attribute", ["specversion", "id", "source", "type", "time", "data"])
def test_a_missing_attribute_is_named(attribute: str) -> None:
    event = cloud_event()
    del event[attribute]

    with pytest.raises(InvalidEvent, match=attribute):
        read_event(msgspec.json.encode(event), EVER)


def test_a_wrong_value_is_named_with_its_place() -> None:
    with pytest.raises(InvalidEvent, match=r"\$\.data\.usage\.prompt_tokens"):
        read(usage={"prompt_tokens": "7"})


places = st.sampled_from(
    [
        ("specversion",),
        ("id",),
        ("source",),
        ("type",),
        ("time",),
        ("data",),
        ("unknown",),
        *[
            ("data", name)
            for name in (
                "operation",
                "method",
                "model",
                "serviceTier",
                "statusCode",
                "responseId",
                "username",
                "usage",
                "usageSource",
                "quantities",
                "unknown",
            )
        ],
        ("data", "usage", "prompt_tokens"),
        ("data", "usage", "total_tokens"),
        ("data", "usage", "prompt_tokens_details"),
        ("data", "usage", "completion_tokens_details", "reasoning_tokens"),
    ]
)


def is_event_or_refusal(raw: bytes) -> None:
    event = outcome(raw, NEAR)

    if isinstance(event, InvalidEvent):
        assert event.reason
        assert event.detail
        return
    assert b"\n" not in event.raw
    assert b"\r" not in event.raw
    assert read_event(event.raw, EVER) == event
    assert all(quantity > 0 for quantity in event.quantities.values())
    assert all(text.isprintable() for text in event.line)


@given(st.binary(max_size=200))
def test_any_bytes_are_an_event_or_refused(raw: bytes) -> None:
    is_event_or_refusal(raw)


@given(json_values)
def test_any_json_is_an_event_or_refused(value: Any) -> None:
    is_event_or_refusal(msgspec.json.encode(value))


@given(
    st.dictionaries(places, json_values, min_size=1, max_size=3), st.sampled_from(["recorded", "pending", "settled"])
)
def test_an_event_with_any_value_anywhere_is_an_event_or_refused(
    changes: dict[tuple[str, ...], Any], type_: str
) -> None:
    event: dict[str, Any] = cloud_event(type=type_, usage=tokens(10, 5))
    for place, value in changes.items():
        target: Any = event
        for step in place[:-1]:
            target = target.get(step) if isinstance(target, dict) else None
        if isinstance(target, dict):
            target[place[-1]] = value

    is_event_or_refusal(msgspec.json.encode(event))


@given(st.integers(0, 700), st.binary(max_size=4), st.integers(0, 4))
def test_an_event_damaged_anywhere_is_an_event_or_refused(at: int, inserted: bytes, removed: int) -> None:
    raw = usage_event(type="pending", unknown="text", username="Søren")

    is_event_or_refusal(raw[:at] + inserted + raw[at + removed :])


def test_an_event_is_kept_with_its_known_fields_on_one_line() -> None:
    event = usage_event(id="a", prompt="tell me", usage=tokens(3, 2) | {"note": "secret"})
    pretty = msgspec.json.format(event, indent=2).replace(b"\n", b"\r\n")

    kept = msgspec.json.decode(read_event(pretty, EVER).raw)

    assert kept == {
        name: value
        if name != "data"
        else {field: inner if field != "usage" else tokens(3, 2) for field, inner in value.items() if field != "prompt"}
        for name, value in msgspec.json.decode(event).items()
        if name != "datacontenttype"
    }


# What state a call is in


@pytest.mark.parametrize(
    ("arguments", "state"),
    [
        ({}, "exact"),
        ({"usage": tokens(0, 0)}, "exact"),
        ({"usage": {"total_tokens": 0}}, "exact"),
        ({"usage": None}, "unsettled"),
        ({"usage": {}}, "unsettled"),
        ({"usage": {"prompt_tokens": None, "tokens": 5}}, "unsettled"),
        ({"usage": None, "statusCode": 429}, "exact"),
        ({"usage": None, "method": "GET"}, "exact"),
        ({"usage": None, "operation": "files"}, "exact"),
        ({"usage": None, "operation": "responses.input_tokens"}, "exact"),
        ({"usage": None, "operation": "batches"}, "exact"),
        ({"usage": None, "operation": "videos"}, "unsettled"),
        ({"usage": None, "operation": "nobody.knows.it"}, "unsettled"),
        ({"usage": None, "operation": "videos", "statusCode": 404}, "exact"),
        ({"type": "settled", "usage": None, "method": "GET", "errorCode": "server_error"}, "exact"),
        ({"quantities": {"characters": 0}, "operation": "audio.speech"}, "exact"),
        ({"quantities": {"size": "1024x1024"}, "operation": "images.generations"}, "unsettled"),
        ({"type": "pending"}, "unsettled"),
        ({"type": "settled", "usage": tokens(1, 1)}, "settled"),
        ({"type": "settled", "usage": tokens(1, 1), "usageSource": "estimated"}, "estimated"),
        ({"type": "settled", "usage": tokens(1, 1), "method": "GET", "responseId": "r"}, "exact"),
        ({"type": "settled"}, "unsettled"),
        ({"type": "settled", "usage": {}, "usageSource": "estimated"}, "unsettled"),
        ({"type": "rejected", "statusCode": 429}, "exact"),
    ],
)
def test_the_state_says_how_well_the_quantities_are_known(arguments: dict[str, Any], state: str) -> None:
    assert read(**arguments).line.state == state


def test_every_call_is_one_request_and_a_rejected_one_nothing_else() -> None:
    assert read(usage=tokens(10, 5)).quantities == {Meter.INPUT: 10, Meter.OUTPUT: 5, Meter.REQUESTS: 1}
    assert read(type="rejected", usage=tokens(10, 5)).quantities == {Meter.REQUESTS: 1}
    assert read(type="pending", usage=tokens(10, 5)).quantities == {Meter.REQUESTS: 1}


def test_a_picture_s_size_and_quality_are_its_variant() -> None:
    def variant(**quantities: Any) -> str:
        return read(operation="images.generations", quantities={"images": 1} | quantities).line.variant

    assert variant(size="1024x1024", quality="hd") == "1024x1024/hd"
    assert variant(size="1024x1024") == "1024x1024/standard"
    assert variant() == ""


def test_absent_dimensions_are_empty_and_absent_tiers_default() -> None:
    line = read(serviceTier=None, model=None, productId=None).line

    assert (line.service_tier, line.model, line.product, line.provider) == ("default", "", "", "azure-openai")
    assert read(serviceTier="priority").line.service_tier == "priority"


# Phases and identity


@pytest.mark.parametrize("operation", ["audio.speech", "audio.transcriptions", "images.generations"])
@pytest.mark.parametrize("source", ["gateway-log", "gateway-log-alone", "estimated"])
def test_sound_and_pictures_that_the_log_counts_as_text_stay_unsettled(operation: str, source: str) -> None:
    """A million tokens of sound cost 64 USD, of text 10."""
    usage = tokens(10, 1_000_000)

    event = read_event(usage_event(type="settled", operation=operation, usageSource=source, usage=usage), EVER)

    assert (event.line.state, event.quantities) == ("unsettled", {Meter.REQUESTS: 1})
