"""Which log lines the host keeps: those of invocations that are still running.

The worker tags a task with the invocation whose task created it (`ContextEnabledTask` in `dispatcher.py` of
github.com/Azure/azure-functions-python-worker), a line is of the task that writes it, and the host drops the lines of
an invocation that has ended (`GrpcWorkerChannel.cs` of github.com/Azure/azure-functions-host, issue 4009).
"""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any


class InvocationTask(asyncio.Task[Any]):
    """A task that belongs to the invocation of the task that creates it."""

    def __init__(self, work: Coroutine[Any, Any, Any], **named: Any) -> None:
        super().__init__(work, **named)
        self.invocation: str | None = invocation_of(asyncio.current_task(self.get_loop()))


def invocation_of(task: asyncio.Task[Any] | None) -> str | None:
    """Return the invocation that a task belongs to, None for the host's own tasks."""
    return getattr(task, "invocation", None)


class Invocations(logging.Filter):
    """The running invocations; as a filter of a log handler it drops the lines of those that have ended."""

    def __init__(self) -> None:
        super().__init__()
        self.running: set[str] = set()
        self.dropped = 0

    async def run(self, identity: str, work: Coroutine[Any, Any, Any]) -> Any:
        """Run an invocation in a task of its own."""
        task = asyncio.get_running_loop().create_task(work)
        if isinstance(task, InvocationTask):
            task.invocation = identity
        self.running.add(identity)
        try:
            return await task
        finally:
            self.running.discard(identity)

    def filter(self, _record: logging.LogRecord) -> bool:
        """Say whether a line is kept."""
        try:
            invocation = invocation_of(asyncio.current_task())
        except RuntimeError:  # a thread without a loop
            return True
        if invocation is None or invocation in self.running:
            return True
        self.dropped += 1
        return False


def tag_tasks(loop: asyncio.AbstractEventLoop) -> None:
    """Have every task of the loop know its invocation."""
    loop.set_task_factory(lambda loop, work, **named: InvocationTask(work, loop=loop, **named))
