"""A store of files at which a run ends half way."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any


class Ended(BaseException):
    """The run ended."""


class Broken:
    """Reports that end the run at the n-th file that appears."""

    def __init__(self, reports: Any, at: int) -> None:
        self._reports, self._left = reports, at

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reports, name)

    @asynccontextmanager
    async def create(self, *arguments: Any, **named: Any) -> AsyncIterator[Any]:
        async with self._reports.create(*arguments, **named) as file:
            yield file
            if not self._left:
                raise Ended
            self._left -= 1
