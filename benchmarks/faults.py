"""A gateway through an account's outage and a deployment's 429: what callers feel, and whether the books notice.

Every call is followed to its event: one that never comes is lost, one under another subscription has a wrong payer.
"""

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from stack.gateway.serve import Running

TEAMS = ("search", "support", "research")
MODELS = ("gpt-5.4", "gpt-5.4-mini")
ACCOUNT = "oai-swedencentral.openai.azure.com"
PHASES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("before", {"mode": "ok"}),
    ("one account refuses connections", {"mode": "refuse"}),
    ("well again", {"mode": "ok"}),
    ("one deployment answers 429", {"mode": "429", "deployment": MODELS[0], "retryAfterMs": 1000}),
    ("after", {"mode": "ok"}),
)


@dataclass
class Phase:
    """What callers saw while one fault was in force.

    Attributes:
        times: seconds of each answered call.
        refused: calls by the status of their refusal.
        payers: the subscription of each call, by the id of its event.
    """

    times: list[float] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)
    payers: dict[str, str] = field(default_factory=dict)

    def line(self, name: str, seconds: float) -> str:
        """The figures in one line."""
        ordered = sorted(self.times)
        middle, slow = (1000 * ordered[int(len(ordered) * share)] for share in (0.5, 0.95))
        return (
            f"{name:32} {len(ordered) / seconds:5.0f} calls/s, p50 {middle:5.1f} ms, p95 {slow:6.1f} ms, "
            f"not answered {len(self.refused)}"
        )


async def fault_run(
    running: Running, url: str, origins: dict[str, str], events: list[dict[str, Any]], seconds: float
) -> None:
    """One line per phase, then what the books say."""
    payers: dict[str, str] = {}
    async with aiohttp.ClientSession() as session:
        await _phase(session, url, running.keys, 1)
        await running.drain()
        events.clear()
        for name, fault in PHASES:
            async with session.post(f"{origins[ACCOUNT]}/_control", json=fault) as answer:
                answer.raise_for_status()
            phase = await _phase(session, url, running.keys, seconds)
            payers |= phase.payers
            print(phase.line(name, seconds))
    await running.drain()
    told = {event["id"]: event["data"].get("subscriptionId") for event in events}
    wrong = sum(told[call] != payer for call, payer in payers.items() if call in told)
    doubled = len(events) - len(told)
    print(
        f"{len(payers)} calls: lost events {len(payers.keys() - told.keys())}, doubled {doubled}, wrong payers {wrong}"
    )


async def _phase(session: aiohttp.ClientSession, url: str, keys: dict[str, str], seconds: float) -> Phase:
    """Two callers of each team with each model, as fast as they are answered."""
    phase, ends = Phase(), time.perf_counter() + seconds

    async def caller(team: str, model: str) -> None:
        body = {"model": model, "messages": [{"role": "user", "content": "Who pays for this call?"}]}
        while time.perf_counter() < ends:
            began = time.perf_counter()
            async with session.post(
                f"{url}/openai/v1/chat/completions", json=body, headers={"api-key": keys[team]}
            ) as answer:
                await answer.read()
            phase.payers[answer.headers["x-usage-event-id"]] = team
            if answer.status == 200:
                phase.times.append(time.perf_counter() - began)
            else:
                phase.refused.append(answer.status)

    await asyncio.gather(*(caller(team, model) for team in TEAMS for model in MODELS for _ in range(2)))
    return phase
