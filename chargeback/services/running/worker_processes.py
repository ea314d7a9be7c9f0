"""Runs work in processes of this machine, however Python itself was started.

`multiprocessing` starts a process by what it finds in `__main__`, which is the program of the Functions worker there,
and which newer workers remove (github.com/Azure/azure-functions-python-worker/issues/1903). A process here is a plain
Python that gets our import path and then functions by name. It ends as soon as whoever started it does.
"""

import os
import pickle
import signal
import sys
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from subprocess import PIPE, Popen
from threading import Lock, local
from typing import IO, Any, TypeVar

T = TypeVar("T")

_CHILD = """
import pickle, sys
sys.path[:] = pickle.load(sys.stdin.buffer)
from chargeback.services.running.worker_processes import serve
serve()
"""


def worker_pool(workers: int, *, first: Callable[[], object] | None = None) -> Executor:
    """An executor of so many processes, each of which calls `first` when it begins; 0: a thread of this process."""
    return WorkerProcesses(workers, first) if workers else ThreadPoolExecutor(1)


class WorkerProcesses(ThreadPoolExecutor):
    """A thread for each process hands it one piece of work at a time, and waits.

    Functions, arguments and results have to be picklable. Raises `ChildProcessError` for work whose process died.
    """

    def __init__(self, workers: int, first: Callable[[], object] | None = None) -> None:
        super().__init__(workers, thread_name_prefix="worker-process")
        self._first = first
        self._own = local()
        self._children: list[Popen[bytes]] = []
        self._starting = Lock()
        self._given_up = False

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Have the function called in a process."""
        return super().submit(self._ask, fn, args, kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001 the base's own
        """End the processes: after their work, or at once where the work is given up."""
        if cancel_futures:
            with self._starting:
                self._given_up = True
                for child in self._children:
                    child.kill()
        super().shutdown(wait=wait, cancel_futures=cancel_futures)
        if wait:
            while self._children:
                _end(self._children.pop())

    def _ask(self, *work: Any) -> Any:
        child = getattr(self._own, "child", None) or self._start()
        try:
            _send(child.stdin, work)
            is_done, outcome = _receive(child.stdout)
        except (OSError, EOFError) as error:
            raise ChildProcessError("a worker process ended in the middle of its work") from error
        if not is_done:
            raise outcome
        return outcome

    def _start(self) -> Popen[bytes]:
        with self._starting:
            if self._given_up:
                raise ChildProcessError("the work was given up")
            child = Popen([sys.executable, "-c", _CHILD], stdin=PIPE, stdout=PIPE)  # noqa: S603 ourselves
            self._children.append(child)
        _send(child.stdin, sys.path)
        self._own.child = child
        if self._first:
            self._ask(self._first, (), {})
        return child


def _end(child: Popen[bytes]) -> None:
    assert child.stdin
    assert child.stdout
    child.stdin.close()
    child.wait()
    child.stdout.close()


def _send(pipe: IO[bytes] | None, value: object) -> None:
    assert pipe
    pickle.dump(value, pipe, pickle.HIGHEST_PROTOCOL)
    pipe.flush()


def _receive(pipe: IO[bytes] | None) -> Any:
    assert pipe
    return pickle.load(pipe)  # noqa: S301 our own child wrote it


def serve() -> None:
    """Run in the process: do each piece of work that arrives, until the parent is gone."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what the work prints must not mix with its answers
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a keyboard interrupts whoever started us, and that ends us
    while True:
        try:
            function, args, kwargs = pickle.load(sys.stdin.buffer)  # noqa: S301 whoever started us wrote it
        except EOFError:
            return
        try:
            answer = True, function(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 whoever asked raises it
            answer = False, error
        _send(answers, answer)
