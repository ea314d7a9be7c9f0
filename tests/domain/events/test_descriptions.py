"""Only names, codes and numbers come through the door; a description that is a free text is left out."""

from typing import Any

import msgspec
import pytest

from chargeback.domain.errors import InvalidEvent
from chargeback.domain.events.admission import admit
from chargeback.domain.events.descriptions import FORMS
from chargeback.domain.events.emitters import EVENT_GRID, OURSELVES
from chargeback.domain.events.usage_event import EVER, UsageEvent, read_event
from chargeback.domain.events.withheld import withheld
from chargeback.domain.usage.meters import Meter
from tests.support.builders import tokens, usage_event

TEXT = "what did she say"
SOUND = {
    "apiVersion": "2024-10-21",
    "requestedModel": "gpt-4o",
    "requestedTier": "priority",
    "gatewayRegion": "swedencentral",
    "clientRegion": "CH",
    "spilledFrom": "gpt-4o-ptu",
    "errorCode": "context_length_exceeded",
    "objectId": "batch_0af3",
    "decision": "swap",
    "imageDeployment": "gpt-image-2",
    "trainingType": "Developer",
    "usageSource": "gateway-log-alone",
    "estimateBasis": "mean of 10 streamed calls of gpt-4o",
}


def taken(**arguments: Any) -> UsageEvent:
    return admit(usage_event(id="a", **arguments), EVER, OURSELVES)


def data_of(event: UsageEvent) -> dict[str, Any]:
    data: dict[str, Any] = msgspec.json.decode(event.raw)["data"]
    return data


def test_descriptions_of_their_form_are_kept() -> None:
    assert SOUND.keys() == FORMS.keys()
    assert data_of(taken(**SOUND)).items() >= SOUND.items()


@pytest.mark.parametrize("name", FORMS)
def test_a_free_text_in_a_description_is_left_out_and_the_call_is_taken(name: str) -> None:
    event = taken(**{name: TEXT})

    assert name not in data_of(event)
    assert event == taken()
    assert TEXT.encode() not in withheld(usage_event(**{name: TEXT}))


@pytest.mark.parametrize("state", ["pending", "recorded", "settled"])
def test_however_many_tiers_and_training_types_are_made_up_they_are_one_line(state: str) -> None:
    made = [
        *(taken(type=state, requestedTier=tier, usage=None) for tier in ("made-1", "made-2", "Priority")),
        *(taken(type=state, operation="fine_tuning.jobs", trainingType=kind, usage=None) for kind in ("a", "Spot")),
    ]

    assert [(event.line.service_tier, event.line.variant) for event in made] == [
        *[("unknown", "")] * 3,
        *[("default", "unknown")] * 2,
    ]


@pytest.mark.parametrize("tier", ["auto", "default", "standard", "priority", "flex", "scale"])
def test_a_tier_that_there_is_stays_what_was_asked_for(tier: str) -> None:
    assert data_of(taken(requestedTier=tier))["requestedTier"] == tier


@pytest.mark.parametrize("kind", ["Standard", "GlobalStandard", "globalStandard", "Developer"])
def test_a_training_type_that_there_is_stays_what_it_was(kind: str) -> None:
    assert data_of(taken(operation="fine_tuning.jobs", trainingType=kind))["trainingType"] == kind


def test_a_refused_job_is_counted_under_no_training_type() -> None:
    refused = taken(type="rejected", operation="fine_tuning.jobs", trainingType="madea", statusCode=400)

    assert refused.line == taken(type="rejected", operation="fine_tuning.jobs", statusCode=400).line


def test_names_that_an_older_version_accepted_are_billed_as_they_were() -> None:
    tier = read_event(usage_event(id="a", requestedTier="made-1"), EVER)
    training = read_event(usage_event(id="a", operation="fine_tuning.jobs", trainingType="Spot", usage=None), EVER)

    assert (tier.line.service_tier, training.line.variant) == ("made-1", "spot")


def test_of_the_tried_hosts_those_are_kept_that_are_hosts() -> None:
    kept = data_of(taken(triedBackends=["oai-a.openai.azure.com", TEXT, "localhost:8443"]))["triedBackends"]

    assert kept == ["oai-a.openai.azure.com", "localhost:8443"]


def test_what_an_older_version_accepted_stays_readable() -> None:
    raw = usage_event(id="a", triedBackends=[TEXT], decision=TEXT, time=f"2026-03-20T09:26:53.{'5' * 600}Z")

    assert read_event(raw, EVER).call == taken().call


def test_a_time_has_no_more_digits_than_a_clock() -> None:
    with pytest.raises(InvalidEvent, match="time has more than 40 characters"):
        admit(usage_event(time=f"2026-03-20T09:26:53.{'5' * 60_000}Z"), EVER, EVENT_GRID)

    assert taken(time="2026-03-20T09:26:53.123456789+05:30").day == "2026-03-20"


@pytest.mark.parametrize(
    ("fields", "unknown"),
    [
        ({"web_searches": 7}, 7),
        ({"a": {"b": {"c": 5}}}, 5),
        ({"queue_time": 0.5, "waited": [1, 2], "web_searches": 0, "tier": "5", "flag": True}, 0),
    ],
)
def test_an_integer_in_an_unknown_place_is_an_unknown_count(fields: dict[str, Any], unknown: int) -> None:
    event = taken(usage=tokens(3, 2) | fields)

    assert event.quantities.get(Meter.UNKNOWN, 0) == unknown
    assert read_event(event.raw, EVER).quantities == event.quantities


def test_the_path_of_an_unknown_counter_is_short() -> None:
    long = {"a" * 40: {"b" * 40: 3}, "web_searches": 1}

    assert data_of(taken(usage=tokens(3, 2) | long))["usage"]["unknown"] == {"other": 3, "web_searches": 1}
