"""Runs SQL over the files of views within its bounds: so many at once, so much memory, so many seconds."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock, Timer
from typing import Any

from chargeback.domain.costs.cost_query import Paging
from chargeback.domain.errors import NoRoom, QueryRefused, QueryTooLarge
from chargeback.services.costs.known_views import ViewsOfSpan
from chargeback.services.costs.plan_query import Read, ReadingPlan
from chargeback.services.costs.recent_answers import RecentAnswers, Rows, question_of
from chargeback.services.costs.view_files import ViewFiles
from chargeback.services.duck.engine import Engine, open_engine
from chargeback.services.duck.statements import quoted

_LESS = "ask for a shorter span, fewer dimensions or whole months instead of dates, or add a filter"


@dataclass(frozen=True, slots=True)
class CostLimits:
    """What questions about costs may take.

    Attributes:
        at_once: how many are answered at the same time.
        wait_seconds: how long the others wait for their turn.
        seconds: how long one is answered.
        memory_limit_mb: for all together, in addition to what the interpreter needs.
        spill_bytes: temporary disk, in addition to the files that are kept.
        most_rows: the rows of one answer, over all its pages.
    """

    at_once: int = 4
    wait_seconds: float = 5.0
    seconds: float = 10.0
    memory_limit_mb: int = 192
    spill_bytes: int = 128_000_000
    most_rows: int = 200_000


DEFAULT_LIMITS = CostLimits()


class Asking:
    """One database in memory, which keeps nothing but what it knows of the files."""

    def __init__(self, files: ViewFiles, limits: CostLimits) -> None:
        self.limits = limits
        self._files = files
        self._recent = RecentAnswers()
        self._turns = asyncio.Semaphore(limits.at_once)
        self._opened: Engine | None = None
        self._opening = Lock()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """A place among those that are answered now. Raises `QueryRefused` where none gets free in time."""
        try:
            async with asyncio.timeout(self.limits.wait_seconds):
                await self._turns.acquire()
        except TimeoutError as error:
            raise QueryRefused("too many questions at the same time: ask again in a moment") from error
        try:
            yield
        finally:
            self._turns.release()

    async def ask(
        self, name: str, plan: ReadingPlan, views: ViewsOfSpan, columns: Sequence[str], **words: object
    ) -> Rows:
        """All rows that a statement gives of what a plan reads.

        Raises `UnusableView` where a file is not what was written, `QueryTooLarge` where the answer takes too long, too
        much memory or too much disk.
        """
        made = {each.month: each for each in views.made}
        files = [made[month].files[name] for read in plan.reads for month, name in read.files]
        question = question_of(name, plan.reads, plan.values, columns, [each.sha256 for each in files], words)
        if (known := self._recent.find(question)) is not None:
            return known
        async with self._files.local(files) as local:
            waiting = iter(local)
            reads = [_select(read, columns, [next(waiting) for _ in read.files]) for read in plan.reads]
            words["reads"] = " UNION ALL ".join(reads)
            rows = await self._until_ended(name, plan.values, words)
        self._recent.keep(question, rows)
        return rows

    async def page(
        self, name: str, plan: ReadingPlan, views: ViewsOfSpan, columns: Sequence[str], paging: Paging, **words: object
    ) -> tuple[Rows, int]:
        """Some of the rows, and how many there are; `QueryTooLarge` also where these are too many."""
        if not plan.reads:
            return [], 0
        words |= {"size": paging.size, "offset": paging.offset}
        rows = await self.ask(name, plan, views, columns, **words)
        total = int(rows[0]["total"]) if rows else 0
        if not rows and paging.offset:
            first = await self.ask(name, plan, views, columns, **words | {"size": 1, "offset": 0})
            total = int(first[0]["total"]) if first else 0
        if total > self.limits.most_rows:
            raise QueryTooLarge(f"the answer has {total} rows, and {self.limits.most_rows} is the most: {_LESS}")
        return rows, total

    def close(self) -> None:
        """Let go of the database, the files and what is kept of their rows."""
        self._recent.clear()
        if self._opened is not None:
            self._opened.close()
            self._opened = None
        self._files.close()

    async def _until_ended(
        self, name: str, values: Mapping[str, object], words: Mapping[str, object]
    ) -> list[dict[str, Any]]:
        """A question that nobody waits for any more is ended, and only then gives its turn and its files back."""
        engine = (await asyncio.to_thread(self._engine)).apart()
        work = asyncio.create_task(asyncio.to_thread(self._ask, engine, name, values, words))
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            while not work.done():  # it may not have begun when it is interrupted first
                engine.interrupt()
                await asyncio.wait([work], timeout=0.05)
            work.exception()  # nobody hears of it
            raise

    def _ask(
        self, engine: Engine, name: str, values: Mapping[str, object], words: Mapping[str, object]
    ) -> list[dict[str, Any]]:
        timer = Timer(self.limits.seconds, engine.interrupt)
        timer.daemon = True
        timer.start()
        try:
            return engine.ask(name, values, **words)
        except TimeoutError as error:
            raise QueryTooLarge(f"the answer takes more than {self.limits.seconds:g} seconds: {_LESS}") from error
        except NoRoom as error:
            raise QueryTooLarge(f"the answer takes more than {self.limits.memory_limit_mb} MB: {_LESS}") from error
        finally:
            timer.cancel()
            engine.close()

    def _engine(self) -> Engine:
        with self._opening:
            if self._opened is None:
                self._opened = open_engine(
                    "chargeback.services.costs",
                    spill=self._files.folder / "spill",
                    memory_limit_mb=self.limits.memory_limit_mb,
                    spill_limit=self.limits.spill_bytes,
                    keeps_order=False,
                )
                self._opened.run("settings")
            return self._opened


def _select(read: Read, columns: Sequence[str], files: Sequence[Path]) -> str:
    """What is read of some files; month and side are told by where it is read from."""
    told = {"month": quoted(read.months[0]), "side": quoted(read.side)}
    names = ", ".join(f"{told[each]} AS {each}" if each in told else f'"{each}"' for each in columns)
    listed = ", ".join(map(quoted, files))
    return f"SELECT {names} FROM read_parquet([{listed}]) WHERE {read.condition}"  # noqa: S608 names and paths of ours
