"""Records what a stage could not handle and set aside, by stage and day, each with its reason.

Every run of a stage says again what it had to leave out of a day, so a part that could be handled after a repair
disappears from the list by itself. Whatever is left keeps its month from closing, unless somebody overrides that on the
record.
"""

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b

from chargeback.domain.errors import Superseded
from chargeback.log_line import log_line
from chargeback.services.ports.control import Control, Document

log = logging.getLogger(__name__)

KIND = "set-aside"

ROW_OF_LOG = "log row of "
"""The name of a row of the gateway's log that settlement leaves out."""

MOST_NAMED = 100
"""How many parts of a day are named; the others are counted."""


class Stage(StrEnum):
    """The services that leave something out."""

    SETTLE = "settle"
    POST = "post"
    AUDIT = "audit"
    SUMMARISE = "summarise"
    PACK = "pack"
    PUBLISH = "publish"


@dataclass(frozen=True, slots=True)
class Left:
    """The parts of one day that one stage left out.

    Attributes:
        stage: which service left it out.
        day: UTC day, or for `publish` the period.
        count: how many parts.
        parts: name → reason, at most `MOST_NAMED` of them: a line's id, a pending call's (source, id), a file.
        others: identifies the parts that are not named; empty where an older version wrote it.
    """

    stage: Stage
    day: str
    count: int
    parts: Mapping[str, str]
    others: str = ""

    def digests(self) -> set[str]:
        """Identifies the parts: one digest for each named part, and one for the rest as a whole."""
        named = {_digest({name: reason}) for name, reason in self.parts.items()}
        return named | ({self.others or str(self.count)} if self.count > len(self.parts) else set())


class SetAside:
    """Keeps what was left out; the only owner of the documents of this kind."""

    def __init__(self, control: Control) -> None:
        self._control = control

    async def note(self, stage: Stage, day: str, parts: Mapping[str, str]) -> None:
        """Record what a stage leaves out of a day now, in place of what it left out before."""
        if parts:
            first = next(iter(parts.values()))
            log_line(log, "set_aside", level=logging.WARNING, stage=stage.value, day=day, parts=len(parts), first=first)
        named, others = sorted(parts.items())[:MOST_NAMED], sorted(parts.items())[MOST_NAMED:]
        document = {
            "stage": stage.value,
            "day": day,
            "count": len(parts),
            "parts": dict(named),
            "others": _digest(dict(others)) if others else "",
        }
        while True:
            known = await self._control.get_versioned(KIND, f"{stage}-{day}")
            if known[0] == document if known else not parts:
                return
            try:
                await self._control.swap(KIND, f"{stage}-{day}", document, known[1] if known else None)
            except Superseded:
                continue
            return

    async def all(self) -> list[Left]:
        """Everything that is left out at the moment, by stage and day."""
        found = [_read(document) for document in await self._control.all(KIND)]
        return [each for each in found if each.count]

    async def of_days(self, days: Collection[str]) -> list[Left]:
        """What is left out of these days."""
        return [each for each in await self.all() if each.day in days]


def _read(document: Document) -> Left:
    others = document.get("others", "")
    return Left(Stage(document["stage"]), document["day"], document["count"], document["parts"], others)


def _digest(parts: Mapping[str, str]) -> str:
    return blake2b(repr(sorted(parts.items())).encode(), digest_size=8).hexdigest()
