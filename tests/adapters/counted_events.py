"""Events of a recent day to count, in each phase of a call, and all that can be seen of the count."""

from datetime import UTC, datetime
from typing import Any

from chargeback.domain.events.usage_event import EVER, UsageEvent, read_event
from chargeback.services.ports.counter import Counter, EstimatedEvent
from tests.support.builders import tokens, usage_event
from tests.support.waiting import all_pending

TODAY = datetime.now(UTC).date().isoformat()
"""Redis drops a day that has expired, so the day has to be a recent one."""


def event(**arguments: Any) -> UsageEvent:
    """An event of that day."""
    return read_event(usage_event(**({"time": f"{TODAY}T09:00:00Z"} | arguments)), EVER)


def estimate(event: UsageEvent) -> EstimatedEvent:
    """What an event adds to the spend of its scopes."""
    spend = sum(event.quantities.values()) * 1000
    return EstimatedEvent(event, (f"subscription:{event.line.subscription}", "cost-centre:product"), spend)


async def count(counter: Counter, *events: UsageEvent) -> list[bool]:
    """Count events of that day; which of them changed something."""
    return list(await counter.count(TODAY, events, estimate))


async def state(counter: Counter) -> dict[str, Any]:
    """All that can be seen of a day; lines and scopes that came back to nothing are like ones that never were."""
    changed = await counter.changed_lines(TODAY)
    if changed is None:
        return {"lines": {}, "spend": {}, "pending": []}
    lines = await counter.lines(TODAY, changed.epoch, list(changed.lines))
    return {
        "lines": {each.line: each.hours for each in lines if each.hours},
        "spend": {scope: spent for scope, spent in (await counter.spend(TODAY)).picodollars.items() if spent},
        "pending": sorted(await all_pending(counter, TODAY)),
    }


PHASES: dict[str, dict[str, Any]] = {
    "pending": {"id": "p", "type": "pending", "responseId": "r", "source": "/apim/gw/eastus2"},
    "settled": {"id": "p/settled", "type": "settled", "responseId": "r", "usage": tokens(70, 7)},
    "poll": {"id": "g", "type": "settled", "method": "GET", "responseId": "r", "usage": tokens(80, 8)},
    "pending stream": {"id": "s", "type": "pending"},
    "settled stream": {"id": "s/settled", "type": "settled", "usage": tokens(60, 6)},
    "final": {"id": "s", "type": "recorded", "usage": tokens(90, 9)},
}
EVENTS = {name: event(**arguments) for name, arguments in PHASES.items()}
