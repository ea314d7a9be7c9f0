"""Makes usage events from the rows of a trace; caller, model and region are drawn at random, by weight."""

import json
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple

from chargeback.adapters.config.catalogue import load_catalogue
from chargeback.adapters.config.folders import path_of
from chargeback.adapters.config.gateway_tables import primary_first
from chargeback.adapters.config.yaml_files import read
from chargeback.domain.deployments.deployment import Deployment
from chargeback.domain.events.event_types import EventType
from scripts.traffic.rows import Call, RefusedError, Timing, read_calls

CACHED_FROM, CACHED_STEP = 1024, 128
"""Azure OpenAI caches the beginning of prompts of 1 024 tokens and more, in steps of 128."""

BLOCK = 4096


class Choice(NamedTuple):
    """A name and how often it is drawn compared with the others."""

    name: str
    weight: int


class Caller(NamedTuple):
    """One combination of subscription, model and backend: the fixed parts of its events."""

    weight: int
    head: str
    data: str


@dataclass(frozen=True, slots=True)
class Draw:
    """What the events are made of in addition to the trace; equal draws of a trace give equal bytes.

    Attributes:
        callers: what to draw from.
        name: what the ids begin with.
        seed: that of the draw.
        cached_share: how much of a long prompt was cached, 0 to 1.
    """

    callers: list[Caller]
    name: str
    seed: int
    cached_share: float


def find_callers(
    config: Path, subscriptions: list[Choice], models: list[Choice], backends: list[Choice]
) -> list[Caller]:
    """Every combination, as `config/` describes it; no backends = every account that has the model."""
    catalogue, gateway, now = load_catalogue(config), read(path_of(config, "gateway.yaml")), datetime.now(UTC)
    everywhere = [Choice(account, 1) for account in catalogue.deployments]
    found: list[Caller] = []
    for model in models:
        served = {each: catalogue.deployment(each.name, model.name, now) for each in backends or everywhere}
        missing = [each.name for each, deployment in served.items() if deployment is None]
        if missing and (backends or len(missing) == len(served)):
            raise RefusedError(f"deployment {model.name!r} is not at {', '.join(missing)} in deployments.yaml")
        for backend, deployment in served.items():
            if deployment is not None:
                weight = model.weight * backend.weight
                found.extend(_caller(weight, each, backend.name, deployment, gateway) for each in subscriptions)
    return found


def _caller(weight: int, who: Choice, backend: str, deployment: Deployment, gateway: Any) -> Caller:
    products = {each["id"]: each["product"] for each in gateway["subscriptions"]}
    if who.name not in products:
        raise RefusedError(f"subscription {who.name!r} is not in gateway.yaml; there are {', '.join(products)}")
    region = primary_first(gateway["gateways"])[0][
        "region"
    ]  # one for all: with the id, the source makes the identity of an event
    head = {
        "specversion": "1.0",
        "type": EventType.RECORDED,
        "source": f"/apim/trace/{region}",
        "datacontenttype": "application/json",
    }
    data = {
        "operation": "chat.completions",
        "method": "POST",
        "deployment": deployment.name,
        "model": f"{deployment.model}-{deployment.version}",
        "serviceTier": "default",
        "backend": backend if "." in backend else f"{backend}.openai.azure.com",
        "gatewayRegion": region,
        "attempts": 1,
        "statusCode": 200,
        "stream": False,
        "subscriptionId": who.name,
        "productId": products[who.name],
    }
    return Caller(weight * who.weight, _opened(head), _opened(data))


def _opened(fields: Mapping[str, object]) -> str:
    """A JSON object without its end, ready for more fields."""
    return json.dumps(fields, separators=(",", ":"))[:-1]


def render(path: Path, timing: Timing, draw: Draw) -> Iterator[bytes]:
    """The events as NDJSON, some thousands at a time."""
    choices = _drawn(draw)
    lines: list[str] = []
    row = 0
    for copy in range(timing.copies):
        for call in read_calls(path):
            lines.append(_event(next(choices), f"{draw.name}/{row}", timing, copy, call, draw.cached_share))
            row += 1
            if len(lines) == BLOCK:
                yield "".join(lines).encode()
                lines.clear()
    yield "".join(lines).encode()


def _drawn(draw: Draw) -> Iterator[Caller]:
    generator = random.Random(draw.seed)
    cumulated = list(accumulate(caller.weight for caller in draw.callers))
    while True:
        yield from generator.choices(draw.callers, cum_weights=cumulated, k=BLOCK)


def _event(caller: Caller, id_: str, timing: Timing, copy: int, call: Call, cached_share: float) -> str:
    context, generated = call.context, call.generated
    cached = int(context * cached_share) // CACHED_STEP * CACHED_STEP if context >= CACHED_FROM else 0
    time = timing.at(copy, call).isoformat().removesuffix("+00:00")
    return (
        f'{caller.head},"id":"{id_}","time":"{time}Z","data":{caller.data},"usage":{{'
        f'"prompt_tokens":{context},"completion_tokens":{generated},"total_tokens":{context + generated},'
        f'"prompt_tokens_details":{{"cached_tokens":{cached}}}}}}}}}\n'
    )
