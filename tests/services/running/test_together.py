"""Work side by side ends together: nothing goes on once whoever waits for it is told, whatever happens."""

import ast
import asyncio
import gc
from pathlib import Path
from typing import Any

import pytest

import chargeback
from chargeback.domain.errors import StoreUnavailable
from chargeback.services.running.together import together

pytestmark = pytest.mark.anyio
PACKAGE = Path(chargeback.__file__).parent


class Works:
    """Pieces of work that take their time, to end too."""

    def __init__(self, expected: int) -> None:
        self.expected = expected
        self.begun, self.ended = 0, 0
        self.may_end, self.have_begun = asyncio.Event(), asyncio.Event()

    async def slow(self, result: str = "", turns_to_end: int = 5) -> str:
        self.begun += 1
        if self.begun == self.expected:
            self.have_begun.set()
        try:
            await self.may_end.wait()
        finally:
            for _ in range(turns_to_end):  # as a connection that is given back takes some
                await asyncio.sleep(0)
            self.ended += 1
        return result

    async def failing(self) -> str:
        await self.have_begun.wait()
        raise StoreUnavailable("Redis: away") from OSError("refused")


async def test_results_come_in_the_order_of_the_work() -> None:
    works = Works(1)

    async def quick() -> str:
        works.may_end.set()
        return "second"

    assert await together(works.slow("first"), quick()) == ["first", "second"]
    assert await together() == []


async def test_the_first_failure_is_raised_as_it_is_once_the_others_have_ended() -> None:
    works = Works(2)

    with pytest.raises(StoreUnavailable, match="Redis: away") as raised:
        await together(works.slow(), works.failing(), works.slow(turns_to_end=50))

    assert works.ended == 2
    assert isinstance(raised.value.__cause__, OSError)


async def test_failures_about_the_same_time_are_all_looked_at() -> None:
    works, reported = Works(0), list[str]()
    loop = asyncio.get_running_loop()
    handler = loop.get_exception_handler()
    loop.set_exception_handler(lambda _, context: reported.append(context["message"]))

    async def fail_twice() -> str:
        works.have_begun.set()
        try:
            await together(works.failing(), works.failing())
        except StoreUnavailable as error:
            return str(error)
        return ""

    told = await fail_twice()
    gc.collect()
    loop.set_exception_handler(handler)

    assert told == "Redis: away"
    assert reported == []


async def test_whoever_cancels_it_waits_for_all_of_it() -> None:
    works = Works(3)
    waiting = asyncio.create_task(together(*(works.slow(turns_to_end=turns) for turns in (0, 5, 50))))
    await works.have_begun.wait()

    waiting.cancel()
    await asyncio.wait([waiting])

    assert works.ended == 3
    assert waiting.cancelled()


async def test_a_failure_on_the_way_out_keeps_it_cancelled() -> None:
    works = Works(2)

    async def failing_at_its_end() -> Any:
        try:
            await works.slow()
        except asyncio.CancelledError:
            raise StoreUnavailable("away") from None

    waiting = asyncio.create_task(together(failing_at_its_end(), works.slow()))
    await works.have_begun.wait()

    waiting.cancel()
    await asyncio.wait([waiting])

    assert waiting.cancelled()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await together(failing_at_its_end(), works.slow())


def test_nothing_gathers_work_and_leaves_it_behind() -> None:
    left_behind = [
        f"{path.relative_to(PACKAGE)}:{call.lineno}"
        for path in sorted(PACKAGE.rglob("*.py"))
        for call in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "gather"
        if "return_exceptions" not in {each.arg for each in call.keywords}
    ]

    assert left_behind == []
