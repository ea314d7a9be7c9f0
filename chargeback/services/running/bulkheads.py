"""Runs each part of some work by itself: one that fails stops no other, and all failures are raised at the end."""

import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from chargeback.domain.errors import SomeFailed
from chargeback.log_line import log_line

T = TypeVar("T")
R = TypeVar("R")

log = logging.getLogger(__name__)


def say_nothing(result: object) -> None:
    """A report that does nothing."""


async def do_each(
    doing: str, parts: Iterable[T], work: Callable[[T], Awaitable[R]], report: Callable[[R], None] = say_nothing
) -> list[R]:
    """Do the work for each part, one after the other; `report` is told of each as it is done.

    Raises `SomeFailed` at the end if any failed, with what was done.
    """
    done: list[R] = []
    failed: dict[str, Exception] = {}
    for part in parts:
        try:
            result = await work(part)
        except Exception as error:  # noqa: BLE001 whatever is wrong with one part, the others are done
            failed[str(part)] = error
            log_line(log, "part_failed", level=logging.WARNING, doing=doing, part=str(part), reason=reason_of(error))
        else:
            done.append(result)
            report(result)
    if failed:
        raise SomeFailed(doing, {part: reason_of(error) for part, error in failed.items()}) from next(
            iter(failed.values())
        )
    return done


def reason_of(error: Exception) -> str:
    """What went wrong, on one short line; an error without a message is named by its type."""
    text = " ".join(str(error).split())[:300]
    return text or type(error).__name__
