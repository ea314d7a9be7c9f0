"""What HTTP adds to the answers of `benchmarks.api`: `python -m benchmarks.api_http [--months=12] [--rows=400000] …`.

The same questions, 20 a second, are asked of the whole ASGI application in this process: token, permission, audit log in
memory, parameters, entity tag, page, JSON. A network and the functions host are not in it.
"""

import asyncio
import random
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx
import psutil

from benchmarks.api import Peak, Questions, load, make_views, month_names, options, percentile
from chargeback.adapters.memory.stores import MemoryControl
from chargeback.api.app import http_api
from chargeback.api.costs.names import FILTERS, NAME_OF
from chargeback.domain.access.app_roles import AppRole
from chargeback.domain.access.requester import Identity, Requester, RowScope
from chargeback.domain.costs.cost_query import CostQuery, Granularity, Paging, RowOrder
from chargeback.domain.costs.dimension import Dimension
from chargeback.domain.errors import QueryRefused, QueryTooLarge
from chargeback.services.access.cursor_key import CursorKey
from chargeback.services.costs.read_costs import CostReader, open_reader
from tests.support.audit_log import some_log

WHOLE = Paging()


class Doors:
    """Gives each scope a token, and knows it again."""

    def __init__(self) -> None:
        self._known: dict[str, Requester] = {}

    def token(self, scope: RowScope) -> str:
        """The token of somebody who sees these rows."""
        token = str(hash(scope))
        identity = scope.own or Identity("tenant", f"owner-{token}")
        self._known[token] = Requester(identity, token, frozenset({AppRole.FINANCE}), scope)
        return token

    async def requester(self, token: str) -> Requester | None:
        """Whoever has the token."""
        return self._known.get(token)


class OverHttp:
    """Asks over HTTP what `benchmarks.api` asks of a reader."""

    def __init__(self, client: httpx.AsyncClient, doors: Doors) -> None:
        self._client = client
        self._doors = doors
        self.bytes: list[int] = []

    async def answer(self, query: CostQuery, scope: RowScope, paging: Paging = WHOLE) -> None:
        """Figures."""
        parameters = [*_parameters(query), *(("groupBy", str(NAME_OF[each])) for each in query.group_by)]
        if query.granularity is not Granularity.NONE:
            path = "costs/series"
            parameters.append(("granularity", query.granularity.value))
        elif query.group_by:
            path = "costs/breakdown"
            parameters.append(("orderBy", "cost" if query.order is RowOrder.COST else "name"))
        else:
            path = "costs/summary"
        await self._get(path, [*parameters, ("maxpagesize", str(paging.size))], scope)

    async def compare(self, before: CostQuery, after: CostQuery, by: tuple[Dimension, ...], scope: RowScope) -> None:
        """Two spans."""
        earlier = [("compareStartDate", before.first), ("compareEndDate", before.last)]
        grouped = [("groupBy", str(NAME_OF[each])) for each in by]
        await self._get("costs/comparison", [*_parameters(after), *earlier, *grouped], scope)

    async def values(self, query: CostQuery, dimension: Dimension, scope: RowScope) -> None:
        """What there is."""
        await self._get(f"costs/dimensions/{NAME_OF[dimension]}", _parameters(query), scope)

    async def open_usage(self, query: CostQuery, scope: RowScope) -> None:
        """What has no price."""
        await self._get("usage/unpriced", _parameters(query), scope)

    async def _get(self, path: str, parameters: Sequence[tuple[str, str]], scope: RowScope) -> None:
        headers = {"Authorization": f"Bearer {self._doors.token(scope)}"}
        answer = await self._client.get(f"/api/v1/{path}", params=httpx.QueryParams([*parameters]), headers=headers)
        if answer.status_code == 503:
            raise QueryRefused(answer.text)
        if answer.status_code != 200:
            raise QueryTooLarge(answer.text)
        self.bytes.append(len(answer.content))


def _parameters(query: CostQuery) -> list[tuple[str, str]]:
    filters = [(FILTERS[name].name, value) for name, values in query.filters.items() for value in values]
    return [("startDate", query.first), ("endDate", query.last), *map(_texts, filters)]


def _texts(pair: tuple[Any, str]) -> tuple[str, str]:
    return str(pair[0]), pair[1]


async def main() -> None:
    """Print median and p95 of all questions, how long answers are, and the peak of memory."""
    said = options(__doc__)
    months = month_names(said.months)
    with tempfile.TemporaryDirectory() as place:
        control, files, _, _ = await make_views(months, said.rows, Path(place))
        reader, doors = open_reader(control, files), Doors()
        beside = {"costs": reader, "people": doors, "cursor_key": CursorKey(MemoryControl()), "audit_log": some_log()}
        container: Any = SimpleNamespace(**beside)
        transport = httpx.ASGITransport(http_api(container))
        async with httpx.AsyncClient(transport=transport, base_url="https://api") as client:
            over = OverHttp(client, doors)
            asked, questions = cast("CostReader", over), Questions(months, random.Random(7))
            await load(asked, questions, min(10, said.seconds))
            peak, before = Peak(), psutil.Process().memory_info().rss // 1_000_000
            took = await load(asked, questions, said.seconds)
        reader.close()
    every = [each for found in took.values() for each in found]
    print(
        f"{len(every)} asked over HTTP, median {statistics.median(every):.1f} ms, p95 {percentile(every, 95):.1f} ms,"
        f" p99 {percentile(every, 99):.1f} ms; answers of {statistics.median(over.bytes):.0f} bytes, {max(over.bytes)} at"
        f" most; memory {before} MB before, {peak.end()} MB at most"
    )


if __name__ == "__main__":
    asyncio.run(main())
