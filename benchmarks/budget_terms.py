"""The terms of the bound on an overrun, each measured while a budget refuses on a whole local stack."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median

from aiohttp import web

from chargeback.bootstrap import Container
from chargeback.services.budgets.push_decisions import Decisions
from scripts.showcase.trials import SUBSCRIPTION
from stack.gateway.log_tables import CALL_TABLE, path_of
from stack.provision import call
from stack.stack import Stack

LISTENER = "benchmark"


@dataclass(frozen=True, slots=True)
class Course:
    """How a budget came to refuse: moments in seconds since 1970, and how long two of the steps take.

    Attributes:
        answered: the answer that passed the limit was read to its end.
        delivered: its event reached a subscriber of the topic, as it does the function.
        counted: Redis had it, and the ledger before.
        stored: the gateway's cache had the decision.
        refused: the first refusal was read.
        evaluation: seconds in which all budgets are evaluated, and the strings made.
        push: seconds in which a string is sent to the gateway and stored.
    """

    answered: float
    delivered: float
    counted: float
    stored: float
    refused: float
    evaluation: float
    push: float

    @property
    def terms(self) -> Mapping[str, float]:
        """Seconds of each term; they sum up to those from the answer to the refusal."""
        return {
            "delivery: call answered, event reaches the function": self.delivered - self.answered,
            "count: ledger and Redis": self.counted - self.delivered,
            "wait for the next evaluation": self.stored - self.counted - self.evaluation - self.push,
            "evaluation of all budgets": self.evaluation,
            "push to the cache of the region": self.push,
            "cache: stored, the next call sees it": self.refused - self.stored,
        }

    @property
    def seconds(self) -> float:
        """From the answer to the refusal."""
        return self.refused - self.answered


def print_terms(courses: Sequence[Course]) -> None:
    """The median and the largest of each term."""
    print(f"{len(courses)} budgets, one call each passes the limit; seconds:")
    print(f"  {'':<52} median   most")
    for name in courses[0].terms:
        _print_line(name, [course.terms[name] for course in courses])
    _print_line("together, from the answer to the first refusal", [course.seconds for course in courses])


def _print_line(name: str, seconds: Sequence[float]) -> None:
    print(f"  {name:<52} {median(seconds):6.3f} {max(seconds):6.3f}")


@asynccontextmanager
async def delivered_events(stack: Stack) -> AsyncIterator[Mapping[str, list[float]]]:
    """Billing code → the moments at which events of its calls reach a subscriber beside the function."""
    moments: dict[str, list[float]] = {}

    async def handshake(_request: web.Request) -> web.Response:
        return web.Response(headers={"WebHook-Allowed-Origin": "*"})

    async def take(request: web.Request) -> web.Response:
        now = time.time()
        code = (await request.json())["data"].get("billingCode", "")
        moments.setdefault(code, []).append(now)
        return web.Response()

    app = web.Application()
    app.add_routes([web.options("/", handshake), web.post("/", take)])
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    endpoint = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    try:
        await _subscribe(stack, {"name": LISTENER, "endpoint": endpoint})
        yield moments
        await _subscribe(stack, {"name": LISTENER, "endpoint": endpoint, "includedEventTypes": []})
    finally:
        await runner.cleanup()


async def _subscribe(stack: Stack, subscription: Mapping[str, object]) -> None:
    url = f"{stack.url('eventGrid')}/_subscriptions"
    await asyncio.to_thread(call, stack.site, "POST", url, body=subscription)


def stored_before(stack: Stack, region: str, product: str, moment: float) -> float:
    """When the gateway last stored what budgets decide about a product before a moment, by its own log."""
    ends: list[float] = []
    with path_of(stack.site.state, CALL_TABLE).open(encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)["row"]
            if row["Method"] != "PUT" or row["Region"] != region or not row["Url"].endswith(f"/{product}"):
                continue
            if row["ResponseCode"] == 204:
                ends.append(datetime.fromisoformat(row["TimeGenerated"]).timestamp() + row["TotalTime"] / 1000)
    return max(end for end in ends if end < moment)


def calling_product(container: Container) -> str:
    """The product of the subscription that calls."""
    return next(each.id for each in container.products if SUBSCRIPTION in each.subscriptions)


async def evaluation_and_push(container: Container, region: str, product: str) -> tuple[float, float]:
    """How long both take now, in seconds."""
    assert container.gateways is not None
    decisions = Decisions(container.budget_states, container.catalogues, container.products)
    began = time.perf_counter()
    decided = await decisions.decide(datetime.now(UTC))
    evaluated = time.perf_counter()
    await container.gateways.put(region, product, decided.texts[product].text)
    return evaluated - began, time.perf_counter() - evaluated
