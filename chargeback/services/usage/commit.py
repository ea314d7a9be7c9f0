"""Group commit: callers that arrive while a commit is under way share the next one."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

Commit = Callable[[Sequence[bytes]], Awaitable[object]]


class GroupCommit:
    """Turns many concurrent single events into few large commits, without waiting for more to come.

    Every caller gets the outcome of the commit that held its event: a failed commit fails all of its callers,
    because each of them must see its event delivered again.
    """

    def __init__(self, commit: Commit, *, max_events: int = 1_000, max_concurrent: int = 2) -> None:
        self._commit = commit
        self._max_events = max_events
        self._max_concurrent = max_concurrent
        self._waiting: list[tuple[bytes, asyncio.Future[None]]] = []
        self._running = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def submit(self, event: bytes) -> None:
        """Return when the event is committed; raise what its commit raised."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((event, done))
        if self._running < self._max_concurrent:
            self._start()
        await done

    def _start(self) -> None:
        self._running += 1
        task = asyncio.get_running_loop().create_task(self._drain())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _drain(self) -> None:
        try:
            await self._commit_what_waits()
        finally:
            # In the same step that found nothing waiting: the task's own callback runs later, and an event submitted
            # in between would count on a task that has ended.
            self._running -= 1

    async def _commit_what_waits(self) -> None:
        # Let the other callers of this loop iteration join before the first commit.
        await asyncio.sleep(0)
        while self._waiting:
            batch, self._waiting = self._waiting[: self._max_events], self._waiting[self._max_events :]
            try:
                await self._commit([event for event, _ in batch])
            except BaseException as error:
                for _, done in batch:
                    if not done.done():
                        done.set_exception(error if isinstance(error, Exception) else asyncio.CancelledError())
                if not isinstance(error, Exception):
                    raise
            else:
                for _, done in batch:
                    if not done.done():
                        done.set_result(None)
