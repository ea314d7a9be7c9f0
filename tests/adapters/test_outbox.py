"""Alerts and digests are kept once, replaced by token alone and found when they are due: in memory as in Cosmos DB."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from chargeback.domain.alerts.alert import Alert, TurnKind, with_telling
from chargeback.domain.alerts.digests import collected
from chargeback.domain.alerts.facts import AlertFigure, AlertMover, Expectation, Facts
from chargeback.domain.alerts.kinds import AlertKind
from chargeback.domain.alerts.telling import attempted, failed, joined, told, waiting
from chargeback.domain.alerts.watching import raised
from chargeback.domain.errors import Superseded
from chargeback.services.ports.outbox import DUE_AT_ONCE, Digests, Outbox
from tests.support.alerts import MINUTE, NOW, TO_CHAT, sighting

pytestmark = pytest.mark.anyio

FACTS = Facts(
    "Sales spent 4,120 of 5,000 EUR",
    (AlertFigure("Spent", "4,120.00 EUR"),),
    "EUR",
    NOW - timedelta(days=3),
    (AlertMover("gpt-4o", Decimal("812.5")),),
    Expectation(Decimal("5100"), Decimal("5300.25"), Decimal("6000")),
    "an override ended",
    "Look at /sales",
    "https://chargeback.example/budgets/sales",
)


def alert(rule: str = "team-a", at: datetime = NOW, kind: AlertKind = AlertKind.BUDGET) -> Alert:
    return raised(replace(sighting(rule, kind=kind), facts=FACTS, basis={"spent": "4120"}), 1, TO_CHAT, at)


def in_chat(made: Alert, due: datetime | None, digest: str = "") -> Alert:
    telling = waiting(due, digest) if due else told(waiting(NOW), NOW)
    return with_telling(made, TurnKind.RAISED, "chat", telling)


async def test_an_alert_comes_back_as_it_was_written(outbox: Outbox) -> None:
    made = replace(alert(), until=NOW + timedelta(days=1), quiet_since=NOW)

    created = await outbox.create(made)
    found = await outbox.get(made.id)

    assert created == found
    assert found is not None
    assert found.alert == made
    assert [await outbox.get(name) for name in ("budget-none", ".", "..")] == [None, None, None]


async def test_an_alert_is_created_once(outbox: Outbox) -> None:
    await outbox.create(alert())

    assert await outbox.create(replace(alert(), cost_centre="/other")) is None

    found = await outbox.get(alert().id)
    assert found is not None
    assert found.alert.cost_centre == "/sales"


async def test_an_alert_is_replaced_only_after_its_latest_write(outbox: Outbox) -> None:
    created = await outbox.create(alert())
    assert created is not None
    changed = replace(alert(), quiet_since=NOW)

    swapped = await outbox.swap(changed, created.token)

    with pytest.raises(Superseded):
        await outbox.swap(alert(), created.token)
    assert await outbox.get(alert().id) == swapped
    with pytest.raises(Superseded):
        await outbox.swap(alert("never-made"), created.token)


async def test_what_stands_is_found_by_its_kind(outbox: Outbox) -> None:
    over = replace(alert("over"), ended=NOW)
    for each in (alert("a"), alert("b"), over, alert("other", kind=AlertKind.UNPRICED)):
        await outbox.create(each)

    found = await outbox.standing(AlertKind.BUDGET)

    assert {kept.alert.matter.rule for kept in found} == {"a", "b"}
    assert {kept.alert.matter.rule for kept in await outbox.standing()} == {"a", "b", "other"}


async def test_what_is_due_in_a_channel_comes_in_the_order_of_its_times(outbox: Outbox) -> None:
    times = {"second": NOW - MINUTE, "first": NOW - timedelta(seconds=60, microseconds=1), "later": NOW + MINUTE}
    for rule, due in times.items():
        await outbox.create(in_chat(alert(rule), due))
    await outbox.create(in_chat(alert("told"), None))
    other = replace(alert("mail"), raised=replace(alert().raised, tellings={'ma"il': waiting(NOW)}))
    await outbox.create(other)

    in_order = [kept.alert.matter.rule for kept in await outbox.due("chat", NOW)]

    assert in_order == ["first", "second"]
    assert [kept.alert for kept in await outbox.due('ma"il', NOW)] == [other]
    assert await outbox.channels_waiting(NOW) == {"chat": (2, times["first"]), 'ma"il': (1, NOW)}


async def test_what_is_due_comes_in_portions_and_is_counted_in_whole(outbox: Outbox) -> None:
    number = DUE_AT_ONCE + 20
    for n in range(number):
        await outbox.create(in_chat(alert(f"rule-{n}"), NOW - n * MINUTE))

    found = await outbox.due("chat", NOW)

    assert [kept.alert.matter.rule for kept in found] == [f"rule-{number - 1 - n}" for n in range(DUE_AT_ONCE)]
    assert await outbox.channels_waiting(NOW) == {"chat": (number, NOW - (number - 1) * MINUTE)}


async def test_what_is_tried_again_later_waits_since_it_was_due_first(outbox: Outbox, digests: Digests) -> None:
    first = NOW - timedelta(hours=1)
    again = failed(attempted(waiting(first), NOW), NOW, "503", again=True)
    assert again.due is not None
    assert again.due > NOW
    await outbox.create(with_telling(alert(), TurnKind.RAISED, "chat", again))
    made = collected("digest-1", "chat", [in_chat(alert(rule), NOW, "digest-1") for rule in "ab"], NOW)
    await digests.create(replace(made, telling=again))
    await digests.create(replace(made, id="digest-2", telling=told(again, NOW)))

    assert await outbox.due("chat", NOW) == []
    assert await outbox.channels_waiting(NOW) == {"chat": (1, first)}
    assert await outbox.channels_waiting(first - MINUTE) == {}
    assert await digests.channels_waiting(NOW) == {"chat": (2, first)}


async def test_what_waits_for_a_digest_is_found(outbox: Outbox) -> None:
    waits = in_chat(alert("waits"), NOW, "digest-1")
    other = in_chat(alert("other"), NOW, "digest-2")
    done = with_telling(alert("done"), TurnKind.RAISED, "chat", joined(waiting(NOW, "digest-1"), NOW))
    for each in (waits, other, done):
        await outbox.create(each)

    assert [kept.alert for kept in await outbox.waiting_for("digest-1")] == [waits]


async def test_alerts_are_listed_by_the_time_of_their_raising(outbox: Outbox) -> None:
    for n in range(130):
        await outbox.create(alert(f"rule-{n}", NOW + n * MINUTE))

    listed = [each async for page in outbox.between(NOW + MINUTE, NOW + 129 * MINUTE) for each in page]

    assert [each.matter.rule for each in listed] == [f"rule-{n}" for n in range(128, 0, -1)]


async def test_a_digest_is_created_once_and_found_when_it_is_due(digests: Digests) -> None:
    made = collected("digest-1", "chat", [in_chat(alert(), NOW, "digest-1")], NOW)
    created = await digests.create(made)

    assert created is not None
    assert made.members
    assert await digests.create(replace(made, members=())) is None
    assert await digests.due("chat", NOW) == [created]
    assert await digests.due("mail", NOW) == []
    assert await digests.due("chat", NOW - MINUTE) == []
    await digests.swap(replace(made, telling=told(made.telling, NOW)), created.token)
    assert await digests.due("chat", NOW) == []
    with pytest.raises(Superseded):
        await digests.swap(made, created.token)
