"""Questions about the whole company are answered from small files; those about a part of it have the same figures."""

from pathlib import Path
from typing import Any

import pytest

from chargeback.domain.access.requester import RowScope
from chargeback.domain.costs.cost_query import CostQuery, Granularity
from chargeback.domain.costs.dimension import Dimension
from chargeback.domain.time.days import BookDate
from chargeback.services.costs.read_costs import open_reader
from tests.support.closing_product import ClosingProduct
from tests.support.cost_views import EVERYTHING

pytestmark = pytest.mark.anyio

FIRST, LAST = BookDate("2026-03-01"), BookDate("2026-03-31")
A_DAY = CostQuery(FIRST, BookDate("2026-03-20"), group_by=(Dimension.MODEL,), granularity=Granularity.DAY)


class WatchedFiles:
    """Files that say which of them were fetched."""

    def __init__(self, files: Any) -> None:
        self._files = files
        self.fetched: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._files, name)

    async def fetch(self, path: str, to: Path) -> bool:
        self.fetched.add(Path(path).stem)
        return bool(await self._files.fetch(path, to))


@pytest.mark.parametrize(
    ("query", "name"),
    [
        (CostQuery(FIRST, LAST), "models-by-day"),
        (CostQuery(FIRST, LAST, group_by=(Dimension.KIND,)), "models-by-day"),
        (A_DAY, "models-by-day"),
        (CostQuery(FIRST, LAST, group_by=(Dimension.METER, Dimension.REGION)), "use-of-all"),
        (CostQuery(FIRST, LAST, group_by=(Dimension.USER,)), "users-of-all"),
        (CostQuery(FIRST, LAST, group_by=(Dimension.COST_CENTRE,)), "centres"),
    ],
)
async def test_a_question_about_the_company_reads_the_smallest_file(
    months: ClosingProduct, query: CostQuery, name: str
) -> None:
    files = WatchedFiles(months.settled_files)
    reader = open_reader(months.control, files)

    await reader.answer(query, EVERYTHING)
    reader.close()

    assert files.fetched == {name}


async def test_a_comparison_of_the_company_reads_the_smallest_file(months: ClosingProduct) -> None:
    files = WatchedFiles(months.settled_files)
    reader = open_reader(months.control, files)
    before = CostQuery(BookDate("2026-02-01"), BookDate("2026-02-28"))

    await reader.compare(before, CostQuery(FIRST, LAST), (Dimension.MODEL,), EVERYTHING)
    reader.close()

    assert files.fetched == {"use-of-all"}


async def test_an_owner_reads_files_that_tell_cost_centres_apart(months: ClosingProduct) -> None:
    files = WatchedFiles(months.settled_files)
    reader = open_reader(months.control, files)

    await reader.answer(A_DAY, RowScope(cost_centres=frozenset({"product"})))
    reader.close()

    assert files.fetched == {"use-by-day"}
