"""Starts servers as background processes, recognises them later, and ends them with all their children."""

import atexit
import os
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil


class StackError(Exception):
    """Something about the local stack that its user has to know; the message says what to do."""


@dataclass(frozen=True, slots=True)
class RunningServer:
    """One server: its process and enough of its identity to never signal another process by mistake."""

    pid: int
    started: float
    url: str

    def process(self) -> psutil.Process | None:
        """Return the process if it still is the one that was started, else None."""
        try:
            process = psutil.Process(self.pid)
            same_start = abs(process.create_time() - self.started) < 2
            if same_start and process.status() != psutil.STATUS_ZOMBIE:
                return process
        except psutil.NoSuchProcess:
            pass
        return None

    @property
    def alive(self) -> bool:
        """Whether the server's process is there."""
        return self.process() is not None

    def to_document(self) -> dict[str, Any]:
        """Return what stack.json says about the server."""
        return asdict(self)


def spawn(
    command: Sequence[str], log: Path, environment: Mapping[str, str], directory: Path, url: str
) -> RunningServer:
    """Start `command` in a process group of its own with its output in `log`."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        child = subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            cwd=directory,
            start_new_session=True,
        )
    child.returncode = 0  # a child that outlives us on purpose is not worth a ResourceWarning
    return RunningServer(child.pid, psutil.Process(child.pid).create_time(), url)


def end(servers: Iterable[RunningServer], *, grace: float = 5.0, force: bool = False) -> None:
    """End the servers and their groups: SIGTERM, then SIGKILL for those still there after `grace` seconds."""
    alive = [server for server in servers if server.alive]
    for server in alive:
        _signal(server, signal.SIGKILL if force else signal.SIGTERM)
    deadline = time.monotonic() + grace
    for server in alive:
        while server.alive and time.monotonic() < deadline:
            _reap(server.pid)
            time.sleep(0.01)
        if server.alive:
            _signal(server, signal.SIGKILL)
            _wait_gone(server)
        _collect(server.pid)


def send(server: RunningServer, number: signal.Signals) -> None:
    """Send a signal to the server's whole group."""
    if server.alive:
        _signal(server, number)


def _signal(server: RunningServer, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(server.pid, number)


def _wait_gone(server: RunningServer) -> None:
    deadline = time.monotonic() + 5
    while server.alive and time.monotonic() < deadline:
        _reap(server.pid)
        time.sleep(0.01)


def _reap(pid: int) -> None:
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def _collect(pid: int) -> None:
    """Take a dead child's status; its last threads may end a little after it looks dead."""
    deadline = time.monotonic() + 2
    with suppress(ChildProcessError):
        while os.waitpid(pid, os.WNOHANG) == (0, 0) and time.monotonic() < deadline:
            time.sleep(0.01)


def free_ports(count: int) -> list[int]:
    """Return `count` different loopback ports that nothing listens on, and that no other process is given."""
    return [free_range(1) for _ in range(count)]


def free_range(count: int) -> int:
    """Return the first of `count` consecutive loopback ports that nothing listens on and no other process is given."""
    while True:
        first = secrets.choice(_CHOSEN_PORTS)
        with ExitStack() as opened, suppress(OSError):
            for port in range(first, first + count):
                reservation = opened.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
                reservation.bind(("127.0.0.1", port))
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
            _RESERVATIONS.push(opened.pop_all())
            return first


_CHOSEN_PORTS = range(10_000, 32_000)
"""Below those that a system gives to connections that go out, as one of these would take a port before its server."""

_RESERVATIONS = ExitStack()
"""Holds the UDP port beside each chosen port until the process ends, so that two of our processes never choose one."""
atexit.register(_RESERVATIONS.close)


def listens(port: int) -> bool:
    """Whether something accepts connections on the loopback port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def falls_silent(port: int, within: float = 2) -> bool:
    """Whether nothing listens on the port any more; a killed server's socket outlives it a little."""
    deadline = time.monotonic() + within
    while listens(port):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def wait_until(ready: Callable[[], bool], server: RunningServer, name: str, log: Path, timeout: float = 60) -> None:
    """Wait until `ready()` holds; raise with the end of the log when the server dies or time runs out."""
    deadline = time.monotonic() + timeout
    while not ready():
        _reap(server.pid)
        if not server.alive:
            raise StackError(f"{name} ended while starting\n{tail(log)}")
        if time.monotonic() > deadline:
            raise StackError(f"{name} was not ready after {timeout:.0f} s\n{tail(log)}")
        time.sleep(0.02)


def tail(log: Path, lines: int = 20) -> str:
    """Return the end of a log file, headed by its path."""
    text = log.read_text(errors="replace").splitlines()[-lines:] if log.exists() else []
    return "\n".join([f"--- {log}", *(text or ["(empty)"])])
