"""What is due is told within each channel's limits, and what a channel says is believed."""

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import time, timedelta
from itertools import pairwise
from typing import Any

from chargeback.domain.alerts.alert import TurnKind, with_telling
from chargeback.domain.alerts.digests import MOST_MEMBERS
from chargeback.domain.alerts.subscriptions import AlertPlan, AlertSubscription, DigestTimes, QuietHours
from chargeback.domain.alerts.telling import LEASE, MOST_ATTEMPTS, TellingState
from chargeback.domain.alerts.watching import AWAY
from chargeback.services.alerts.channel_states import ChannelStates
from chargeback.services.alerts.tell_alerts import FORGOTTEN
from chargeback.services.ports.channels import ChannelPace, Outcome
from tests.support.alert_world import AWAY_BEFORE, BUSY, DIES_AFTER, NEVER, REFUSED, AlertWorld
from tests.support.alerts import MINUTE, NOW, TO_CHAT, sighting

SECOND = timedelta(seconds=1)
GONE = Outcome(is_told=False, is_gone=True, fault="410")


def world(plan: AlertPlan = TO_CHAT, **more: Any) -> AlertWorld:
    return AlertWorld(plan, **more)


async def look(of: AlertWorld, *rules: str) -> None:
    await of.look([sighting(rule) for rule in rules])


def test_five_hundred_alerts_at_once_reach_a_channel_that_takes_one_a_second() -> None:
    of = world()
    chat = of.channels["chat"]
    chat.paces = (ChannelPace(1, SECOND),)

    async def run() -> None:
        await look(of, *(f"rule-{n}" for n in range(500)))
        await asyncio.gather(*(of.tell(20) for _ in range(20)))
        while of.outbox.alerts and any(alert.due for alert in of.outbox.alerts):
            await asyncio.gather(of.tell(), of.tell())
            of.now += SECOND

    asyncio.run(run())

    assert Counter(chat.told) == of.expected("chat")
    assert len(chat.messages) == 500
    assert chat.keeps_its_limits()
    assert chat.calls[-1] - chat.calls[0] < 520 * SECOND


def test_a_channel_that_asks_to_wait_gets_nothing_before_and_then_everything() -> None:
    of = world()
    chat = of.channels["chat"]
    chat.answers = [BUSY] * (MOST_ATTEMPTS + 5)

    async def run() -> None:
        await look(of, "a", "b", "c")
        await of.tell_all_at_last()

    asyncio.run(run())

    assert BUSY.after is not None
    asked = chat.calls[: len(chat.calls) - 3]
    assert all(later - earlier >= BUSY.after for earlier, later in pairwise(asked))
    assert Counter(chat.told) == of.expected("chat")
    assert of.states("chat") == {TellingState.TOLD}


def test_a_message_that_always_fails_is_given_up_at_last_and_holds_up_no_other() -> None:
    of = world()
    chat = of.channels["chat"]

    async def run() -> None:
        await look(of, "poison", "b", "c")
        poison = next(each.id for each in of.outbox.alerts if each.matter.rule == "poison")
        send = chat.send

        async def refuse(message: Any) -> Outcome:
            return REFUSED if message.entries[0].alert == poison else await send(message)

        chat.send = refuse  # type: ignore[method-assign]
        await of.tell()
        await of.tell()
        assert len(chat.told) == 2
        await of.tell_all_at_last()
        telling = next(each for each in of.outbox.alerts if each.id == poison).raised.tellings["chat"]
        assert (telling.state, telling.attempts, telling.fault) == (TellingState.GIVEN_UP, MOST_ATTEMPTS, "500")

    asyncio.run(run())


def test_a_message_that_makes_the_sender_fail_is_given_up_and_holds_up_no_other_message_or_channel() -> None:
    plan = AlertPlan((AlertSubscription("all", "chat"), AlertSubscription("too", "pager")))
    of = world(plan)
    chat = of.channels["chat"]

    async def run() -> None:
        await look(of, "poison", "b")
        poison = next(each.id for each in of.outbox.alerts if each.matter.rule == "poison")
        send = chat.send

        async def fail(message: Any) -> Outcome:
            if message.entries[0].alert == poison:
                raise KeyError("https://hooks.example/secret")
            return await send(message)

        chat.send = fail  # type: ignore[method-assign]
        await of.tell()
        assert (len(chat.told), len(of.channels["pager"].told)) == (1, 2)
        await of.tell_all_at_last()
        telling = next(each for each in of.outbox.alerts if each.id == poison).raised.tellings["chat"]
        assert (telling.state, telling.fault) == (TellingState.GIVEN_UP, "sending failed: KeyError")

    asyncio.run(run())


def test_people_wait_from_the_first_attempt_on_though_the_next_one_is_hours_away() -> None:
    of = world()
    of.channels["chat"].answers = [REFUSED] * 100

    async def run() -> list[list[tuple[int, timedelta]]]:
        await look(of, "a", "b")
        found = []
        for _ in range(3):
            untold = await of.tell_and_watch()
            found.append([(each.alerts, of.now - each.since) for each in untold])
            of.now = NOW + len(found) * timedelta(hours=1)
        return found

    first, *later = asyncio.run(run())

    assert [alerts for alerts, _ in first] == [2]
    assert later == [[(2, timedelta(hours=1))], [(2, timedelta(hours=2))]]


def test_people_wait_for_a_digest_as_well() -> None:
    of = world(AlertPlan((AlertSubscription("daily", "mail", digest=DigestTimes(time(14))),)))
    of.channels["mail"].answers = [REFUSED] * 100

    async def run() -> list[tuple[str, int, timedelta]]:
        await look(of, "a", "b", "c")
        assert await of.tell_and_watch() == []
        of.now = NOW + timedelta(hours=2)
        await of.tell()
        of.now += timedelta(minutes=20)
        return [(each.channel, each.alerts, of.now - each.since) for each in await of.tell_and_watch()]

    assert asyncio.run(run()) == [("mail", 3, timedelta(minutes=20))]


def test_what_a_channel_refuses_for_good_is_not_sent_again() -> None:
    of = world()
    of.channels["chat"].answers = [NEVER]

    async def run() -> None:
        await look(of, "a")
        await of.tell_all_at_last()

    asyncio.run(run())

    assert len(of.channels["chat"].calls) == 1
    assert of.states("chat") == {TellingState.GIVEN_UP}


def test_a_channel_that_is_gone_gets_nothing_until_somebody_opens_it_again() -> None:
    of = world()
    chat = of.channels["chat"]
    chat.answers = [GONE]

    async def run() -> None:
        await look(of, "a", "b")
        await of.tell_all_at_last()
        assert (len(chat.calls), of.states("chat")) == (1, {TellingState.GIVEN_UP})
        await ChannelStates(of.control).reopen("chat")
        await look(of, "a", "b", "c")
        await of.tell_all_at_last()

    asyncio.run(run())

    assert len(chat.told) == 1


def test_an_attempt_whose_sender_died_is_repeated_under_the_same_key_after_a_minute() -> None:
    of = world()
    chat = of.channels["chat"]
    sent: list[str] = []
    send = chat.send

    async def dies_afterwards(message: Any) -> Outcome:
        sent.append(message.key)
        of.faults = [DIES_AFTER] if len(sent) == 1 else []
        return await send(message)

    chat.send = dies_afterwards  # type: ignore[method-assign]

    async def run() -> None:
        await look(of, "a")
        await of.tell()
        await of.tell()
        assert len(sent) == 1
        of.now += LEASE
        await of.tell()

    asyncio.run(run())

    assert sent[0] == sent[1]
    assert of.states("chat") == {TellingState.TOLD}


def test_quiet_hours_lose_nothing_and_tell_it_in_its_order() -> None:
    quiet = QuietHours(time(12), time(16), breaks=None)
    of = world(AlertPlan((AlertSubscription("all", "chat", quiet=quiet),)))

    async def run() -> None:
        await look(of, "a", "b")
        of.now += MINUTE
        await look(of, "b")
        of.now += AWAY
        await look(of, "b")
        await of.tell()
        assert of.channels["chat"].told == []
        of.now = NOW + timedelta(hours=4)
        await of.tell_all_at_last()

    asyncio.run(run())

    told = of.channels["chat"].told
    assert Counter(told) == of.expected("chat")
    assert [turn for _, turn in told] == [TurnKind.RAISED, TurnKind.RAISED, TurnKind.CLEARED]


def test_a_digest_tells_everything_that_came_together_in_one_message() -> None:
    of = world(AlertPlan((AlertSubscription("daily", "mail", digest=DigestTimes(time(14))),)))

    async def run() -> None:
        for n in range(3):
            await look(of, *(f"rule-{m}" for m in range(n + 1)))
            of.now += MINUTE
        of.now = NOW + timedelta(hours=2)
        await asyncio.gather(of.tell(), of.tell())

    asyncio.run(run())

    (message,) = of.channels["mail"].messages
    assert message.is_digest
    assert [entry.facts.headline.partition(" ")[0] for entry in message.entries] == ["rule-0", "rule-1", "rule-2"]
    assert of.states("mail") == {TellingState.IN_DIGEST}


def test_what_comes_too_late_for_a_digest_is_told_in_one_of_its_own() -> None:
    of = world(AlertPlan((AlertSubscription("daily", "mail", digest=DigestTimes(time(14))),)))

    async def run() -> None:
        await look(of, "a", "b")
        of.now = NOW + timedelta(hours=2)
        late = next(each for each in of.outbox.alerts if each.matter.rule == "b")
        kept = await of.outbox.get(late.id)
        assert kept is not None
        hidden = with_telling(
            late, TurnKind.RAISED, "mail", replace(late.raised.tellings["mail"], due=of.now + MINUTE, digest="")
        )
        token = (await of.outbox.swap(hidden, kept.token)).token
        await of.tell()
        await of.outbox.swap(late, token)
        await of.tell_all_at_last()

    asyncio.run(run())

    assert [len(message.entries) for message in of.channels["mail"].messages] == [1, 1]
    assert Counter(of.channels["mail"].told) == of.expected("mail")


def test_a_digest_that_would_be_too_long_is_told_in_several() -> None:
    of = world(AlertPlan((AlertSubscription("daily", "mail", digest=DigestTimes(time(14))),)))
    number = MOST_MEMBERS + 30

    async def run() -> None:
        await look(of, *(f"rule-{n}" for n in range(number)))
        of.now = NOW + timedelta(hours=2)
        await of.tell_all_at_last()

    asyncio.run(run())

    assert [len(message.entries) for message in of.channels["mail"].messages] == [MOST_MEMBERS, 30]
    assert len(set(of.channels["mail"].told)) == number


def test_what_nobody_can_be_told_is_dropped_after_a_day_and_not_before() -> None:
    of = world()
    channel = of.channels.pop("chat")

    async def run() -> None:
        await look(of, "a")
        of.now += FORGOTTEN
        await of.tell_and_watch()
        assert of.states("chat") == {TellingState.WAITING}
        of.now += MINUTE
        untold = await of.tell_and_watch()
        assert [(each.channel, each.alerts) for each in untold] == [("chat", 1)]

    asyncio.run(run())

    assert channel.calls == []
    assert of.states("chat") == {TellingState.NEVER}


def test_an_outbox_that_is_away_after_a_message_was_sent_is_waited_for() -> None:
    of = world()
    chat = of.channels["chat"]
    send = chat.send

    async def then_the_store_is_away(message: Any) -> Outcome:
        of.faults = [AWAY_BEFORE] * 20
        return await send(message)

    chat.send = then_the_store_is_away  # type: ignore[method-assign]

    async def run() -> None:
        await look(of, "a")
        await of.tell()

    asyncio.run(run())

    assert of.states("chat") == {TellingState.TOLD}
    assert len(chat.calls) == 1
