"""kill -9 between two steps of ingest and of posting, on the real stores: the CSV stays the same.

Posting is killed before every sixth of its steps; `KILL_EVERY=1` kills it before each.
"""

import asyncio
import multiprocessing
import os
from collections.abc import Callable, Coroutine, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from chargeback.bootstrap import Container
from chargeback.domain.errors import Superseded
from chargeback.domain.rating.usage_record import to_document
from chargeback.services.usage.post import Posted
from chargeback.settings import read_settings
from stack.clear import clear_redis, clear_stores
from stack.stack import Stack
from tests.e2e import crashes
from tests.e2e.oracle import chargeback_csv, without_charge_ids
from tests.e2e.traffic import catalogue_folder, encoded, traffic

NOW = datetime.now(UTC).replace(hour=18)
DAY = (NOW - timedelta(days=1)).date().isoformat()
EARLIER = (NOW - timedelta(days=2)).date().isoformat()
EVENTS = [*traffic(DAY, 21), *traffic(EARLIER, 7, prefix="earlier-")]
RAW = encoded(EVENTS)
BATCHES = [RAW[:12], RAW[8:24], RAW[24:]]
KILL_EVERY = int(os.environ.get("KILL_EVERY", "6"))

Environment = dict[str, str]
Work = Callable[[Container], Coroutine[Any, Any, Any]]
ProductInMemory = Callable[[Work], Any]


@pytest.fixture(scope="module")
def environment(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    folder = catalogue_folder(tmp_path_factory.mktemp("config"), DAY)
    return {**stack.env, "CHARGEBACK_CONFIG_DIR": str(folder), "CHARGEBACK_EVENTS_KEY": "t" * 32}


@pytest.fixture(scope="module")
def start() -> Callable[..., int | None]:
    """Runs a job in a process of its own that is forked from one which has everything imported."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["pytest", "tests.e2e.crashes", *crashes.IMPORTED])

    def run(*arguments: Any) -> int | None:
        process = context.Process(target=crashes.run, args=arguments)
        process.start()
        process.join(60)
        return process.exitcode

    return run


@pytest.fixture(scope="module")
def right(stack: Stack, in_memory: ProductInMemory) -> dict[str, Any]:
    """The books of an undisturbed run, whose CSV is what the oracle says."""
    clear_stores(stack)
    in_memory(deliver(BATCHES))
    assert in_memory(post_and_read) == expected()
    return dict(in_memory(post_and_list))


@pytest.fixture(scope="module")
def in_memory(environment: Environment) -> Iterator[ProductInMemory]:
    """Runs work on a container that stays open, as in a function that lives on."""
    before = dict(os.environ)
    os.environ.update(environment)
    container = Container(read_settings())
    with asyncio.Runner() as runner:
        yield lambda work: runner.run(work(container))
        runner.run(container.close())
    os.environ.clear()
    os.environ.update(before)


async def months(container: Container) -> bytes:
    """The chargeback CSVs of the months that the traffic lies in, one after the other."""
    content = b""
    for period in sorted({DAY[:7], EARLIER[:7]}):
        await container.drafts.publish(period, NOW)
        async for piece in container.reports.read(f"{period}/chargeback-{period}.csv"):
            content += piece
    return without_charge_ids(content)


def expected() -> bytes:
    return b"".join(
        chargeback_csv([event for event in EVENTS if event["time"].startswith(period)], period, DAY)
        for period in sorted({DAY[:7], EARLIER[:7]})
    )


def deliver(batches: Sequence[Sequence[bytes]]) -> Work:
    async def work(container: Container) -> None:
        for batch in batches:
            await container.ingest.ingest(batch, NOW)

    return work


async def post_and_list(container: Container) -> dict[str, Any]:
    """Every record that has usage, after one more run; comparing these is quicker than publishing."""
    await container.poster.post(NOW)
    return {
        f"{day}/{record.record_id}": to_document(record)
        for day in (EARLIER, DAY)
        async for page in container.books.records(day)
        for record in page
        if record.charges
    }


async def post_and_read(container: Container) -> bytes:
    await container.poster.post(NOW)
    return await months(container)


def test_a_kill_at_any_step_of_ingest_loses_and_doubles_nothing(
    stack: Stack,
    environment: Environment,
    in_memory: ProductInMemory,
    start: Callable[..., int | None],
    right: dict[str, Any],
    tmp_path: Path,
) -> None:
    """Only what was not acknowledged is delivered again, as Event Grid does."""
    for at in range(1000):
        clear_stores(stack)
        log = tmp_path / f"{at}.log"
        log.touch()

        exit_code = start(environment, log, "ingest", (BATCHES, NOW), at)

        acknowledged = len(log.read_text().splitlines())
        in_memory(deliver(BATCHES[acknowledged:]))
        assert in_memory(post_and_list) == right, f"killed before step {at}"
        if exit_code == 0:
            break
    assert at >= 2 * len(BATCHES), "the fuse never burned where it should"


def test_a_kill_at_any_step_of_posting_leaves_books_that_the_next_run_completes(
    stack: Stack,
    environment: Environment,
    in_memory: ProductInMemory,
    start: Callable[..., int | None],
    right: dict[str, Any],
    tmp_path: Path,
) -> None:
    for at in range(0, 1000, KILL_EVERY):
        clear_stores(stack)
        in_memory(deliver(BATCHES))

        exit_code = start(environment, tmp_path / f"{at}.log", "post", (NOW,), at)

        assert in_memory(post_and_list) == right, f"killed before step {at}"
        if exit_code == 0:
            break
    assert at > 20, "the fuse never burned where it should"


def test_two_runs_at_once_give_the_same_books(
    stack: Stack, environment: Environment, in_memory: ProductInMemory, start: Callable[..., int | None], tmp_path: Path
) -> None:
    clear_stores(stack)

    async def ingest_while_posting(container: Container) -> None:
        async def post() -> None:
            for _ in range(3):
                await container.poster.post(NOW)

        await asyncio.gather(deliver(BATCHES)(container), post(), post(), deliver(BATCHES[::-1])(container))

    in_memory(ingest_while_posting)

    assert in_memory(post_and_read) == expected()


def test_a_flushed_redis_changes_no_money(stack: Stack, in_memory: ProductInMemory) -> None:
    clear_stores(stack)
    in_memory(deliver(BATCHES[:2]))
    in_memory(post_and_read)

    async def flush_then_go_on(container: Container) -> None:
        await container.counter._client.flushall()
        await container.ingest.ingest(BATCHES[2], NOW)

    in_memory(flush_then_go_on)

    assert in_memory(post_and_read) == expected()


def test_fifty_runs_that_find_redis_empty_at_once_count_nothing_twice(stack: Stack, in_memory: ProductInMemory) -> None:
    clear_stores(stack)
    in_memory(deliver(BATCHES))
    clear_redis(stack.url("redis"))

    async def post_at_once(container: Container) -> None:
        in_force = await container.catalogues.in_force()
        runs = [container.poster.post_day(DAY, in_force, NOW) for _ in range(50)]
        outcomes = await asyncio.gather(*runs, return_exceptions=True)
        assert {type(each) for each in outcomes} <= {Posted, Superseded}

    in_memory(post_at_once)

    assert in_memory(post_and_read) == expected()


def test_a_redis_that_restarts_empty_is_made_up_for_by_posting_and_by_the_audit(
    stack: Stack, in_memory: ProductInMemory
) -> None:
    clear_stores(stack)
    in_memory(deliver(BATCHES))
    stack.kill("redis")
    stack.start("redis")

    async def audit(container: Container) -> bytes:
        drift = [await container.auditor.audit_day(day, NOW) for day in (EARLIER, DAY)]
        assert [each.drift_lines for each in drift] == [0, 0]
        return await months(container)

    assert in_memory(post_and_read) == expected()
    assert in_memory(audit) == expected()


def test_a_late_event_from_last_week_is_brought_in_by_the_audit(stack: Stack, in_memory: ProductInMemory) -> None:
    clear_stores(stack)
    last_week = (NOW - timedelta(days=8)).date().isoformat()
    late = traffic(last_week, 7, prefix="late-")

    async def work(container: Container) -> tuple[list[str], list[str], bytes]:
        await container.ingest.ingest(encoded(late), NOW)
        due = await container.auditor.due(NOW)
        await container.auditor.audit(NOW)
        await container.drafts.publish(last_week[:7], NOW)
        path = f"{last_week[:7]}/chargeback-{last_week[:7]}.csv"
        return due, await container.auditor.due(NOW), b"".join([piece async for piece in container.reports.read(path)])

    due, due_after, published = in_memory(work)

    assert due == [last_week]
    assert due_after == []
    assert without_charge_ids(published) == chargeback_csv(late, last_week[:7], DAY)
