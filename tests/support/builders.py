"""Usage events for tests, with defaults for everything that a test does not care about."""

from datetime import UTC, datetime
from itertools import count
from typing import Any

import msgspec

NOW = datetime(2026, 3, 20, 12, 0, tzinfo=UTC)
DAY = "2026-03-20"
_numbers = count(1)


def cloud_event(
    *,
    id: str | None = None,
    type: str = "recorded",
    time: str = f"{DAY}T09:26:53.589Z",
    source: str = "/apim/gw/swedencentral",
    **data: Any,
) -> dict[str, Any]:
    """A CloudEvent as the gateway sends it; keyword arguments are its data, None leaves a field out."""
    fields = {
        "operation": "chat.completions",
        "method": "POST",
        "deployment": "gpt-4o",
        "model": "gpt-4o-2024-11-20",
        "backend": "oai-swedencentral.openai.azure.com",
        "statusCode": 200,
        "subscriptionId": "search",
        "productId": "standard",
    } | data
    if type == "recorded" and "usage" not in data and "quantities" not in data:
        fields["usage"] = tokens(100, 50)
    return {
        "specversion": "1.0",
        "id": id or f"call-{next(_numbers)}",
        "source": source,
        "type": f"chargeback.usage.{type}.v1",
        "time": time,
        "datacontenttype": "application/json",
        "data": {name: value for name, value in fields.items() if value is not None},
    }


def usage_event(**arguments: Any) -> bytes:
    """The same as JSON bytes."""
    return msgspec.json.encode(cloud_event(**arguments))


def tokens(prompt: int, completion: int, *, cached: int = 0, reasoning: int = 0) -> dict[str, Any]:
    """A chat usage object."""
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": cached},
        "completion_tokens_details": {"reasoning_tokens": reasoning},
    }
