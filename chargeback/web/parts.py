"""Lets a page show what it can: a part whose figures cannot be had says so, and the others stay."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from chargeback.api.errors import ErrorText
from chargeback.services.running.together import together
from chargeback.web.api_client import ApiRefused

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Part(Generic[T]):
    """What a part of a page shows, or why it shows nothing.

    Attributes:
        value: what it shows; None where there is nothing to be had.
        error: why there is nothing; None where the reason is that whoever looks may not see it.
        request_id: by which an operator finds the failure in the log.
    """

    value: T | None
    error: ErrorText | None = None
    request_id: str = ""


async def part(asked: Awaitable[T]) -> Part[T]:
    """A part of a page. What somebody may not see is left out; any other refusal is shown in its place."""
    try:
        return Part(await asked)
    except ApiRefused as error:
        return Part(None, None if error.status in (403, 404) else error.error, error.request_id)


async def parts(**asked: Awaitable[Any]) -> dict[str, Part[Any]]:
    """Several parts, asked for at the same time."""
    found = await together(*(part(each) for each in asked.values()))
    return dict(zip(asked, found, strict=True))


async def shown(asked: Awaitable[T], show: Callable[[T], Any]) -> Any:
    """What is made of an answer, for a page; to be given to `part`."""
    return show(await asked)
