"""Each matter is raised once, cleared once and ended with its period, whatever happens between two writes."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from chargeback.adapters.memory.outbox import MemoryDueAlerts, MemoryOutbox
from chargeback.domain.alerts.alert import Matter, Sighting
from chargeback.domain.alerts.facts import Facts
from chargeback.domain.alerts.kinds import AlertKind, Severity
from chargeback.domain.alerts.watching import AWAY, Look
from chargeback.domain.errors import StoreUnavailable
from chargeback.services.alerts.raise_alerts import AlertChanges, Alerts
from tests.support.alerts import MINUTE, NOW, TO_CHAT, sighting


class Watched:
    """Alerts over stores in memory."""

    def __init__(self) -> None:
        self.outbox = MemoryOutbox()
        self.due = MemoryDueAlerts()
        self.alerts = Alerts(self.outbox, self.due, TO_CHAT)

    def look(self, at: datetime, *sightings: Sighting, **more: object) -> AlertChanges:
        return asyncio.run(self.alerts.see(Look(AlertKind.BUDGET, at, sightings, **more)))  # type: ignore[arg-type]

    def happened(self, seen: Sighting, at: datetime) -> bool:
        return asyncio.run(self.alerts.happened(seen, at)) is not None


def test_a_matter_that_is_seen_again_and_again_is_raised_once() -> None:
    watched = Watched()

    seen = [watched.look(NOW + n * MINUTE, sighting()) for n in range(3)]

    assert [len(each.raised) for each in seen] == [1, 0, 0]
    assert watched.due.announced == [seen[0].raised[0].id]


def test_each_step_is_raised_by_itself() -> None:
    watched = Watched()
    watched.look(NOW, sighting(step="80 %"))

    seen = watched.look(NOW + MINUTE, sighting(step="80 %"), sighting(step="100 %"))

    assert [each.matter.step for each in seen.raised] == ["100 %"]


def test_a_matter_that_stays_away_is_cleared_once_with_what_its_source_says() -> None:
    watched = Watched()
    watched.look(NOW, sighting())
    facts = Facts("team-a is below 80 % again", cause="a correction of 3 November")

    first, second, third = (watched.look(NOW + MINUTE + n * AWAY, clears=lambda alert: facts) for n in range(3))

    assert not first.cleared
    assert not third.cleared
    (alert,) = second.cleared
    assert alert.cleared is not None
    assert alert.cleared.facts == facts
    assert list(alert.cleared.tellings) == ["chat"]
    assert watched.due.announced == [alert.id, alert.id]


def test_a_matter_that_comes_and_goes_is_told_once() -> None:
    watched = Watched()
    seen = [watched.look(NOW + n * MINUTE, *([sighting()] if n % 2 == 0 else [])) for n in range(60)]

    assert sum(len(each.raised) for each in seen) == 1
    assert not any(each.cleared for each in seen)


def test_a_matter_that_was_cleared_is_raised_again_as_another_occurrence() -> None:
    watched = Watched()
    watched.look(NOW, sighting())
    watched.look(NOW + MINUTE)
    watched.look(NOW + MINUTE + AWAY)

    (again,) = watched.look(NOW + 2 * AWAY, sighting()).raised

    assert again.occurrence == 2
    assert len({each.id for each in watched.outbox.alerts}) == 2


def test_a_matter_ends_silently_with_its_period_and_is_never_raised_for_it_again() -> None:
    watched = Watched()
    end = NOW + timedelta(hours=1)
    watched.look(NOW, sighting(until=end))

    ended = watched.look(end)
    late = watched.look(end + MINUTE, sighting(until=end))

    assert (ended, late) == (AlertChanges(), AlertChanges())
    (alert,) = watched.outbox.alerts
    assert alert.ended == end


def test_a_matter_that_becomes_more_urgent_is_told_once_more_and_cleared_once() -> None:
    watched = Watched()
    mild, urgent = sighting(severity=Severity.INFORMATION), sighting(severity=Severity.MONEY_AT_RISK)

    seen = [watched.look(NOW + n * MINUTE, each) for n, each in enumerate([mild, urgent, urgent, mild, urgent])]
    cleared = [watched.look(NOW + n * AWAY).cleared for n in (1, 2, 3)]
    (again,) = watched.look(NOW + 4 * AWAY, mild).raised

    assert [[each.severity for each in one.raised] for one in seen] == [
        [Severity.INFORMATION],
        [Severity.MONEY_AT_RISK],
        [],
        [],
        [],
    ]
    assert [[each.severity for each in one] for one in cleared] == [[], [Severity.MONEY_AT_RISK], []]
    assert (again.severity, again.occurrence) == (Severity.INFORMATION, 3)


def test_a_matter_that_becomes_more_urgent_stands_if_that_cannot_be_written() -> None:
    watched = Watched()
    watched.look(NOW, sighting(severity=Severity.INFORMATION))
    create = watched.outbox.create

    async def away(_: object) -> None:
        raise StoreUnavailable("away")

    watched.outbox.create = away  # type: ignore[assignment]
    with pytest.raises(StoreUnavailable):
        watched.look(NOW + MINUTE, sighting(severity=Severity.MONEY_AT_RISK))
    watched.outbox.create = create  # type: ignore[method-assign]

    assert [each.stands for each in watched.outbox.alerts] == [True]
    assert watched.look(NOW + 2 * MINUTE, sighting(severity=Severity.MONEY_AT_RISK)).raised


def test_what_is_seen_first_after_the_end_of_its_period_is_told_all_the_same() -> None:
    watched = Watched()

    assert watched.look(NOW, sighting(until=NOW - MINUTE)).raised


def test_a_matter_that_nobody_looked_for_stays_as_it_is() -> None:
    watched = Watched()
    watched.look(NOW, sighting("team-a"), sighting("team-b"))

    for n in (1, 2):
        watched.look(NOW + n * AWAY, covers=lambda matter: matter.rule != "team-b")

    assert [each.matter.rule for each in watched.outbox.alerts if each.stands] == ["team-b"]


def test_a_look_that_took_long_takes_nothing_back_that_was_seen_since() -> None:
    watched = Watched()
    watched.look(NOW, sighting())

    watched.look(NOW - MINUTE)
    watched.look(NOW - MINUTE + AWAY)

    (alert,) = watched.outbox.alerts
    assert alert.cleared is None


def test_a_look_from_before_a_clearing_raises_nothing() -> None:
    watched = Watched()
    watched.look(NOW, sighting())
    watched.look(NOW + MINUTE)
    watched.look(NOW + MINUTE + AWAY)

    assert not watched.look(NOW + 2 * MINUTE, sighting()).raised


def test_what_happened_is_raised_once_and_never_cleared() -> None:
    watched = Watched()
    event = sighting("close", is_event=True)

    assert [watched.happened(event, NOW + n * MINUTE) for n in range(3)] == [True, False, False]
    for n in range(1, 4):
        watched.look(NOW + n * AWAY)

    (alert,) = watched.outbox.alerts
    assert alert.cleared is None
    assert not alert.stands


def test_only_what_is_raised_now_is_asked_for_more_and_all_of_it_at_once() -> None:
    watched = Watched()
    watched.look(NOW, sighting("team-a"))
    asked: list[list[str]] = []

    async def more(sightings: Sequence[Sighting]) -> dict[Matter, Facts]:
        asked.append([each.matter.rule for each in sightings])
        return {sightings[0].matter: Facts("gpt-5.5 moved it")}

    three = (sighting("team-a"), sighting("team-b"), sighting("team-c"))
    for n in (1, 2):
        asyncio.run(watched.alerts.see(Look(AlertKind.BUDGET, NOW + n * MINUTE, three), more))

    assert asked == [["team-b", "team-c"]]
    told = {each.matter.rule: each.raised.facts.headline for each in watched.outbox.alerts}
    assert told["team-b"] == "gpt-5.5 moved it"
    assert told["team-c"] == sighting("team-c").facts.headline


@pytest.mark.parametrize("fault", [StoreUnavailable("away"), KeyError("a name")])
def test_a_matter_is_told_in_time_even_if_nobody_can_say_more_about_it(fault: Exception) -> None:
    watched = Watched()

    async def more(_: Sequence[Sighting]) -> dict[Matter, Facts]:
        raise fault

    seen = asyncio.run(watched.alerts.see(Look(AlertKind.BUDGET, NOW, (sighting(),)), more))

    assert [each.raised.facts for each in seen.raised] == [sighting().facts]
