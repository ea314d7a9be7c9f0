"""What people asked for is done once, by one run, and done again where that run was killed."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from chargeback.adapters.memory.stores import MemoryControl
from chargeback.domain.audit_log.actor import Actor
from chargeback.domain.errors import ClosingRefused, Conflict, NotThere, StoreUnavailable
from chargeback.services.operations import run_operations
from chargeback.services.operations.operation import (
    MOST_OF_ONE,
    MOST_WAITING,
    OperationKind,
    OperationOrder,
    OperationRecord,
    Operations,
    OperationState,
)
from chargeback.services.operations.run_operations import MOST_TRIES, OPERATION_LEASE, OperationRunner
from chargeback.services.ports.control import Document

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 10, 12, tzinfo=UTC)
ANN = Actor.system("ann", "1")
OperationWork = Callable[[OperationRecord], Awaitable[Mapping[str, str]]]


def order(kind: OperationKind = OperationKind.CLOSE, period: str = "2026-10", actor: Actor = ANN) -> OperationOrder:
    return OperationOrder(kind=kind, actor=actor, by="ann", period=period)


class Dying(MemoryControl):
    """Dies before a write of an operation, loses its answer, or is away for some calls, when it is told to."""

    dies_in = 0
    forgets = False
    away_for = 0

    async def get_versioned(
        self, kind: str, name: str, known: tuple[Document, str] | None = None
    ) -> tuple[Document, str] | None:
        self._answer()
        return await super().get_versioned(kind, name, known)

    def _answer(self) -> None:
        self.away_for -= 1
        if self.away_for >= 0:
            raise StoreUnavailable("away")

    async def swap(self, kind: str, name: str, document: Document, after: str | None) -> str:
        self._answer()
        self.dies_in -= 1
        if self.dies_in == 0:
            raise asyncio.CancelledError
        token = await super().swap(kind, name, document, after)
        if self.forgets:
            self.forgets = False
            raise StoreUnavailable("the answer was lost")
        return token


@dataclass
class World:
    """Instances over one store."""

    control: Dying = field(default_factory=Dying)
    now: datetime = NOW
    done: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.operations = Operations(self.control)

    async def work(self, operation: OperationRecord) -> Mapping[str, str]:
        self.done.append(operation.id)
        return {"period": operation.order.period}

    def runner(self, work: OperationWork | None = None) -> OperationRunner:
        works = dict.fromkeys(OperationKind, work or self.work)
        return OperationRunner(self.operations, works, lambda: self.now)

    async def state(self, id_: str = "one") -> tuple[OperationState, int]:
        found, _ = await self.operations.get(id_)
        return found.state, found.tries


async def test_what_was_asked_for_is_done_in_order_and_told() -> None:
    world = World()
    await world.operations.ask("two", order(period="2026-09"), NOW)
    await world.operations.ask("one", order(), NOW)
    before = await world.state()

    ended = await world.runner().run_waiting()
    again = await world.runner().run_waiting()

    assert before == (OperationState.NOT_STARTED, 0)
    assert world.done == ["two", "one"] == [each.id for each in ended]
    assert (await world.operations.get("one"))[0].result == {"period": "2026-10"}
    assert await world.state() == (OperationState.SUCCEEDED, 1)
    assert again == []
    assert {each.id for each in await world.operations.latest()} == {"one", "two"}


async def test_asking_twice_is_asking_once() -> None:
    world = World()

    for _ in range(2):
        await world.operations.ask("one", order(), NOW)
    await world.runner().run_waiting()
    after = await world.operations.ask("one", order(), NOW)
    await world.runner().run_waiting()

    assert after.state is OperationState.SUCCEEDED
    assert world.done == ["one"]
    with pytest.raises(Conflict):
        await world.operations.ask("one", order(period="2026-09"), NOW)


async def test_two_runs_at_once_do_it_once() -> None:
    world = World()
    await world.operations.ask("one", order(), NOW)

    async def slow(operation: OperationRecord) -> Mapping[str, str]:
        await asyncio.sleep(0.01)
        return await world.work(operation)

    await asyncio.gather(*(world.runner(slow).run_waiting() for _ in range(4)))

    assert world.done == ["one"]


@pytest.mark.parametrize("step", range(1, 6))
async def test_a_run_that_is_killed_before_any_write_is_made_up_for(step: int) -> None:
    world = World()
    await world.operations.ask("one", order(), NOW)
    world.control.dies_in = step

    with contextlib.suppress(asyncio.CancelledError):
        await world.runner().run_waiting()
    world.now = NOW + OPERATION_LEASE
    await world.runner().run_waiting()

    assert (await world.state())[0] is OperationState.SUCCEEDED
    assert await world.operations.waiting() == ()
    assert set(world.done) == {"one"}
    assert len(world.done) <= 2


async def test_nobody_takes_over_while_a_run_may_be_alive() -> None:
    world = World()
    await world.operations.ask("one", order(), NOW)

    async def dies(_: OperationRecord) -> Mapping[str, str]:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await world.runner(dies).run_waiting()
    world.now = NOW + OPERATION_LEASE - timedelta(seconds=1)

    assert await world.runner().run_waiting() == []
    assert world.done == []


@pytest.mark.parametrize("calls", [1, 2])
async def test_a_run_goes_on_saying_that_it_is_alive_after_a_store_was_away(
    calls: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_operations, "SIGN_SECONDS", 0)
    world = World()
    await world.operations.ask("one", order(), NOW)

    async def takes_long(operation: OperationRecord) -> Mapping[str, str]:
        world.control.away_for = calls
        world.now += OPERATION_LEASE
        for _ in range(100):
            await asyncio.sleep(0)
        await world.runner().run_waiting()
        return await world.work(operation)

    await world.runner(takes_long).run_waiting()

    assert world.done == ["one"]
    assert await world.state() == (OperationState.SUCCEEDED, 1)


async def test_a_run_that_was_treated_as_dead_changes_nothing_any_more() -> None:
    world = World()
    await world.operations.ask("one", order(), NOW)

    async def overtaken(operation: OperationRecord) -> Mapping[str, str]:
        world.now = NOW + OPERATION_LEASE
        await world.runner().run_waiting()
        raise ClosingRefused("2026-10", ["too late"])

    ended = await world.runner(overtaken).run_waiting()

    assert ended == []
    assert await world.state() == (OperationState.SUCCEEDED, 2)


async def test_a_refusal_is_told_and_final() -> None:
    world = World()
    await world.operations.ask("one", order(), NOW)

    async def refuses(_: OperationRecord) -> Mapping[str, str]:
        raise ClosingRefused("2026-10", ["usage is unpriced"])

    await world.runner(refuses).run_waiting()

    found, _ = await world.operations.get("one")
    assert (found.state, found.error) == (
        OperationState.FAILED,
        ("ClosingRefused", "2026-10 cannot be closed:\n  - usage is unpriced"),
    )


async def test_what_nobody_foresaw_stops_no_other_and_is_not_told_to_callers() -> None:
    world = World()
    await world.operations.ask("one", order(), NOW)
    await world.operations.ask("two", order(), NOW)

    async def breaks(operation: OperationRecord) -> Mapping[str, str]:
        if operation.id == "one":
            raise ValueError("the secret reason")
        return await world.work(operation)

    await world.runner(breaks).run_waiting()

    found, _ = await world.operations.get("one")
    assert found.error is not None
    assert found.error[0] == "InternalError"
    assert "secret" not in found.error[1]
    assert world.done == ["two"]


async def test_a_store_that_is_away_is_tried_again_until_it_takes_too_often() -> None:
    world = World()
    await world.operations.ask("one", order(), NOW)

    async def away(_: OperationRecord) -> Mapping[str, str]:
        raise StoreUnavailable("away")

    found = []
    for _ in range(MOST_TRIES + 1):
        await world.runner(away).run_waiting()
        found.append(await world.state())

    assert found[0] == (OperationState.NOT_STARTED, 1)
    assert found[-1] == (OperationState.FAILED, MOST_TRIES)


async def test_a_lost_answer_at_the_end_does_it_no_second_time() -> None:
    world = World()
    await world.operations.ask("one", order(), NOW)

    async def forgetful(operation: OperationRecord) -> Mapping[str, str]:
        world.control.forgets = True
        return await world.work(operation)

    with pytest.raises(StoreUnavailable):
        await world.runner(forgetful).run_waiting()
    world.now = NOW + OPERATION_LEASE
    await world.runner().run_waiting()

    assert world.done == ["one"]
    assert await world.operations.waiting() == ()


async def test_what_is_not_there_is_no_operation() -> None:
    world = World()
    await world.operations.ask("one", order(), NOW)

    for name in ("two", "list", ""):
        with pytest.raises(NotThere):
            await world.operations.get(name)


async def test_as_many_wait_as_there_is_room_for() -> None:
    world = World()
    for number in range(MOST_WAITING):
        await world.operations.ask(f"{number}", order(actor=Actor.system(f"{number}", "1")), NOW)

    with pytest.raises(Conflict, match="100 operations wait already"):
        await world.operations.ask("one more", order(), NOW)
    assert (await world.operations.ask("0", order(), NOW)).id == "0"


async def test_nobody_takes_the_room_of_all_others() -> None:
    world = World()
    for number in range(MOST_OF_ONE):
        await world.operations.ask(f"{number}", order(), NOW)

    with pytest.raises(Conflict, match="30 operations of yours wait already"):
        await world.operations.ask("one more", order(), NOW)
    await world.operations.ask("of bob", order(actor=Actor.system("bob", "1")), NOW)
    await world.runner().run_waiting()
    await world.operations.ask("one more", order(), NOW)

    assert await world.operations.waiting() == ("one more",)
