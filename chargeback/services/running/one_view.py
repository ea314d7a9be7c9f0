"""Lets all that is read for one view of a page ask each question once.

The parts of a page ask side by side and know nothing of each other, so several of them ask for the same documents. What
they share is one answer of one moment, so that they also agree with each other. Nothing is kept after the view.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

T = TypeVar("T")


@dataclass(slots=True)
class _View:
    """The questions of a view.

    Attributes:
        answers: by question; what was asked before a change is no longer there.
        begun: all that was ever asked.
    """

    answers: dict[Hashable, asyncio.Future[Any]] = field(default_factory=dict)
    begun: list[asyncio.Future[Any]] = field(default_factory=list)


_view: ContextVar[_View | None] = ContextVar("_view", default=None)


@asynccontextmanager
async def one_view() -> AsyncIterator[None]:
    """What is asked in here with `ask_once` is asked once. What is still under way at the end is given up."""
    view = _View()
    token = _view.set(view)
    try:
        yield
    finally:
        _view.reset(token)
        for each in view.begun:
            each.cancel()
        await asyncio.gather(*view.begun, return_exceptions=True)


async def ask_once(question: Hashable, ask: Callable[[], Awaitable[T]]) -> T:
    """The answer to a question, which was perhaps asked before in this view; outside of one it is always asked.

    Whoever is cancelled while waiting leaves the question to the others. What failed is asked again by whoever comes
    later.
    """
    view = _view.get()
    if view is None:
        return await ask()
    answer = view.answers.get(question)
    if answer is None or (answer.done() and (answer.cancelled() or answer.exception())):
        answer = asyncio.ensure_future(ask())
        view.answers[question] = answer
        view.begun.append(answer)
    return cast("T", await asyncio.shield(answer))


def ask_again(*questions: Hashable) -> None:
    """Have these questions asked again in this view, because something changes their answers."""
    view = _view.get()
    for question in questions if view is not None else ():
        cast("_View", view).answers.pop(question, None)
