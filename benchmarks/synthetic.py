"""Synthetic usage events and records: seeded, so that every run measures the same input."""

import json
import random
from collections.abc import Iterator

from chargeback.domain.events.event_types import EventType
from chargeback.domain.time.days import UtcDay

DAY = UtcDay("2026-03-14")

_OPERATIONS = (
    ("chat.completions", "gpt-4o"),
    ("responses", "gpt-5-mini"),
    ("embeddings", "text-embedding-3-large"),
)


def event(number: int, rng: random.Random, *, lines: int, day: str = DAY) -> bytes:
    """One recorded call of about 1 KB; `number` gives its identity, the generator its line and tokens."""
    team = rng.randrange(lines)
    operation, model = _OPERATIONS[team % 3]
    prompt, completion, cached = rng.randrange(20, 8000), rng.randrange(1, 2000), rng.randrange(0, 20)
    usage: dict[str, object] = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": cached, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": min(completion, 64),
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }
    if operation == "embeddings":
        usage = {"prompt_tokens": prompt, "total_tokens": prompt}
    seconds = number % 86_400
    at = f"{day}T{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{number % 1000:03}Z"
    return json.dumps(
        {
            "specversion": "1.0",
            "id": f"{number:08x}-7d3c-4f1e-9b4e-4f3a6d2c{number % 65536:04x}",
            "source": "/apim/apim-chargeback/swedencentral",
            "type": EventType.RECORDED,
            "time": at,
            "datacontenttype": "application/json",
            "data": {
                "operation": operation,
                "method": "POST",
                "apiVersion": "2024-10-21",
                "deployment": model,
                "model": f"{model}-2024-11-20",
                "provider": "azure-openai",
                "serviceTier": "default",
                "backend": "oai-swedencentral.openai.azure.com",
                "gatewayRegion": "swedencentral",
                "clientRegion": "europe",
                "attempts": 1,
                "triedBackends": ["oai-swedencentral.openai.azure.com"],
                "statusCode": 200,
                "durationMs": rng.randrange(100, 9000),
                "stream": False,
                "responseId": f"chatcmpl-{number:029x}",
                "subscriptionId": f"team-{team:05}",
                "productId": "standard",
                "tenantId": "2f3c8a54-6f5e-4c26-8a6b-0d0f7a3f5b11",
                "appId": f"9d1f6a0e-0000-4000-8000-{team:012}",
                "username": f"user{team % 97}@example.com",
                "companyName": "Example Company",
                "billingCode": f"BC-{team % 50:03}",
                "usage": usage,
            },
        }
    ).encode()


def blocks(events: int, *, duplicates: float, lines: int, block: int = 2_000, seed: int = 7) -> Iterator[bytes]:
    """A ledger day as NDJSON blocks: `events` lines, the share `duplicates` of them redelivered earlier ones."""
    rng = random.Random(seed)
    recent: list[bytes] = []
    pending: list[bytes] = []
    for number in range(events):
        if recent and rng.random() < duplicates:
            line = recent[rng.randrange(len(recent))]
        else:
            line = event(number, rng, lines=lines)
            if len(recent) < 20_000:
                recent.append(line)
            else:
                recent[rng.randrange(20_000)] = line
        pending.append(line)
        if len(pending) == block:
            yield b"\n".join(pending) + b"\n"
            pending = []
    if pending:
        yield b"\n".join(pending) + b"\n"
