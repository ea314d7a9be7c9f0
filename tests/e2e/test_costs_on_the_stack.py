"""Figures of costs on real stores, with the rights of the app in Azure: made by a timer, read by any instance."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from chargeback.bootstrap import Container
from chargeback.domain.access.requester import Identity, RowScope
from chargeback.domain.costs.cost_query import CostQuery, Granularity
from chargeback.domain.costs.dimension import Dimension
from chargeback.domain.errors import SomeFailed
from chargeback.domain.reports.layout import chargeback_path
from chargeback.domain.time.days import BookDate, utc_day
from chargeback.domain.time.months import Month, dates_of
from chargeback.services.costs.read_costs import CostReader, open_reader
from chargeback.services.costs.view_pointers import ViewPointers
from stack.stack import Stack
from tests.support.builders import usage_event
from tests.support.cost_views import EVERYTHING, answered, printed_rows, sums_of

pytestmark = pytest.mark.anyio

NOW = datetime.now(UTC)
MONTH = Month(utc_day(NOW)[:7])
SCOPES = (
    EVERYTHING,
    RowScope(own=Identity("tenant", "ann")),
    RowScope(cost_centres=frozenset({"unallocated"})),
    RowScope(),
)


def daily(*by: Dimension) -> CostQuery:
    dates = dates_of(MONTH)
    return CostQuery(BookDate(dates[0]), BookDate(dates[-1]), group_by=by, granularity=Granularity.DAY)


@pytest.fixture
async def posted(clean_stores: Stack, container: Container) -> Container:
    await _post(container, 6)
    return container


@pytest.fixture
async def reader(posted: Container) -> AsyncIterator[CostReader]:
    """That of an instance that has answered nothing yet."""
    reader = open_reader(posted.control, posted.settled_files)
    yield reader
    reader.close()


async def _post(container: Container, calls: int) -> None:
    who: list[dict[str, Any]] = [{"userObjectId": "ann"}, {"userObjectId": "bob"}, {"username": "ann"}]
    events = [usage_event(time=f"{utc_day(NOW)}T00:00:00Z", tenantId="tenant", **who[n % 3]) for n in range(calls)]
    await container.ingest.ingest(events, NOW)
    await container.poster.post(NOW)


async def test_an_open_month_says_to_everybody_what_publishing_it_would_print(
    posted: Container, reader: CostReader
) -> None:
    await posted.view_keeper.refresh(NOW)
    await posted.drafts.publish(MONTH, NOW)

    path = chargeback_path(MONTH)
    rows = printed_rows({path: b"".join([piece async for piece in posted.reports.read(path)])}, MONTH)
    for query in (daily(), daily(Dimension.USER, Dimension.METER), daily(Dimension.COST_CENTRE, Dimension.STATE)):
        for scope in SCOPES:
            assert answered(await reader.answer(query, scope)) == sums_of(rows, query, scope)
    assert rows


async def test_instances_that_make_the_same_view_at_once_leave_whole_figures(
    posted: Container, reader: CostReader
) -> None:
    async def run() -> None:
        with suppress(SomeFailed):  # where the other ones were faster, every time
            await posted.view_keeper.refresh(NOW)

    await asyncio.gather(run(), run(), run())

    answer = await reader.answer(daily(), EVERYTHING)
    assert answer.is_complete
    assert sum(row.requests for row in answer.rows) == 6


async def test_a_damaged_file_is_not_read_and_the_next_run_makes_it_again(
    posted: Container, reader: CostReader, tmp_path: Path
) -> None:
    await posted.view_keeper.refresh(NOW)
    pointer, _ = await ViewPointers(posted.control).get(MONTH)
    (tmp_path / "other").write_bytes(b"PAR1 of somebody else")
    for file in pointer.files.values():
        await posted.settled_files.put(file.path, tmp_path / "other", file.token)

    damaged = await reader.answer(daily(), EVERYTHING)
    made = await posted.view_keeper.refresh(NOW + timedelta(minutes=15))
    fresh = open_reader(posted.control, posted.settled_files)

    assert (list(damaged.rows), damaged.missing) == ([], [MONTH])
    assert made == [MONTH]
    assert sum(row.requests for row in (await fresh.answer(daily(), EVERYTHING)).rows) == 6
    fresh.close()


async def test_the_next_run_adds_what_was_posted_since(posted: Container, reader: CostReader) -> None:
    await posted.view_keeper.refresh(NOW)
    await _post(posted, 3)

    await posted.view_keeper.refresh(NOW)

    assert sum(row.requests for row in (await reader.answer(daily(), EVERYTHING)).rows) == 9
