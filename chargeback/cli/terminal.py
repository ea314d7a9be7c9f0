"""What every command shares: the container to work in, progress bars, and readers of dates and files."""

import asyncio
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from chargeback.bootstrap import Container, open_container
from chargeback.domain.errors import ChargebackError
from chargeback.domain.reports.layout import folder_of_statement
from chargeback.domain.time.days import BookDate, UtcDay
from chargeback.services.running.progress import Progress as ServiceProgress
from chargeback.settings import read_settings

console = Console(stderr=True)

Work = Callable[[Container], Awaitable[None]]


def run(work: Work) -> None:
    """Do a piece of work with the services of one container."""

    async def in_container() -> None:
        async with open_container(read_settings()) as container:
            await work(container)

    asyncio.run(in_container())


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


def utc_day_of(text: str) -> UtcDay:
    """The UTC day that an option names."""
    return UtcDay(_day_of(text))


def book_date_of(text: str) -> BookDate:
    """The date of the books that an option names."""
    return BookDate(_day_of(text))


def _day_of(text: str) -> str:
    try:
        return datetime.strptime(text, "%Y-%m-%d").date().isoformat()  # noqa: DTZ007 a date has no time zone
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a day such as 2026-03-14") from None


def time_of(text: str, now: datetime) -> datetime:
    """The UTC time in the past that an option names; a day is its midnight."""
    try:
        moment = datetime.fromisoformat(text)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise typer.BadParameter(f"{text!r} is neither a day nor a time such as 2026-03-14T06:00") from None
    if moment >= now:
        raise typer.BadParameter(f"{text} is still to come")
    return moment


def show_files(folder: str, files: Mapping[str, str]) -> None:
    """A line a file, with what is said of it; the statements, which may be thousands, on one line."""
    statements: Counter[str] = Counter()
    for path, said in files.items():
        if where := folder_of_statement(path):
            statements[where] += 1
        else:
            typer.echo(f"  {folder}/{path}{said}")
    for where, count in statements.items():
        typer.echo(f"  {folder}/{where}: {count} files")
