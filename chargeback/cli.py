"""The product from a terminal: `python -m chargeback …` runs the same services as the functions."""

import asyncio
import getpass
import logging
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from chargeback.bootstrap import DEPLOYED_CONFIG, Container, open_container
from chargeback.domain.errors import ChargebackError
from chargeback.domain.periods import days_of
from chargeback.process import prepare_process
from chargeback.services.ingest import is_open
from chargeback.settings import read_settings

EVENTS_PER_BATCH = 2_000

app = typer.Typer(
    help="Chargeback for Azure OpenAI: usage events in, books that finance can bill from out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
config = typer.Typer(help="The rate card, deployments and cost centres.", no_args_is_help=True)
app.add_typer(config, name="config")
console = Console(stderr=True)

Work = Callable[[Container], Awaitable[None]]


def main() -> None:
    """Run the command line; what goes wrong is one message and exit code 1."""
    prepare_process()
    # What became of a batch is in the command's own answer; without a handler Python would print it a second time.
    logging.getLogger("chargeback.services.ingest").addHandler(logging.NullHandler())
    try:
        app()
    except ChargebackError as error:
        console.print(f"error: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
        sys.exit(1)


def _run(work: Work) -> None:
    async def run() -> None:
        async with open_container(read_settings()) as container:
            await work(container)

    asyncio.run(run())


@contextmanager
def _progress(what: str, total: float | None) -> Iterator[Callable[[float], None]]:
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(what, total=total)
        yield lambda amount: progress.advance(task, amount)


@app.command()
def ingest(
    file: Annotated[str, typer.Argument(help="NDJSON file of CloudEvents, one a line; - reads standard input.")],
) -> None:
    """Take usage events: into the ledger, counted once each; unusable ones go to quarantine with their reason."""

    async def work(container: Container) -> None:
        accepted = duplicate = quarantined = late = 0
        reasons: dict[str, int] = {}
        with _opened(file) as source, _progress("events", None) as advance:
            async for batch in _batches(source):
                outcome = await container.ingest.ingest(batch, datetime.now(UTC))
                accepted, duplicate = accepted + outcome.accepted, duplicate + outcome.duplicate
                quarantined, late = quarantined + len(outcome.quarantined), late + outcome.late
                for each in outcome.quarantined:
                    reasons[f"{each.reason}: {each.detail}"] = reasons.get(f"{each.reason}: {each.detail}", 0) + 1
                advance(len(batch))
        typer.echo(f"accepted {accepted}, duplicate {duplicate}, quarantined {quarantined}")
        if late:
            typer.echo(f"{late} of the accepted are of days that are no longer open: run `audit` to post them")
        for reason, count in sorted(reasons.items(), key=lambda pair: -pair[1])[:20]:
            typer.echo(f"  {count} x {reason}")

    _run(work)


@contextmanager
def _opened(file: str) -> Iterator[IO[bytes]]:
    if file == "-":
        yield sys.stdin.buffer
        return
    try:
        with Path(file).open("rb") as source:
            yield source
    except OSError as error:
        raise ChargebackError(f"{file}: {error.strerror}") from error


async def _batches(source: IO[bytes]) -> AsyncIterator[list[bytes]]:
    batch: list[bytes] = []
    while line := await asyncio.to_thread(source.readlines, 1 << 20):
        batch += [text for text in (each.strip() for each in line) if text]
        while len(batch) >= EVENTS_PER_BATCH:
            yield batch[:EVENTS_PER_BATCH]
            batch = batch[EVENTS_PER_BATCH:]
    if batch:
        yield batch


@app.command()
def post(
    day: Annotated[list[str] | None, typer.Option(help="Post this day (YYYY-MM-DD) only; may be repeated.")] = None,
) -> None:
    """Rate what is counted and set it in the books: all open days, or those named."""

    async def work(container: Container) -> None:
        if day:
            catalogue = await container.catalogues.current()
            posted = [await container.poster.post_day(_open_day(each), catalogue) for each in day]
        else:
            posted = await container.poster.post(datetime.now(UTC))
        for each in posted:
            typer.echo(
                f"{each.day}: {each.records} records set, {each.replayed} events counted anew from the ledger,"
                f" {each.unpriced} unpriced, {each.unsettled} unsettled"
            )
        if not posted:
            typer.echo("nothing to post")

    _run(work)


@app.command()
def settle() -> None:
    """Give streamed calls their tokens from the gateway's log, and calls that lost their event an event."""

    async def work(container: Container) -> None:
        done = await container.settler.settle(datetime.now(UTC))
        typer.echo(
            f"settled {done.settled}, recovered {done.recovered}, estimated {done.estimated}, waiting {done.waiting}"
        )

    _run(work)


@app.command()
def audit(
    day: Annotated[list[str] | None, typer.Option(help="Audit this day (YYYY-MM-DD) only; may be repeated.")] = None,
    period: Annotated[str | None, typer.Option(help="Audit every day of this month (YYYY-MM).")] = None,
) -> None:
    """Recount days from the ledger alone and mend the books where they differ: the touched days, or those named."""

    async def work(container: Container) -> None:
        named = [_day(each) for each in day or []] + (days_of(period) if period else [])
        days = named or await container.auditor.due(datetime.now(UTC))
        with _progress("days", len(days)) as advance:
            for each in days:
                audited = await container.auditor.audit_day(each, datetime.now(UTC))
                advance(1)
                typer.echo(
                    f"{audited.day}: {audited.events} events, {audited.calls} calls, {audited.duplicates} duplicates,"
                    f" {audited.unreadable} unreadable; {audited.drift_lines} lines differed"
                    f" by {audited.drift_cost} {audited.currency}" + (" and were mended" if audited.drift_lines else "")
                )
        if not days:
            typer.echo("no day has to be audited")

    _run(work)


@app.command()
def publish(
    period: Annotated[str, typer.Option(help="The month, YYYY-MM.")],
    out: Annotated[Path | None, typer.Option(help="Also download the files into this folder.")] = None,
) -> None:
    """Write the month's chargeback CSV, its summary and the manifest to Blob storage."""

    async def work(container: Container) -> None:
        with _progress(period, None) as advance:
            done: dict[str, int] = {}

            def progress(doing: str, rows: int) -> None:
                advance(rows - done.get(doing, 0))
                done[doing] = rows

            manifest = await container.publish(period, progress)
        typer.echo(f"{period}: {manifest.files[0].rows} rows; " + ", ".join(_totals(manifest.totals)))
        for path in await container.reports.paths(f"{period}/"):
            typer.echo(f"  reports/{path}")
            if out is not None:
                await _download(container, path, out)

    _run(work)


async def _download(container: Container, path: str, folder: Path) -> None:
    target = folder / path
    await asyncio.to_thread(target.parent.mkdir, parents=True, exist_ok=True)
    with target.open("wb") as file:
        async for chunk in container.reports.read(path):
            file.write(chunk)
    typer.echo(f"    → {target}")


@app.command()
def replay(
    dead_letters: Annotated[bool, typer.Option("--dead-letters", help="What Event Grid gave up on, instead.")] = False,
) -> None:
    """Take quarantined events through the door again, after a fix; what is still unusable stays in quarantine."""

    async def work(container: Container) -> None:
        from chargeback.services.replay import replay_dead_letters, replay_quarantine

        now = datetime.now(UTC)
        if dead_letters:
            replayed = await replay_dead_letters(container.dead_letters, container.ingest, now)
        else:
            replayed = await replay_quarantine(container.quarantine, container.ingest, now)
        typer.echo(
            f"accepted {replayed.accepted}, duplicate {replayed.duplicate}, in quarantine {replayed.quarantined}"
        )

    _run(work)


@app.command("count-tokens")
def count_tokens(
    model: Annotated[str, typer.Option(help="The model whose tokens to count, such as gpt-4o.")],
    file: Annotated[str, typer.Argument(help="Text file; - reads standard input.")],
) -> None:
    """Count the tokens of a text as the model would; works offline."""
    from chargeback.services.count_tokens import count_tokens as count

    with _opened(file) as source:
        text = source.read().decode("utf-8", errors="replace")
    counted = count(model, text)
    guess = " (the model is not known; this is its likeliest encoding)" if counted.guessed else ""
    typer.echo(f"{counted.tokens} tokens of {counted.encoding}{guess}")


Folder = Annotated[Path, typer.Option("--config-dir", envvar="CONFIG_DIR", help="Folder of the catalogue files.")]


@config.command()
def validate(config_dir: Folder = DEPLOYED_CONFIG) -> None:
    """Check rate card, deployments and cost centres; names every fault and its place."""
    from chargeback.adapters.catalogue_files import load_catalogue

    catalogue = load_catalogue(config_dir)
    typer.echo(
        f"{config_dir}: valid, {len(catalogue.prices)} prices in {catalogue.currency}, digest {catalogue.digest[:12]}"
    )


@config.command()
def apply(
    config_dir: Folder = DEPLOYED_CONFIG,
    by: Annotated[
        str | None, typer.Option(help="Who applies it, for the history; the signed-in user if unset.")
    ] = None,
) -> None:
    """Put the files in force; the next posting rates the open days with them."""

    async def work(container: Container) -> None:
        from chargeback.adapters.catalogue_files import from_documents, to_documents
        from chargeback.services.apply_config import apply_config

        documents = to_documents(config_dir)
        catalogue = from_documents(documents)
        who = by or getpass.getuser()
        applied = await apply_config(container.control, catalogue, documents, by=who, now=datetime.now(UTC))
        if applied.before == applied.after:
            typer.echo(f"already in force: {applied.after[:12]}")
        else:
            typer.echo(f"in force: {applied.after[:12]}, before: {(applied.before or 'the deployed files')[:18]}")

    _run(work)


def _day(text: str) -> str:
    try:
        return datetime.strptime(text, "%Y-%m-%d").date().isoformat()  # noqa: DTZ007 a date has no time zone
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a day such as 2026-03-14") from None


def _open_day(text: str) -> str:
    day = _day(text)
    if not is_open(day, datetime.now(UTC)):
        raise typer.BadParameter(f"{day} is no longer open: `audit --day {day}` brings its ledger into the books")
    return day


def _totals(totals: dict[str, str]) -> list[str]:
    return [f"{amount} {currency}" for currency, amount in sorted(totals.items())] or ["nothing to bill"]
