"""Group commit: joins events that arrive while a commit is under way into the next commit."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

Commit = Callable[[Sequence[bytes]], Awaitable[object]]


class GroupCommit:
    """Turns many concurrent single events into few large commits, without waiting for more to come.

    One commit runs at a time: two at once would each have half of the events, and the requests to the stores cost the
    same processor time for few events as for many.

    Every caller gets the outcome of the commit that held its event: a failed commit fails all of its callers,
    because each of them must see its event delivered again.

    A commit is made by one of its own callers, who stays until it is done: the Functions host drops the log lines of
    an invocation that has ended, and a task belongs to the invocation that started it
    (github.com/Azure/azure-functions-host/issues/4009).
    """

    def __init__(self, commit: Commit, *, max_events: int = 1_000) -> None:
        self._commit = commit
        self._max_events = max_events
        self._waiting: _Batch = []
        self._is_running = False
        self._tasks: set[asyncio.Task[Exception | None]] = set()

    async def submit(self, event: bytes) -> None:
        """Return when the event is committed; raise what its commit raised."""
        loop = asyncio.get_running_loop()
        turn: _Turn = loop.create_future()
        self._waiting.append((event, turn))
        if not self._is_running:
            self._is_running = True
            loop.call_soon(self._hand_over)  # the other callers of this loop iteration join first
        try:
            batch = await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and (batch := turn.result()):
                self._start(batch)  # the others count on it
            raise
        if batch and (error := await asyncio.shield(self._start(batch))):
            raise error

    def _hand_over(self) -> None:
        """Let the first waiting caller commit all waiting events, or nobody if none is left."""
        while self._waiting:
            batch, self._waiting = self._waiting[: self._max_events], self._waiting[self._max_events :]
            for _, turn in batch:
                if not turn.done():
                    turn.set_result(batch)
                    return
        self._is_running = False

    def _start(self, batch: "_Batch") -> asyncio.Task[Exception | None]:
        task = asyncio.get_running_loop().create_task(self._commit_batch(batch))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _commit_batch(self, batch: "_Batch") -> Exception | None:
        """Commit, tell the other callers, and return the error that the committing caller has to raise."""
        failure: Exception | None = None
        told: BaseException | None = asyncio.CancelledError()
        try:
            await self._commit([event for event, _ in batch])
            told = None
        except Exception as error:  # noqa: BLE001 every caller raises it
            failure = told = error
        finally:
            for _, turn in batch:
                if not turn.done():
                    turn.set_exception(told) if told else turn.set_result(None)
            self._hand_over()
        return failure


_Turn = asyncio.Future["_Batch | None"]
"""Done with the batch that a caller has to commit, or with None when another caller has committed its event."""

_Batch = list[tuple[bytes, _Turn]]
