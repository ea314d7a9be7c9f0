"""How soon a budget refuses, and how far it is overrun: real calls through the gateway of a whole local stack.

The stack has everything from the gateway to the books. Each budget has a billing code and a cost centre of its own.
"""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp

from benchmarks.budget_terms import (
    Course,
    calling_product,
    delivered_events,
    evaluation_and_push,
    print_terms,
    stored_before,
)
from chargeback.bootstrap import Container, open_container
from chargeback.domain.time.days import utc_day
from chargeback.settings import read_settings
from scripts.showcase.trials import SUBSCRIPTION, centre_of, write_trials
from stack.stack import Stack

BLOCK = ({"percent": 100, "do": "block"},)
DEAR = "A prompt that costs more than the whole budget. " * 400
CALLERS = 200
LOAD = "LOAD"
LOAD_AMOUNT = "2"
LOAD_SECONDS = 120.0


def trials(rounds: int) -> Mapping[str, tuple[str, Any]]:
    """A budget of a cent for each round, and the one of the load."""
    return {**{f"ROUND-{number}": ("0.01", BLOCK) for number in range(rounds)}, LOAD: (LOAD_AMOUNT, BLOCK)}


def write_config(folder: Path, rounds: int) -> Path:
    """The configuration of both measurements."""
    return write_trials(folder, trials(rounds))


class Caller:
    """Sends chat calls with a billing code."""

    def __init__(self, stack: Stack, session: aiohttp.ClientSession, code: str) -> None:
        state = stack.site.state
        keys = json.loads((state / "gateway-keys.json").read_text("utf-8"))
        regions = json.loads((state / "gateway.json").read_text("utf-8"))["regions"]
        self.region, origin = next(iter(regions.items()))
        self._url = f"{origin}/openai/v1/chat/completions"
        self._headers = {"api-key": keys[SUBSCRIPTION], "x-billing-code": code}
        self._session = session

    async def call(self, prompt: str, *, stream: bool = False) -> tuple[int, str]:
        """Status and error code of a call, its answer read to the end."""
        body = {
            "model": "gpt-5.5",
            "messages": [{"role": "user", "content": prompt}],
            "max_completion_tokens": 100,
            "stream": stream,
        }
        async with self._session.post(self._url, json=body, headers=self._headers) as answer:
            content = await answer.read()
        return answer.status, json.loads(content)["error"]["code"] if answer.status >= 400 else ""


async def latency(stack: Stack, rounds: int) -> list[Course]:
    """Pass a limit with one call, then ask with small ones until they are refused."""
    found = []
    async with (
        aiohttp.ClientSession() as session,
        open_container(read_settings()) as container,
        delivered_events(stack) as delivered,
    ):
        product = calling_product(container)
        for number in range(rounds):
            code = f"ROUND-{number}"
            caller = Caller(stack, session, code)
            await evaluation_and_push(container, caller.region, product)  # knows everything from now on
            status, error = await caller.call(DEAR)
            assert status == 200, error
            answered = time.time()
            counting = asyncio.create_task(_counted(container, code))
            while (await caller.call("Refused?"))[0] == 200:  # noqa: ASYNC110 it is what callers do
                await asyncio.sleep(0.05)
            refused = time.time()
            counted = await counting
            stored = stored_before(stack, caller.region, product, refused)
            taken = await evaluation_and_push(container, caller.region, product)
            found.append(Course(answered, delivered[code][0], counted, stored, refused, *taken))
    print_terms(found)
    return found


async def _counted(container: Container, code: str) -> float:
    """When Redis has counted a call with a billing code."""
    while True:
        spend = await container.counter.spend(utc_day(datetime.now(UTC)))
        if any(name.endswith(f":{centre_of(code)}") for name in spend.picodollars):
            return time.time()
        await asyncio.sleep(0.005)


@dataclass
class Load:
    """What many callers saw: seconds since the start at which each was answered, and refusals."""

    answered: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    other: Counter[str] = field(default_factory=Counter)


async def overrun(stack: Stack, courses: list[Course]) -> None:
    """Many callers, every second one with streams, until all are refused."""
    load, began = Load(), time.perf_counter()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def caller(number: int) -> None:
            one = Caller(stack, session, LOAD)
            while time.perf_counter() - began < LOAD_SECONDS:
                status, error = await one.call("How far can it be overrun?", stream=number % 2 == 1)
                at = time.perf_counter() - began
                if error == "budget_exceeded":
                    load.refused.append(at)
                    return
                if status == 200:
                    load.answered.append(at)
                else:
                    load.other[error] += 1
                    await asyncio.sleep(1)

        await asyncio.gather(*(caller(number) for number in range(CALLERS)))
    await _report(load, max(each.seconds for each in courses))


async def _report(load: Load, slowest: float) -> None:
    await asyncio.sleep(5)  # the last events are delivered and counted
    async with open_container(read_settings()) as container:
        evaluation = await container.budget_states.evaluate(datetime.now(UTC))
    (state,) = (each for each in evaluation.states if each.budget.id == LOAD)
    spent = state.spend.total
    each_call = spent / len(load.answered)
    rate = len(load.answered) / max(load.answered) * float(each_call)
    bound = rate * slowest + CALLERS * float(each_call)
    print(
        f"{CALLERS} callers, every second one with streams: {len(load.answered)} calls answered at"
        f" {len(load.answered) / max(load.answered):.0f} a second, {len(load.refused)} callers refused, others"
        f" {dict(load.other)}"
    )
    print(
        f"  limit {Decimal(LOAD_AMOUNT):.2f} USD, spent {spent:.4f} ({state.spend.estimated:.4f} by estimate): overrun"
        f" {max(spent - state.limit, Decimal(0)):.4f} USD"
    )
    in_flight = sum(at > min(load.refused) for at in load.answered)
    print(
        f"  bound {bound:.4f} USD: {rate:.4f} USD a second x {slowest:.2f} s (the slowest of the refusals above) +"
        f" {CALLERS * float(each_call):.4f} USD for {CALLERS} calls in flight at {float(each_call):.5f} USD;"
        f" {in_flight} calls were answered after the first refusal"
    )
