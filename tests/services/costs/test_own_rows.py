"""Whoever asks for their own rows reads no more of the people of a company than one file of each month."""

from pathlib import Path
from typing import Any

import duckdb
import pytest

from chargeback.adapters.memory.settled import MemorySettledFiles
from chargeback.domain.access.requester import Identity, RowScope
from chargeback.domain.costs.cost_query import CostQuery, Granularity
from chargeback.domain.costs.dimension import Dimension
from chargeback.services.costs.grains import GRAINS
from chargeback.services.costs.read_costs import open_reader
from tests.support.closing_product import ClosingProduct
from tests.support.cost_views import YEAR

pytestmark = pytest.mark.anyio

BY_PERSON = CostQuery(YEAR.first, YEAR.last, group_by=(Dimension.USER,), granularity=Granularity.DAY)


class WatchedFiles:
    """Files that say which of them were fetched."""

    def __init__(self, files: MemorySettledFiles) -> None:
        self._files = files
        self.fetched: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._files, name)

    async def fetch(self, path: str, to: Path) -> bool:
        self.fetched.append(path)
        return await self._files.fetch(path, to)


async def test_a_person_reads_one_file_of_each_month(months: ClosingProduct) -> None:
    files = WatchedFiles(months.settled_files)
    reader = open_reader(months.control, files)
    own = RowScope(own=Identity("tenant-1", "somebody"))

    await reader.answer(BY_PERSON, own)
    reader.close()

    assert len(files.fetched) == len({path.split("/")[2] for path in files.fetched}) == 3
    assert {path.rsplit("/", 1)[1].split("-")[0] for path in files.fetched} == {"people"}


@pytest.mark.parametrize("object_id", ["", "0", "ann", "11111111-2222-3333-4444-555555555555", "Ünïcode"])
def test_the_file_of_a_person_is_the_one_that_has_their_rows(object_id: str) -> None:
    (people,) = [grain for grain in GRAINS if grain.by_person]
    with duckdb.connect() as engine:
        engine.execute("CREATE TABLE rows AS SELECT ? AS user_object_id", [object_id])
        found = [
            name
            for name, condition in people.files.items()
            if engine.execute(f"SELECT count(*) FROM rows WHERE {condition}").fetchall() == [(1,)]
        ]

    assert len(found) == 1
    assert set(found) == set(people.files_of(object_id)) if object_id else found == ["people-other"]
