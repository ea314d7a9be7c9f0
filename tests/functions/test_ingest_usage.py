"""What the trigger hands on is the event as it was sent, to the last value."""

import json
from math import inf, nan

import azure.functions as func
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargeback.functions.ingest_usage import to_json

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats() | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=4)
    ),
)


def cloud_event(data: object) -> func.CloudEvent:
    return func.CloudEvent(id="a", source="/apim/a", type="t", specversion="1.0", data=data)


@given(st.dictionaries(st.text(st.characters(codec="utf-8")), JSON, max_size=4))
def test_every_value_is_handed_on_as_it_came(data: dict[str, object]) -> None:
    handed_on = json.loads(to_json(cloud_event(data)))

    assert json.dumps(handed_on["data"]) == json.dumps(data)


@pytest.mark.parametrize("value", [nan, inf, -inf])
def test_what_is_no_number_is_not_handed_on_as_null(value: float) -> None:
    handed_on = to_json(cloud_event({"usage": {"prompt_tokens": [None, value]}, "model": None}))

    assert b"null" in handed_on
    assert json.dumps(value).encode() in handed_on


def test_a_null_alone_is_handed_on_as_null() -> None:
    assert b'"model":null' in to_json(cloud_event({"model": None, "usage": {"prompt_tokens": 1.5}}))
