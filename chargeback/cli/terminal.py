"""What every command shares: the container to work in, progress bars, and files to read and to list."""

import asyncio
import logging
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from chargeback.bootstrap import Container, open_container
from chargeback.cli.command_acts import command_act
from chargeback.domain.errors import ChargebackError
from chargeback.domain.reports.layout import folder_of_evidence, folder_of_statement
from chargeback.services.running.progress import Progress as ServiceProgress
from chargeback.services.running.work_folder import work_folder
from chargeback.settings import read_what_is_set

console = Console(stderr=True)

Work = Callable[[Container], Awaitable[None]]


def run(work: Work) -> None:
    """Do a piece of work with the services of one container."""

    async def in_container() -> None:
        async with open_container(read_what_is_set()) as container, command_act(container):
            await work(container)

    asyncio.run(in_container())


@contextmanager
def rehearsed(container: Container, *, is_dry_run: bool) -> Iterator[Container]:
    """The container itself; for a dry run, one over the same stores of which nothing reaches them.

    What a rehearsal logs did not happen, so only its warnings are shown.
    """
    if not is_dry_run:
        yield container
        return
    before = logging.root.manager.disable
    logging.disable(max(before, logging.INFO))
    try:
        with work_folder("rehearsal") as folder:
            yield container.rehearsal(Path(folder))
    finally:
        logging.disable(before)


@contextmanager
def progress(what: str, total: float | None) -> Iterator[Callable[[float], None]]:
    """A progress bar on standard error; yields what advances it."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda amount: bar.advance(task, amount)


def counted(advance: Callable[[float], None]) -> ServiceProgress:
    """A service's progress that moves a bar: services tell what is done so far, and each piece moves the bar once."""
    done: dict[str, int] = {}

    def report(doing: str, so_far: int) -> None:
        advance(so_far - done.get(doing, 0))
        done[doing] = so_far

    return report


@contextmanager
def open_input(file: str) -> Iterator[IO[bytes]]:
    """A file to read, or standard input for `-`; raises `ChargebackError` where it cannot be opened."""
    if file == "-":
        yield sys.stdin.buffer
        return
    try:
        with Path(file).open("rb") as source:
            yield source
    except OSError as error:
        raise ChargebackError(f"{file}: {error.strerror}") from error


@contextmanager
def written(path: Path) -> Iterator[None]:
    """A file to write in a folder that is made if need be; raises `ChargebackError` where it cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise ChargebackError(f"{path}: {error.strerror}") from error


def say_once(log: logging.Logger) -> None:
    """Keep a service's log off standard error: the command's answer says what came of it."""
    log.addHandler(logging.NullHandler())


def listed(folder: str, files: Mapping[str, str]) -> Iterator[str]:
    """A line a file, with what is said of it; statements, which may be thousands, and evidence on one line each."""
    statements: Counter[str] = Counter()
    for path, said in files.items():
        if where := folder_of_statement(path) or folder_of_evidence(path):
            statements[where] += 1
        else:
            yield f"  {folder}/{path}{said}"
    for where, count in statements.items():
        yield f"  {folder}/{where}: {count} files"
