"""Random faults of single deployments under many calls at once, compared with what each call must give.

The short form runs with the suite: a schedule for each reading, which together have every fault. The long one, with as
many schedules as wanted:
FAULT_SCHEDULES=200 python -m pytest tests/policies/test_schedules.py
"""

import asyncio
import os
import random
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from stack.gateway.named_values import load_config as definitions
from stack.gateway.readings import READINGS
from tests.policies.conftest import MakeRegion
from tests.policies.one_region import EU, US, OneRegion, product
from tests.policies.scripted_backends import CHAT, Answer, Seen, chunk, sse
from tests.support.company import CONFIG

SCHEDULES = int(os.environ.get("FAULT_SCHEDULES", "1"))
CALLS = 100
PATIENCE = "6"
WIDE = {"requestsPerMinute": 1_000_000, "tokensPerMinute": 1_000_000_000}
PRODUCTS = [product(name, **WIDE) for name in ("standard", "europe-resident", "premium")]
RESIDENT, ANYWHERE = ("gpt-5.4", "text-embedding-3-large"), ("gpt-5.4", "gpt-5.4-mini", "text-embedding-3-large")
CALLERS = {"search": ANYWHERE, "support": ANYWHERE, "research": ANYWHERE, "legal": RESIDENT}
FAULTS: dict[str, dict[str, Any]] = {
    "busy": {"status": 429, "headers": {"Retry-After": "7"}, "body": {"error": {"code": "429"}}},
    "busy at once": {"status": 429, "headers": {"retry-after-ms": "400"}, "body": {"error": {"code": "429"}}},
    "broken": {"status": 500, "body": b"oops", "type": "text/html"},
    "down": {"status": 503, "body": {"error": {"code": "503"}}},
    "no role": {"status": 401, "body": {"error": {"code": "PermissionDenied"}}},
    "closed": {"status": 403, "body": {"error": {"code": "403"}}},
    "late": {"status": 408, "body": {"error": {"code": "408"}}},
    "gone": {"gone": True},
    "silent": {"delay": 60},
}
BUSY = {"busy", "busy at once"}


@dataclass
class Schedule:
    """Which deployments of which accounts are faulty, and how."""

    seed: int
    faults: dict[tuple[str, str], str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        chance = random.Random(self.seed)
        for account in (*EU, *US):
            for deployment in ANYWHERE:
                if chance.random() < 0.55:
                    self.faults[account, deployment] = chance.choice(list(FAULTS))

    def candidates(self, call: "Call") -> list[str]:
        """The accounts that may serve a call."""
        return list(EU) if call.caller == "legal" else [*EU, *US]

    def troubles(self, call: "Call") -> list[str | None]:
        """The fault of each account that may serve a call."""
        return [self.faults.get((account, call.deployment)) for account in self.candidates(call)]

    def answer(self, seen: Seen) -> Answer:
        """What a backend says."""
        parts = seen.path.split("/")
        deployment = parts[parts.index("deployments") + 1] if "deployments" in parts else seen.json["model"]
        fault = self.faults.get((seen.account, deployment))
        return Answer(**FAULTS[fault]) if fault else _served(seen)


def _served(seen: Seen) -> Answer:
    if seen.path.endswith("/embeddings"):
        return Answer(body={"object": "list", "data": [], "usage": {"prompt_tokens": 5, "total_tokens": 5}})
    if seen.json.get("stream"):
        return Answer(type="text/event-stream", pieces=sse(chunk("Paris"), chunk("!")))
    return Answer(body=dict(CHAT))


@dataclass
class Call:
    """One call and what its caller got."""

    number: int
    caller: str
    deployment: str
    streamed: bool
    by_path: bool
    status: int = 0
    event_id: str = ""

    async def send(self, client: httpx.AsyncClient) -> None:
        """Make the call."""
        embedded = self.deployment.startswith("text-")
        what = "embeddings" if embedded else "chat/completions"
        path = f"/deployments/{self.deployment}/{what}?api-version=2024-10-21" if self.by_path else f"/v1/{what}"
        body = {"input": "x"} if embedded else {"messages": [], "stream": self.streamed}
        headers = {"api-key": f"key-{self.caller}", "x-username": f"user-{self.number}"}
        answer = await client.post(path, json={"model": self.deployment, **body}, headers=headers)
        self.status, self.event_id = answer.status_code, answer.headers["x-usage-event-id"]


def calls(seed: int) -> list[Call]:
    chance = random.Random(seed)
    made = []
    for number in range(CALLS):
        caller = chance.choice(list(CALLERS))
        deployment = chance.choice(CALLERS[caller])
        streamed = chance.random() < 0.3 and not deployment.startswith("text-")
        made.append(Call(number, caller, deployment, streamed, chance.random() < 0.5))
    return made


def send(one_region: OneRegion, made: list[Call]) -> dict[str, dict[str, Any]]:
    """Make all calls at once; gives their events by id."""

    async def together() -> None:
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(base_url=one_region.url, timeout=50, trust_env=False, limits=limits) as client:
            await asyncio.gather(*(call.send(client) for call in made))

    one_region.run(together())
    events = one_region.events()
    found = {event["id"]: event for event in events}
    assert len(events) == len(found) == len(made)
    one_region.received.clear()
    return found


def check(schedule: Schedule, call: Call, event: dict[str, Any]) -> None:
    """What must have come of one call."""
    troubles, data = schedule.troubles(call), event["data"]
    if None in troubles:
        assert call.status == 200, (call, troubles)
    else:
        assert call.status == (429 if BUSY & set(troubles) else call.status)
        assert call.status in (429, 502, 503, 504), (call, troubles)
    tried = [host.split(".")[0] for host in data.get("triedBackends", [])]
    # After a time-out the provider may bill: such a call waits for its counts.
    worked = {"late", "silent"} & {schedule.faults.get((account, call.deployment)) for account in tried}
    kind = ("pending" if call.streamed else "recorded") if call.status == 200 else "pending" if worked else "rejected"
    assert event["type"] == f"chargeback.usage.{kind}.v1", (call, event)
    told = (data["subscriptionId"], data["username"], data["statusCode"], data["deployment"])
    assert told == (call.caller, f"user-{call.number}", call.status, call.deployment)
    if call.status == 200:
        account = data["backend"].split(".")[0]
        assert schedule.faults.get((account, call.deployment)) is None


@pytest.mark.parametrize("seed", range(SCHEDULES))
def test_only_calls_without_a_working_account_fail_and_each_call_is_one_event_of_its_caller(
    make_region: MakeRegion, reading: str, seed: int
) -> None:
    one_region = make_region(config={"products": PRODUCTS}, first_byte_timeout=PATIENCE, answer_timeout=PATIENCE)
    schedule = Schedule(seed * len(READINGS) + list(READINGS).index(reading))
    one_region.decide = schedule.answer
    made = calls(seed)

    events = send(one_region, made)

    for call in made:
        check(schedule, call, events[call.event_id])
    asked = {seen.headers["x-ms-client-request-id"]: seen.account for seen in one_region.seen}
    residents = {call.event_id for call in made if call.caller == "legal"}
    assert {asked[name] for name in residents if name in asked} <= set(EU)


def test_trouble_that_is_over_leaves_other_deployments_as_they_were(make_region: MakeRegion) -> None:
    """One attempt each: whatever befell a deployment, no other one is asked elsewhere or later for it."""
    one_region = make_region(config={"products": PRODUCTS}, first_byte_timeout=PATIENCE, answer_timeout=PATIENCE)
    schedule = Schedule(0)
    schedule.faults = {(account, "gpt-5.4"): fault for account, fault in zip((*EU, *US), FAULTS, strict=False)}
    one_region.decide = schedule.answer
    made = calls(1)
    send(one_region, made)

    again = [call for call in calls(2) if call.deployment != "gpt-5.4"]
    events = send(one_region, again)

    assert {(call.status, events[call.event_id]["data"]["attempts"]) for call in again} == {(200, 1)}


def test_the_schedules_of_the_suite_have_every_fault_and_calls_that_no_account_can_serve() -> None:
    schedules = [Schedule(number) for number in range(len(READINGS))]

    assert {fault for each in schedules for fault in each.faults.values()} == set(FAULTS)
    assert {None in each.troubles(call) for each in schedules for call in calls(0)} == {True, False}


def test_the_accounts_have_the_deployments_that_these_tests_ask_for() -> None:
    config = definitions(CONFIG)
    for account in config["accounts"]:
        names = {each["name"] for each in config["deploymentSets"][account["deployments"]]}
        assert set(ANYWHERE) <= names
