"""One deployment's trouble stays its own: what a busy, dead, hanging or refusing account does to other calls."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from stack.gateway.named_values import load_config as definitions
from stack.gateway.readings import READINGS
from tests.policies.conftest import MakeRegion
from tests.policies.engines import ROOT
from tests.policies.one_region import EU, US, OneRegion, accounts
from tests.policies.scripted_backends import chunk, sse
from tests.support.company import CONFIG

KEY = {"api-key": "key-research"}
BUSY = {"status": 429, "body": {"error": {"code": "429", "message": "slow down"}}}
BROKEN = {"status": 500, "body": {"error": {"code": "500", "message": "oops"}}}
OTHERS: list[Callable[[OneRegion], httpx.Response]] = [
    lambda one_region: one_region.chat("key-support"),
    lambda one_region: one_region.chat("key-legal"),
    lambda one_region: one_region.client.get("/v1/models", headers=KEY),
    lambda one_region: one_region.client.post("/v1/files", json={}, headers=KEY),
    lambda one_region: one_region.client.get("/v1/responses/resp_1", headers=KEY),
]


def picture(one_region: OneRegion) -> httpx.Response:
    """A call of the smallest deployment that every account has."""
    return one_region.client.post("/v1/images/generations", json={"model": "gpt-image-1", "prompt": "a"}, headers=KEY)


def test_a_busy_deployment_changes_nothing_for_others(one_region: OneRegion) -> None:
    one_region.script(*EU, *US, **BUSY, headers={"Retry-After": "60"})
    told = picture(one_region)
    one_region.script(*EU, *US)

    others = [call(one_region).status_code for call in OTHERS]

    assert told.status_code == 429
    assert others == [200] * len(OTHERS)
    assert picture(one_region).status_code == 429


@pytest.mark.parametrize("times", [1, 8])
def test_a_prompt_that_every_account_fails_on_hurts_only_its_caller(one_region: OneRegion, times: int) -> None:
    one_region.script(*EU, *US, **BROKEN)
    poisoned = [one_region.chat("key-research").status_code for _ in range(times)]
    one_region.script(*EU, *US)

    others = [call(one_region).status_code for call in [*OTHERS, one_region.__class__.chat]]

    assert poisoned == [503] * times
    assert others == [200] * (len(OTHERS) + 1)


def test_each_account_is_asked_once(one_region: OneRegion) -> None:
    one_region.script(*EU, *US, **BUSY, headers={"Retry-After": "0"})

    answer = one_region.chat()

    assert [seen.account for seen in one_region.seen] == [*EU, *US]
    assert answer.headers["retry-after-ms"] == "1000" or 0 < int(answer.headers["retry-after-ms"]) <= 1000


@pytest.mark.parametrize("reading", READINGS)
@pytest.mark.parametrize("status", [401, 403, 408, 429, 500, 503])
def test_another_account_serves_what_one_refuses_under_every_reading(
    make_region: MakeRegion, reading: str, status: int
) -> None:
    one_region = make_region(readings=READINGS[reading])
    one_region.script(EU[0], status=status, body={"error": {"code": "PermissionDenied", "message": "no"}})

    answer = one_region.chat()

    assert answer.status_code == 200
    assert one_region.event()["data"]["backend"].startswith(EU[1])


@pytest.mark.parametrize("reading", READINGS)
def test_a_dead_account_costs_one_attempt_under_every_reading(make_region: MakeRegion, reading: str) -> None:
    one_region = make_region(readings=READINGS[reading])
    one_region.down(EU[0])

    answers = [one_region.chat().status_code for _ in range(2)]

    assert answers == [200, 200]
    first, second = (event["data"] for event in one_region.events())
    assert (first["attempts"], first["triedBackends"]) == (2, [f"{name}.openai.azure.com" for name in EU])
    assert second["attempts"] == 1


def test_the_last_that_is_left_is_asked_although_it_did_not_answer_before(one_region: OneRegion) -> None:
    one_region.down(*EU, *US)
    assert one_region.chat().status_code == 503
    for name in (*EU, *US):
        one_region.config.hosts[f"{name}.openai.azure.com"] = f"http://127.0.0.1:{one_region.around}"

    assert one_region.chat().status_code == 200


@pytest.mark.parametrize("reading", READINGS)
def test_when_all_refuse_the_gateway_the_caller_is_told_that_it_is_not_him(
    make_region: MakeRegion, reading: str
) -> None:
    one_region = make_region(readings=READINGS[reading])
    one_region.script(*EU, *US, status=401, body={"error": {"code": "PermissionDenied", "message": "secret detail"}})

    answer = one_region.chat()

    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "backend_refused_gateway")
    assert answer.headers["x-should-retry"] == "false"
    assert "secret detail" not in answer.text


def test_a_file_that_is_refused_by_its_account_is_no_fault_of_the_caller_either(one_region: OneRegion) -> None:
    one_region.script(EU[0], status=403, body={"error": {"code": "Forbidden", "message": "network rule"}})

    answer = one_region.client.post("/v1/files", json={}, headers=KEY)

    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "backend_refused_gateway")


@pytest.mark.parametrize("body", [{"stream": True}, {}])
def test_a_hanging_account_costs_its_kinds_patience_and_no_more(make_region: MakeRegion, body: dict[str, bool]) -> None:
    kind = "first_byte_timeout" if body else "answer_timeout"
    one_region = make_region(**{kind: "1"})
    one_region.script(EU[0], delay=10)
    one_region.script(EU[1], type="text/event-stream", pieces=sse(chunk("Paris"))) if body else one_region.script(EU[1])

    answer = one_region.chat(**body)

    assert answer.status_code == 200
    assert one_region.event()["data"]["attempts"] == 2


def test_a_call_that_no_account_answered_in_time_may_have_been_billed(make_region: MakeRegion) -> None:
    one_region = make_region(answer_timeout="1")
    one_region.script(*EU, *US, delay=3)

    answer = one_region.chat()

    event = one_region.event()
    assert (answer.status_code, answer.json()["error"]["code"]) == (504, "backend_timeout")
    assert answer.headers["x-should-retry"] == "false"
    assert event["type"] == "chargeback.usage.pending.v1"


def test_a_wait_longer_than_clients_wait_is_not_worth_repeating(one_region: OneRegion) -> None:
    one_region.script(*EU, *US, **BUSY, headers={"Retry-After": "3600"})

    answer = one_region.chat()

    assert 3500 < int(answer.headers["Retry-After"]) <= 3600
    assert answer.headers["x-should-retry"] == "false"


def test_a_caller_who_waits_as_told_is_served(one_region: OneRegion) -> None:
    one_region.script(*EU, *US, **BUSY, headers={"Retry-After": "1", "retry-after-ms": "200"})
    told = one_region.chat()
    one_region.script(*EU, *US)

    time.sleep(int(told.headers["retry-after-ms"]) / 1000)

    assert one_region.chat().status_code == 200


def test_flex_that_is_refused_says_nothing_about_standard_calls(one_region: OneRegion) -> None:
    one_region.script(*EU, *US, **BUSY, headers={"Retry-After": "60"})
    refused = one_region.chat(service_tier="flex")
    one_region.script(*EU, *US)

    assert refused.status_code == 429
    assert one_region.chat().status_code == 200
    assert one_region.chat(service_tier="flex").status_code == 429


def test_a_deployment_that_an_account_has_lost_is_asked_for_elsewhere(one_region: OneRegion) -> None:
    one_region.script(EU[0], status=404, body={"error": {"code": "DeploymentNotFound", "message": "not here"}})

    assert one_region.chat().status_code == 200


LOST = {"status": 404, "body": {"error": {"code": "DeploymentNotFound", "message": "not here"}}}


def test_the_account_that_has_the_deployment_is_waited_for_while_the_others_lack_it(one_region: OneRegion) -> None:
    one_region.script(EU[0], **BUSY, headers={"Retry-After": "5"})
    one_region.script(EU[1], *US, **LOST)

    told = [one_region.chat() for _ in range(2)]

    assert [(each.status_code, each.json()["error"]["code"]) for each in told] == [(429, "all_backends_busy")] * 2
    assert all(3000 < int(each.headers["retry-after-ms"]) <= 5000 for each in told)
    assert [seen.account for seen in one_region.seen].count(EU[0]) == 1


def test_the_account_that_has_the_deployment_may_be_down_while_the_others_lack_it(one_region: OneRegion) -> None:
    one_region.script(EU[0], status=503, body=b"")
    one_region.script(EU[1], *US, **LOST)

    answer = one_region.chat()

    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "no_backend_available")


def test_a_deployment_that_every_account_lacks_is_reported_as_the_last_one_reports_it(one_region: OneRegion) -> None:
    one_region.script(*EU, *US, **LOST)

    assert one_region.chat().json() == LOST["body"]


def test_a_fault_of_the_call_is_told_although_another_account_was_busy(one_region: OneRegion) -> None:
    """Waiting would not help: the next account says the same again."""
    one_region.script(EU[0], **BUSY, headers={"Retry-After": "5"})
    one_region.script(EU[1], status=400, body={"error": {"code": "content_filter", "message": "filtered"}})

    assert [one_region.chat().status_code for _ in range(2)] == [400, 400]


def test_a_busy_account_is_waited_for_while_the_others_are_down(one_region: OneRegion) -> None:
    one_region.script(EU[0], **BUSY, headers={"Retry-After": "20"})
    one_region.script(EU[1], *US, status=503, body=b"")

    told = [one_region.chat() for _ in range(2)]

    assert [each.status_code for each in told] == [429, 429]
    assert all(10 < int(each.headers["Retry-After"]) <= 20 for each in told)


def test_a_prompt_on_which_one_account_breaks_moves_no_other_team_off_it(one_region: OneRegion) -> None:
    one_region.script(EU[0], **BROKEN)
    poisoned = one_region.chat("key-research")
    one_region.script(EU[0])
    one_region.seen.clear()

    answer = one_region.chat("key-search")

    assert (poisoned.status_code, answer.status_code) == (200, 200)
    assert [seen.account for seen in one_region.seen] == [EU[0]]


@pytest.mark.parametrize("status", [401, 403, 408, 502, 503, 504])
def test_an_account_that_fails_by_itself_comes_last_for_others_too(one_region: OneRegion, status: int) -> None:
    one_region.script(EU[0], status=status, body=b"")
    one_region.chat("key-research")
    one_region.script(EU[0])
    one_region.seen.clear()

    one_region.chat("key-search")

    assert [seen.account for seen in one_region.seen] == [EU[1]]


def test_an_attempt_waits_no_longer_than_is_left_before_the_load_balancer_gives_up(
    make_region: MakeRegion, tmp_path: Path
) -> None:
    """The policies of this gateway believe that the balancer waits 3 s in all: one account's patience would be 8."""
    copy = shutil.copytree(ROOT / "apim-policies", tmp_path / "apim-policies")
    forward = copy / "fragments" / "forward.xml"
    text = forward.read_text("utf-8")
    assert "235 - (int)context.Elapsed" in text
    forward.write_text(text.replace("235 - (int)context.Elapsed", "3 - (int)context.Elapsed"), "utf-8")
    one_region = make_region(policies=copy, answer_timeout="8")
    one_region.script(*EU, *US, delay=5)

    answer = one_region.chat()

    assert (answer.status_code, answer.json()["error"]["code"]) == (504, "backend_timeout")


def provisioned(make_region: MakeRegion) -> OneRegion:
    """A gateway whose second account in the EU has gpt-4o as provisioned throughput."""
    sets = {name: [dict(each) for each in found] for name, found in definitions(CONFIG)["deploymentSets"].items()}
    next(each for each in sets[EU[1]] if each["name"] == "gpt-4o")["type"] = "ProvisionedManaged"
    return make_region(config={"deploymentSets": sets})


def test_provisioned_throughput_comes_first_because_it_is_paid_for(make_region: MakeRegion) -> None:
    one_region = provisioned(make_region)

    one_region.chat()

    assert [seen.account for seen in one_region.seen] == [EU[1]]
    assert "spilledFrom" not in one_region.event()["data"]


@pytest.mark.parametrize(
    "fault", [BUSY, {"status": 400, "body": {"error": {"code": "context_length_exceeded", "message": "above 128000"}}}]
)
def test_what_provisioned_throughput_cannot_take_spills_over_and_is_accounted_where_it_went(
    make_region: MakeRegion, fault: dict[str, object]
) -> None:
    one_region = provisioned(make_region)
    one_region.script(EU[1], **fault)

    answer = one_region.chat()

    data = one_region.event()["data"]
    assert answer.status_code == 200
    assert (data["deployment"], data["spilledFrom"], data["backend"].split(".")[0]) == ("gpt-4o", "gpt-4o", EU[0])


def test_a_prompt_that_a_filter_refused_is_not_sent_twice(make_region: MakeRegion) -> None:
    one_region = provisioned(make_region)
    one_region.script(EU[1], status=400, body={"error": {"code": "content_filter", "message": "filtered"}})

    assert one_region.chat().status_code == 400
    assert len(one_region.seen) == 1


def test_a_call_that_azure_spilled_over_is_accounted_as_the_deployment_that_answered(one_region: OneRegion) -> None:
    headers = {"x-ms-spillover-from-deployment": "gpt-4o", "x-ms-deployment-name": "gpt-4o-mini"}
    one_region.script(EU[0], headers=headers)

    one_region.chat()

    data = one_region.event()["data"]
    assert (data["deployment"], data["spilledFrom"]) == ("gpt-4o-mini", "gpt-4o")


def test_many_accounts_are_tried_before_a_caller_is_refused(make_region: MakeRegion) -> None:
    names = [f"oai-{number:02}" for number in range(20)]
    settings = {name.replace("-", "_"): {"priority": place} for place, name in enumerate(names, 1)}
    one_region = make_region(config={"accounts": accounts(**settings)})
    one_region.script(*names[:-1], **BUSY)

    answer = one_region.chat("key-support")

    assert answer.status_code == 200
    assert [seen.account for seen in one_region.seen] == names
