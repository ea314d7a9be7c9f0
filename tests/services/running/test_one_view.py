"""All parts of one view share the answers to their questions; nothing of them is kept, shared with others or left."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from chargeback.domain.errors import StoreUnavailable
from chargeback.services.running.one_view import ask_again, ask_once, one_view
from chargeback.services.running.together import together

pytestmark = pytest.mark.anyio


class Store:
    """Answers with how often it was asked, once it may."""

    def __init__(self) -> None:
        self.asked, self.ended = 0, 0
        self.fails = False
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def answer(self) -> int:
        self.asked += 1
        number = self.asked
        try:
            await self.may_answer.wait()
        finally:
            self.ended += 1
        if self.fails:
            raise StoreUnavailable(f"Cosmos DB, question {number}")
        return number


async def test_what_several_parts_ask_is_asked_once_and_again_by_the_next_view() -> None:
    store = Store()

    async with one_view():
        assert await together(*(ask_once("period", store.answer) for _ in range(3))) == [1, 1, 1]
        assert await ask_once("period", store.answer) == 1
        assert await ask_once("budget", store.answer) == 2
    async with one_view():
        assert await ask_once("period", store.answer) == 3


async def test_outside_of_a_view_each_question_is_asked() -> None:
    store = Store()

    assert [await ask_once("period", store.answer) for _ in range(2)] == [1, 2]
    ask_again("period")
    async with one_view():
        pass
    assert await ask_once("period", store.answer) == 3


async def test_views_at_the_same_time_share_nothing() -> None:
    store = Store()

    async def view() -> int:
        async with one_view():
            first = await ask_once("period", store.answer)
            await asyncio.sleep(0)
            assert await ask_once("period", store.answer) == first
            return first

    assert sorted(await together(view(), view())) == [1, 2]


async def test_what_was_changed_is_asked_again() -> None:
    store = Store()

    async with one_view():
        assert await ask_once("period", store.answer) == 1
        ask_again("period", "budget")
        assert await ask_once("period", store.answer) == 2


async def test_those_who_wait_share_a_failure_and_whoever_comes_later_asks_again() -> None:
    store = Store()
    store.fails = True

    async with one_view():
        found = await asyncio.gather(*(ask_once("period", store.answer) for _ in range(2)), return_exceptions=True)
        store.fails = False

        assert [str(each) for each in found] == ["Cosmos DB, question 1"] * 2
        assert await ask_once("period", store.answer) == 2


async def test_a_part_that_is_given_up_leaves_the_question_to_the_others() -> None:
    store = Store()
    store.may_answer.clear()

    async with one_view():
        first, second = (asyncio.ensure_future(ask_once("period", store.answer)) for _ in range(2))
        await _turns()
        first.cancel()
        store.may_answer.set()

        assert await second == 1
        with pytest.raises(asyncio.CancelledError):
            await first


@pytest.mark.parametrize("how", ["it ends", "it fails"])
async def test_nothing_goes_on_after_a_view(how: str) -> None:
    store = Store()
    store.may_answer.clear()
    waiting: list[asyncio.Future[int]] = []

    async def view() -> None:
        async with one_view():
            waiting.append(asyncio.ensure_future(ask_once("period", store.answer)))
            await _turns()
            if how == "it fails":
                raise StoreUnavailable("Cosmos DB")

    await _allowing(view, StoreUnavailable)

    assert (store.asked, store.ended) == (1, 1)
    with pytest.raises(asyncio.CancelledError):
        await waiting[0]


async def _allowing(work: Callable[[], Awaitable[None]], failure: type[Exception]) -> None:
    try:
        await work()
    except failure:
        return


async def _turns() -> None:
    for _ in range(3):
        await asyncio.sleep(0)
