"""Whose an object is: the verified caller's of the call that made it, as the gateway's own event says."""

from datetime import UTC, datetime
from typing import Any

import pytest

from chargeback.domain.events.stored_objects import StoredObject, all_objects_in, objects_in
from tests.support.builders import usage_event

TENANT, USER, APP = "t-1", "user-1", "app-1"


def made(**arguments: Any) -> list[StoredObject]:
    return objects_in([usage_event(**{"objectId": "file-1", "operation": "files", **arguments})])


@pytest.mark.parametrize(
    ("identity", "owner"),
    [
        ({}, "subscription/search"),
        ({"tenantId": TENANT, "appId": APP, "userObjectId": USER}, "subscription/search"),
        ({"subscriptionId": None, "tenantId": TENANT, "appId": APP, "userObjectId": USER}, "entra/t-1/user-1"),
        ({"subscriptionId": None, "tenantId": TENANT, "appId": APP}, "entra/t-1/app-1"),
    ],
)
def test_the_owner_is_the_subscription_or_else_who_the_token_is_of(identity: dict[str, Any], owner: str) -> None:
    assert made(**identity) == [
        StoredObject("file-1", owner, "standard", "oai-swedencentral.openai.azure.com", "gpt-4o")
    ]


@pytest.mark.parametrize(
    "arguments",
    [
        {"objectId": None},
        {"subscriptionId": None},
        {"subscriptionId": None, "tenantId": TENANT},
        {"subscriptionId": None, "userObjectId": USER},
        {"source": "/emitter/evil"},
        {"source": "/apim"},
        {"time": "yesterday"},
        {"objectId": "../x"},
        {"objectId": "a b"},
    ],
)
def test_nobody_owns_what_no_gateway_says_that_a_verified_caller_made(arguments: dict[str, Any]) -> None:
    assert made(**arguments) == []


def test_what_cannot_be_read_makes_nothing_and_keeps_no_other_from_being_found() -> None:
    good = usage_event(objectId="file-1")

    assert [each.id for each in objects_in([b'{"objectId":', b'{"objectId":"x"}', b"\xff" + good, good])] == ["file-1"]


def test_a_job_that_has_ended_owns_the_files_that_it_left() -> None:
    assert [each.id for each in made(objectId="file-out,file-err")] == ["file-out", "file-err"]


PENDING = {"type": "pending", "operation": "batches", "method": "POST", "responseId": "batch_1"}


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"type": "recorded", "operation": "responses"},
        {"operation": "fine_tuning.jobs", "statusCode": 200},
    ],
)
def test_what_a_gateway_began_before_it_named_objects_is_its_callers_too(arguments: dict[str, Any]) -> None:
    event = usage_event(**{**PENDING, **arguments})

    assert [(each.id, each.owner) for each in all_objects_in([event])] == [("batch_1", "subscription/search")]
    assert objects_in([event]) == []


@pytest.mark.parametrize(
    "arguments",
    [
        {"method": "GET"},
        {"type": "settled"},
        {"operation": "batches.cancel"},
        {"operation": "chat.completions"},
        {"statusCode": 500},
        {"source": "/emitter/evil"},
    ],
)
def test_a_later_look_at_it_makes_nobody_its_owner(arguments: dict[str, Any]) -> None:
    assert all_objects_in([usage_event(**{**PENDING, **arguments})]) == []


def test_of_two_calls_that_name_an_object_the_first_made_it() -> None:
    events = [usage_event(objectId=name, subscriptionId=team) for team in ("a", "b") for name in ("file-1", "file-2")]

    assert [(each.id, each.owner) for each in all_objects_in(events)] == [
        ("file-1", "subscription/a"),
        ("file-2", "subscription/a"),
    ]


@pytest.mark.parametrize("name", ["resp_1", "chatcmpl-1"])
def test_responses_leave_after_the_days_that_the_service_keeps_them(name: str) -> None:
    (response,) = made(objectId=name, time="2026-03-20T23:59:59.9999999Z")

    assert response.expires == datetime(2026, 4, 21, tzinfo=UTC)
