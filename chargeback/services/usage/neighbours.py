"""Which day a call is filed on: an event sent again after midnight belongs to the call that it already described.

Some senders stamp each attempt with the time of sending, so that an attempt after midnight names another day. Around
midnight the counter is asked about the neighbouring day. Whatever that misses, such as two attempts at once, the audit
takes out: its recount knows every call of the day before.
"""

from collections.abc import Callable, Mapping, Sequence

from chargeback.domain.events.usage_event import UsageEvent, day_beside, refiled
from chargeback.domain.time.days import UtcDay
from chargeback.services.ports.counter import Counter

MARGIN_HOURS = 6
"""How far from midnight the neighbouring day is asked for."""


async def by_first_day(
    counter: Counter, days: Mapping[UtcDay, Sequence[UsageEvent]], is_open: Callable[[UtcDay], bool]
) -> dict[UtcDay, list[UsageEvent]]:
    """The events by the day that their calls were first seen on."""
    found: dict[UtcDay, list[UsageEvent]] = {}
    first: dict[str, UtcDay] = {}
    for day in sorted(days):
        elsewhere = await _known_elsewhere(counter, day, days[day], is_open)
        for event in days[day]:
            home = elsewhere.get(event.call, day)
            if len(days) > 1 and (earlier := first.setdefault(event.call, home)) == day_beside(day, -1):
                home = earlier
            found.setdefault(home, []).append(event if home == day else refiled(event, home))
    return found


async def _known_elsewhere(
    counter: Counter, day: UtcDay, events: Sequence[UsageEvent], is_open: Callable[[UtcDay], bool]
) -> dict[str, UtcDay]:
    """Call → the neighbouring day that knows it."""
    found: dict[str, UtcDay] = {}
    early = [event.call for event in events if event.hour < MARGIN_HOURS]
    late = [event.call for event in events if event.hour >= 24 - MARGIN_HOURS]
    for beside, calls in ((day_beside(day, 1), late), (day_beside(day, -1), early)):
        if calls and is_open(beside):
            known = await counter.accounted_for(beside, calls) or ()
            found |= {call: beside for call, is_known in zip(calls, known, strict=False) if is_known}
    return found
