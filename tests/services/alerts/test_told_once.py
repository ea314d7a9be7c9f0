"""Each turn of an alert is told once in each channel, whatever fails, dies, refuses or overlaps."""

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import UTC, time, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from chargeback.domain.alerts.alert import TurnKind
from chargeback.domain.alerts.kinds import Severity
from chargeback.domain.alerts.subscriptions import AlertPlan, AlertSubscription, DigestTimes, QuietHours
from chargeback.domain.alerts.telling import TellingState
from tests.support.alert_world import (
    AWAY_AFTER,
    AWAY_BEFORE,
    BUSY,
    DIES_AFTER,
    DIES_BEFORE,
    FINE,
    REFUSED,
    TOLD,
    AlertWorld,
)
from tests.support.alerts import NOW, sighting

NIGHT = QuietHours(time(13), time(15))
PLAN = AlertPlan(
    (
        AlertSubscription("at-once", "chat"),
        AlertSubscription("by-day", "pager", quiet=NIGHT),
        AlertSubscription("daily", "mail", digest=DigestTimes(time(14))),
    )
)
MATTERS = [
    sighting("team-a", until=NOW + timedelta(hours=2)),
    sighting("team-a", "100 % actual", severity=Severity.MONEY_AT_RISK, until=NOW + timedelta(hours=2)),
    sighting("team-b"),
    sighting("team-c", severity=Severity.INFORMATION),
]
SEEN = [*MATTERS, replace(MATTERS[3], severity=Severity.MONEY_AT_RISK)]
"""The last matter may also be seen as more urgent than before."""

looks = st.tuples(st.just("look"), st.sets(st.sampled_from(range(len(SEEN)))))
waits = st.tuples(st.just("wait"), st.sampled_from([1, 5, 15, 20, 45, 240]))
tells = st.tuples(st.just("tell"), st.integers(1, 3))
both = st.tuples(st.just("both"), st.sets(st.sampled_from(range(len(SEEN)))))
steps = st.lists(st.one_of(looks, waits, tells, both), max_size=25)
answers = st.lists(st.sampled_from([TOLD, TOLD, REFUSED, BUSY]), max_size=12)


def faults(*kinds: str) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from([FINE, FINE, FINE, *kinds]), max_size=150)


async def live(world: AlertWorld, happening: list[tuple[str, Any]]) -> None:
    for what, how in happening:
        seen = [SEEN[n] for n in sorted(how)] if what in ("look", "both") else []
        if what == "wait":
            world.now += timedelta(minutes=how)
        elif what == "look":
            await world.look(seen)
        elif what == "both":
            await asyncio.gather(world.tell(), world.look(seen), world.look(seen), world.tell())
        else:
            await asyncio.gather(*(world.tell() for _ in range(how)))
    await world.tell_all_at_last()


def in_order(told: list[tuple[str, TurnKind]]) -> bool:
    """Whether nobody hears that something is over before hearing that it began."""
    first = {each: told.index(each) for each in set(told)}
    return all(
        first[alert, TurnKind.RAISED] < place
        for (alert, turn), place in first.items()
        if turn is TurnKind.CLEARED and (alert, TurnKind.RAISED) in first
    )


@settings(max_examples=150)
@given(steps, faults(AWAY_BEFORE, AWAY_AFTER, DIES_BEFORE, DIES_AFTER), answers)
def test_a_channel_that_knows_repetitions_tells_each_turn_once(
    happening: list[tuple[str, Any]], failing: list[str], answered: list[Any]
) -> None:
    world = AlertWorld(PLAN, with_memory=("chat", "pager", "mail"))
    world.faults = failing
    world.channels["chat"].answers = list(answered)
    world.channels["mail"].answers = list(answered[::-1])

    asyncio.run(live(world, happening))

    for name, channel in world.channels.items():
        assert Counter(channel.told) == world.expected(name)
        assert in_order(channel.told)
        assert channel.keeps_its_limits()
        assert world.states(name) <= {TellingState.TOLD, TellingState.IN_DIGEST}


@settings(max_examples=150)
@given(steps, faults(AWAY_BEFORE, AWAY_AFTER), answers)
def test_a_channel_without_a_memory_tells_each_turn_once_unless_the_sender_dies(
    happening: list[tuple[str, Any]], failing: list[str], answered: list[Any]
) -> None:
    world = AlertWorld(PLAN)
    world.faults = failing
    world.channels["pager"].answers = list(answered)

    asyncio.run(live(world, happening))

    for name, channel in world.channels.items():
        assert Counter(channel.told) == world.expected(name)
        assert in_order(channel.told)
        assert channel.keeps_its_limits()


@settings(max_examples=100)
@given(steps, faults(DIES_BEFORE, DIES_AFTER))
def test_nothing_is_lost_where_senders_die_and_channels_have_no_memory(
    happening: list[tuple[str, Any]], failing: list[str]
) -> None:
    world = AlertWorld(PLAN)
    world.faults = failing

    asyncio.run(live(world, happening))

    for name, channel in world.channels.items():
        assert set(channel.told) == set(world.expected(name))
        assert in_order(channel.told)


@settings(max_examples=100)
@given(st.lists(st.sets(st.sampled_from(range(len(MATTERS)))), max_size=40), st.lists(st.sampled_from([1, 6, 16])))
def test_each_matter_is_raised_and_cleared_as_often_as_it_came_and_stayed_away(
    looked: list[set[int]], gaps: list[int]
) -> None:
    world = AlertWorld(PLAN)
    begun: Counter[int] = Counter()
    cleared: Counter[int] = Counter()
    stands: set[int] = set()
    over: set[int] = set()
    away: dict[int, Any] = {}

    async def run() -> None:
        for n, seen in enumerate(looked):
            await world.look([MATTERS[each] for each in sorted(seen)])
            for each in range(len(MATTERS)):
                until = MATTERS[each].until
                if each in seen:
                    away.pop(each, None)
                    if each not in stands | over:
                        stands.add(each)
                        begun[each] += 1
                elif each in stands:
                    if until is not None and until <= world.now:
                        stands.discard(each)
                        over.add(each)
                    elif world.now - away.setdefault(each, world.now) >= timedelta(minutes=15):
                        stands.discard(each)
                        cleared[each] += 1
                        del away[each]
            world.now += timedelta(minutes=gaps[n % len(gaps)] if gaps else 1)

    asyncio.run(run())

    alerts = world.outbox.alerts
    by_number = {each.matter: n for n, each in enumerate(MATTERS)}
    assert Counter(by_number[each.matter] for each in alerts) == begun
    assert Counter(by_number[each.matter] for each in alerts if each.cleared) == cleared
    assert {by_number[each.matter] for each in alerts if each.stands} == stands
    assert NOW.tzinfo is UTC
