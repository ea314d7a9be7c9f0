"""Events that arrive together share a commit, and each caller learns how its own ended."""

import asyncio
from collections.abc import Sequence
from contextvars import ContextVar

import pytest

from chargeback.services.usage.commit import GroupCommit


def test_events_that_arrive_together_share_one_commit() -> None:
    commits: list[list[bytes]] = []

    async def commit(events: Sequence[bytes]) -> None:
        commits.append(list(events))

    async def run() -> None:
        group = GroupCommit(commit)
        await asyncio.gather(*(group.submit(b"%d" % number) for number in range(50)))

    asyncio.run(run())

    assert commits == [[b"%d" % number for number in range(50)]]


def test_what_arrives_during_a_commit_waits_for_the_next_one() -> None:
    commits: list[int] = []

    async def run() -> None:
        going = asyncio.Event()

        async def commit(events: Sequence[bytes]) -> None:
            commits.append(len(events))
            await going.wait()

        group = GroupCommit(commit)
        first = asyncio.create_task(group.submit(b"a"))
        await asyncio.sleep(0.01)
        rest = [asyncio.create_task(group.submit(b"b")) for _ in range(9)]
        await asyncio.sleep(0.01)
        going.set()
        await asyncio.gather(first, *rest)

    asyncio.run(run())

    assert commits == [1, 9]


def test_a_failed_commit_fails_all_of_its_callers_and_nobody_else() -> None:
    async def run() -> list[BaseException | None]:
        async def commit(events: Sequence[bytes]) -> None:
            if b"bad" in events:
                raise OSError("the disk is on fire")

        group = GroupCommit(commit, max_events=2)
        events = [b"one", b"bad", b"two", b"three"]
        return await asyncio.gather(*(group.submit(event) for event in events), return_exceptions=True)

    outcomes = asyncio.run(run())

    assert [type(outcome) for outcome in outcomes] == [OSError, OSError, type(None), type(None)]


def test_a_caller_that_gave_up_does_not_disturb_the_others() -> None:
    committed: list[bytes] = []

    async def commit(events: Sequence[bytes]) -> None:
        await asyncio.sleep(0.01)
        committed.extend(events)

    async def run() -> None:
        group = GroupCommit(commit)
        leaving = asyncio.create_task(group.submit(b"leaving"))
        staying = asyncio.create_task(group.submit(b"staying"))
        await asyncio.sleep(0.001)
        leaving.cancel()
        await staying
        with pytest.raises(asyncio.CancelledError):
            await leaving

    asyncio.run(run())

    assert committed == [b"leaving", b"staying"]


@pytest.mark.parametrize("callers", [1, 2])
def test_an_event_that_comes_as_a_commit_ends_is_not_left_waiting(callers: int) -> None:
    committed: list[bytes] = []

    async def commit(events: Sequence[bytes]) -> None:
        await asyncio.sleep(0)
        committed.extend(events)

    async def run() -> None:
        group = GroupCommit(commit, max_events=1)

        async def caller(name: int) -> None:
            for number in range(50):
                await group.submit(b"%d-%d" % (name, number))

        async with asyncio.timeout(10):
            await asyncio.gather(*(caller(name) for name in range(callers)))

    asyncio.run(run())

    assert len(committed) == len(set(committed)) == 50 * callers


def test_a_commit_ends_before_the_caller_whose_task_makes_it() -> None:
    """The host drops what is logged by a task of an invocation that has ended."""
    running: set[int] = set()
    orphaned: list[bytes] = []
    caller: ContextVar[int] = ContextVar("caller")

    async def commit(events: Sequence[bytes]) -> None:
        for _ in range(3):
            await asyncio.sleep(0)
            if caller.get() not in running:
                orphaned.extend(events)

    async def run() -> None:
        group = GroupCommit(commit, max_events=7)

        async def invocation(number: int) -> None:
            caller.set(number)
            running.add(number)
            await asyncio.sleep(number % 10 / 1_000)
            await group.submit(b"%d" % number)
            running.discard(number)

        await asyncio.gather(*(invocation(number) for number in range(200)))

    asyncio.run(run())

    assert orphaned == []


def test_a_caller_that_gave_up_before_its_turn_leaves_nobody_waiting() -> None:
    committed: list[bytes] = []

    async def commit(events: Sequence[bytes]) -> None:
        await asyncio.sleep(0.001)
        committed.extend(events)

    async def run() -> None:
        group = GroupCommit(commit, max_events=1)
        callers = [asyncio.create_task(group.submit(b"%d" % number)) for number in range(9)]
        await asyncio.sleep(0)
        for gone in (1, 2, 8):
            callers[gone].cancel()
        async with asyncio.timeout(10):
            await asyncio.gather(*callers, return_exceptions=True)
            await group.submit(b"later")

    asyncio.run(run())

    assert {b"0", b"3", b"4", b"5", b"6", b"7", b"later"} <= set(committed)
