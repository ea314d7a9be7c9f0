"""A day whose events are counted again from the ledger."""

import json
from collections.abc import Sequence

from chargeback.adapters.memory.stores import MemoryLedger
from chargeback.domain.usage.lines import line_id
from chargeback.domain.usage.meters import Quantities
from chargeback.services.usage.recount import Recounted, recount

DAY = "2026-03-14"
Lines = dict[str, dict[int, Quantities]]


def usage_event(
    call: str = "call-1", type: str = "recorded", *, time: str = f"{DAY}T09:26:53Z", tokens: int = 10, **data: object
) -> bytes:
    usage = {} if type == "pending" else {"usage": {"prompt_tokens": tokens, "completion_tokens": 2}}
    return json.dumps(
        {
            "specversion": "1.0",
            "id": call,
            "source": "/apim/x/eastus2",
            "type": f"chargeback.usage.{type}.v1",
            "time": time,
            "data": {"operation": "chat.completions", "subscriptionId": "search", "model": "gpt-4o"} | usage | data,
        }
    ).encode()


async def recounted(events: Sequence[bytes], *, workers: int = 0, **options: int) -> tuple[Recounted, Lines]:
    ledger = MemoryLedger()
    await ledger.append(DAY, events)
    async with recount(ledger, DAY, workers=workers, **options) as day:
        lines = [line async for page in day.pages() for line in page]
    assert [line.line_id for line in lines] == sorted({line_id(line.line) for line in lines})
    return day, {line.line_id: dict(line.hours) for line in lines}
