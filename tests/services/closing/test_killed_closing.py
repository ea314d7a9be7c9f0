"""A closing that ends between any two of its writes: the next run completes it, with the same bytes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.support.closing_march import AFTER_GRACE, march
from tests.support.closing_product import ClosingProduct, Killed, Wrap

pytestmark = pytest.mark.anyio


class Fuse:
    """Ends the run before its write number `at`, to any store: a kill before a read is a kill before the next write."""

    def __init__(self) -> None:
        self.at: int | None = None
        self.steps = 0

    def burn(self) -> None:
        if self.at is not None and self.steps == self.at:
            raise Killed
        self.steps += 1


WRITES = {
    "put",
    "swap",
    "write",
    "put_summary",
    "append",
    "mark",
    "unmark",
    "count",
    "posted",
    "touch",
    "forget",
    "remove",
}


class Fused:
    """A store that shares its fuse with others."""

    def __init__(self, store: Any, fuse: Fuse) -> None:
        self._store, self._fuse = store, fuse

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        if name == "create":
            return self._create
        if name not in WRITES:
            return found

        async def call(*arguments: Any, **named: Any) -> Any:
            self._fuse.burn()
            return await found(*arguments, **named)

        return call

    @asynccontextmanager
    async def _create(self, *arguments: Any, **named: Any) -> AsyncIterator[Any]:
        async with self._store.create(*arguments, **named) as file:
            yield file
            self._fuse.burn()


def fused(fuse: Fuse) -> Wrap:
    return lambda name, store: Fused(store, fuse)


async def test_a_kill_before_any_step_leaves_a_closing_that_the_next_run_completes() -> None:
    right = await march()
    await right.close("2026-03", AFTER_GRACE)
    survived = None
    for at in range(1000):
        fuse = Fuse()
        in_memory = await march(ClosingProduct(wrap=fused(fuse)))
        fuse.steps, fuse.at = 0, at
        try:
            await in_memory.close("2026-03", AFTER_GRACE)
        except Killed:
            pass
        else:
            survived = at
        fuse.at = None

        closed = await in_memory.close("2026-03", AFTER_GRACE)

        assert in_memory.closed.files == right.closed.files, f"killed before step {at}"
        assert closed.is_filed
        assert [change.what for change in closed.history].count("closed") == 1
        assert in_memory.reports.files == {}
        if survived is not None:
            break
    assert survived is not None
    assert survived >= 15, "the fuse never burned where it should"


async def test_the_timer_finishes_the_filing_of_a_killed_run() -> None:
    fuse = Fuse()
    in_memory = await march(ClosingProduct(wrap=fused(fuse)))
    file_at = in_memory.closed.paths

    def die(prefix: str) -> Any:
        raise Killed

    in_memory.closed._store.paths = die
    with pytest.raises(Killed):
        await in_memory.close("2026-03", AFTER_GRACE)
    in_memory.closed._store.paths = file_at

    (finished,) = await in_memory.closer.close_due(AFTER_GRACE)

    assert finished.is_filed
    assert len(in_memory.closed.files) == 3
