"""What quarantine keeps of an event: no content, no keys, and nothing that a replay could take by mistake."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargeback.domain.errors import InvalidEvent
from chargeback.domain.events.admission import admit
from chargeback.domain.events.emitters import OURSELVES
from chargeback.domain.events.usage_event import EVER
from chargeback.domain.events.withheld import withheld
from tests.support.builders import cloud_event, tokens
from tests.support.strategies import json_values

SECRET = "Bearer eyJhbGciOiJIUzI1NiJ9"


def planted(*place: str) -> dict[str, Any]:
    event: dict[str, Any] = cloud_event(usage=tokens(3, 2), quantities={"images": 1})
    target = event
    for step in place[:-1]:
        target = target[step]
    target[place[-1]] = SECRET
    return event


@pytest.mark.parametrize(
    "place",
    [
        ("authorization",),
        ("subject",),
        ("type",),
        ("time",),
        ("specversion",),
        ("data",),
        ("data", "prompt"),
        ("data", "attempts"),
        ("data", "usage"),
        ("data", "usage", "prompt_tokens"),
        ("data", "usage", "type"),
        ("data", "usage", SECRET),
        ("data", "usage", "prompt_tokens_details"),
        ("data", "usage", "prompt_tokens_details", "cached_tokens"),
        ("data", "quantities"),
        ("data", "quantities", "images"),
        ("data", "triedBackends"),
    ],
)
def test_a_text_where_none_belongs_is_not_kept(place: tuple[str, ...]) -> None:
    kept = withheld(msgspec.json.encode(planted(*place)))

    assert b"eyJ" not in kept
    assert withheld(kept) == kept


@pytest.mark.parametrize(
    "raw", [b"what did she say", b'["what did she say"]', b"\xff", b"[" * 500, b"{" + b" " * 70_000]
)
def test_of_what_is_no_event_only_size_and_hash_are_kept(raw: bytes) -> None:
    kept = msgspec.json.decode(withheld(raw))

    assert kept["withheld"]["bytes"] == len(raw)
    assert len(kept["withheld"]["sha256"]) == 64


def test_what_only_has_to_wait_is_kept_whole() -> None:
    event = cloud_event(usage=tokens(3, 2), stream=True, attempts=2, username="ann")

    kept = msgspec.json.decode(withheld(msgspec.json.encode(event)))

    assert kept == {name: value for name, value in event.items() if name != "datacontenttype"}


def taken(raw: bytes) -> bytes | None:
    try:
        return admit(raw, EVER, OURSELVES).raw
    except InvalidEvent:
        return None


places = st.sampled_from(
    [("id",), ("time",), ("type",), ("data",), ("new",), ("data", "model"), ("data", "usage"), ("data", "quantities")]
    + [("data", name) for name in ("operation", "username", "statusCode", "attempts", "new", "stream")]
    + [("data", "usage", name) for name in ("prompt_tokens", "total_tokens", "cache_read_input_tokens", "new", "type")]
)


@given(st.dictionaries(places, json_values, max_size=3))
def test_what_was_refused_stays_refused_and_what_is_usable_stays_the_same(changes: dict[tuple[str, ...], Any]) -> None:
    event: dict[str, Any] = cloud_event(usage=tokens(10, 5))
    for place, value in changes.items():
        target: Any = event
        for step in place[:-1]:
            target = target.get(step) if isinstance(target, dict) else None
        if isinstance(target, dict):
            target[place[-1]] = value
    raw = msgspec.json.encode(event)

    assert taken(withheld(raw)) == taken(raw)
