"""Memory, disk, time, rows and questions at once are bounded, and the error says how to ask for less."""

import asyncio
from hashlib import sha256
from pathlib import Path
from threading import Event, Thread

import duckdb
import pytest

from chargeback.adapters.memory.settled import MemorySettledFiles
from chargeback.domain.costs.cost_query import CostQuery, Granularity, Paging
from chargeback.domain.costs.dimension import Dimension
from chargeback.domain.errors import InvalidQuery, QueryRefused, QueryTooLarge
from chargeback.services.costs.ask_views import CostLimits
from chargeback.services.costs.view_files import UnusableView, ViewFiles
from chargeback.services.costs.view_pointers import ViewFile
from chargeback.services.duck.engine import Engine
from tests.support.closing_product import ClosingProduct
from tests.support.conditions import until
from tests.support.cost_views import EVERYTHING, YEAR, ViewedProduct

pytestmark = pytest.mark.anyio

BY_DAY = CostQuery(YEAR.first, YEAR.last, group_by=(Dimension.METER, Dimension.USER), granularity=Granularity.DAY)


class CountedFiles(MemorySettledFiles):
    """Files that know how often they were fetched."""

    def __init__(self, *contents: bytes) -> None:
        super().__init__()
        self.files = {f"{number}": (content, "token") for number, content in enumerate(contents)}
        self.fetched: list[str] = []

    async def fetch(self, path: str, to: Path) -> bool:
        self.fetched.append(path)
        await asyncio.sleep(0)
        return await super().fetch(path, to)

    def named(self, *numbers: int) -> list[ViewFile]:
        found = [(str(number), self.files[str(number)][0]) for number in numbers]
        return [
            ViewFile(path=path, token="token", sha256=sha256(content).hexdigest(), bytes=len(content))
            for path, content in found
        ]


async def test_a_file_is_fetched_once_for_all_who_read_it_at_the_same_time() -> None:
    files = CountedFiles(b"first")
    kept = ViewFiles(files)

    async def read() -> bytes:
        async with kept.local(files.named(0)) as (local,):
            return local.read_bytes()

    assert await asyncio.gather(*(read() for _ in range(5))) == [b"first"] * 5
    assert files.fetched == ["0"]
    kept.close()


async def test_what_was_read_longest_ago_makes_room() -> None:
    files = CountedFiles(b"0" * 40, b"1" * 40, b"2" * 40)
    kept = ViewFiles(files, most_bytes=100)

    for number in (0, 1, 0, 2, 0, 1):
        async with kept.local(files.named(number)):
            assert kept.bytes <= 100

    assert files.fetched == ["0", "1", "2", "1"]
    assert sum(file.stat().st_size for file in kept.folder.iterdir()) == kept.bytes
    kept.close()


async def test_a_file_that_is_read_is_not_dropped() -> None:
    files = CountedFiles(b"0" * 60, b"1" * 60)
    kept = ViewFiles(files, most_bytes=100)

    async with kept.local(files.named(0)) as (local,):
        with pytest.raises(QueryTooLarge, match="in a moment"):
            async with kept.local(files.named(1)):
                raise AssertionError
        assert local.read_bytes() == b"0" * 60
    kept.close()


async def test_an_answer_from_more_bytes_than_there_is_room_for_says_how_to_ask_for_less() -> None:
    files = CountedFiles(b"0" * 60, b"1" * 60)
    kept = ViewFiles(files, most_bytes=100)

    with pytest.raises(QueryTooLarge, match="fewer months"):
        async with kept.local(files.named(0, 1)):
            raise AssertionError

    assert files.fetched == []


async def test_bytes_that_are_not_those_of_the_pointer_do_not_stay_on_disk() -> None:
    files = CountedFiles(b"first")
    named = files.named(0)
    files.files["0"] = b"other", "token"
    kept = ViewFiles(files)

    with pytest.raises(UnusableView):
        async with kept.local(named):
            raise AssertionError

    assert list(kept.folder.iterdir()) == []
    kept.close()


async def test_whoever_finds_no_place_in_time_is_asked_to_come_again(months: ClosingProduct) -> None:
    viewed = ViewedProduct(months, CostLimits(at_once=1, wait_seconds=0))

    async with viewed.reader._asking.turn():
        with pytest.raises(QueryRefused, match="in a moment"):
            await viewed.ask()

    assert (await viewed.ask()).rows
    viewed.reader.close()


class Endless:
    """A database whose answers come only when somebody ends them."""

    def __init__(self) -> None:
        self.asked = Event()
        self.ended = Event()

    def apart(self) -> "Endless":
        return self

    def ask(self, *_: object, **__: object) -> None:
        self.asked.set()
        self.ended.wait()
        raise TimeoutError

    def interrupt(self) -> None:
        self.ended.set()

    def close(self) -> None: ...


async def test_a_question_that_nobody_waits_for_any_more_is_ended_before_the_next_one_begins(
    months: ClosingProduct, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewed, endless = ViewedProduct(months, CostLimits(at_once=1, wait_seconds=60)), Endless()
    with monkeypatch.context() as patch:
        patch.setattr(viewed.reader._asking, "_engine", lambda: endless)
        asked = asyncio.create_task(viewed.ask())
        await until(endless.asked.is_set)

        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked

    assert endless.ended.is_set()
    assert (await viewed.ask()).rows
    viewed.reader.close()


async def test_an_answer_of_too_many_rows_says_how_to_ask_for_less(months: ClosingProduct) -> None:
    viewed = ViewedProduct(months, CostLimits(most_rows=3))

    with pytest.raises(QueryTooLarge, match="3 is the most: ask for a shorter span, fewer dimensions"):
        await viewed.reader.answer(BY_DAY, EVERYTHING, Paging(0, 1))

    assert (await viewed.ask()).rows
    viewed.reader.close()


async def test_a_page_beyond_the_end_is_empty_and_says_how_many_rows_there_are(viewed: ViewedProduct) -> None:
    whole = await viewed.ask(BY_DAY)

    beyond = await viewed.reader.answer(BY_DAY, EVERYTHING, Paging(whole.total + 5, 10))

    assert (list(beyond.rows), beyond.total) == ([], whole.total)


def test_a_statement_that_takes_too_long_can_be_ended() -> None:
    engine = Engine(
        duckdb.connect(), {"long": "SELECT sum(a.range + b.range) FROM range(10000000) a, range(1000000) b"}, {}
    )
    ended: list[Exception] = []

    def run() -> None:
        try:
            engine.run("long")
        except TimeoutError as error:
            ended.append(error)

    thread = Thread(target=run)
    thread.start()
    while thread.is_alive():
        engine.interrupt()
        thread.join(0.01)

    assert len(ended) == 1
    engine.close()


@pytest.mark.parametrize(("offset", "size"), [(-1, 10), (0, 0), (0, 50_001)])
def test_a_page_has_bounds(offset: int, size: int) -> None:
    with pytest.raises(InvalidQuery, match="1 to 50000 rows"):
        Paging(offset, size)
