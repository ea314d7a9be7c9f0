"""Lets a request be sent again: the same answer, and nothing is done twice, whichever instance gets it.

A record is written before the work begins. Who finds one without an answer after its lease does the work again, with
the time of the first try: what is done then is the same to the last byte, so whatever was done already stays as it is.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b

import msgspec
from msgspec.structs import replace

from chargeback.domain.errors import Conflict, Superseded
from chargeback.services.ports.control import Control

KIND = "request"

REQUEST_LEASE = timedelta(seconds=90)
"""How long an instance may take; one that was killed is not waited for any longer."""

LONGEST_KEY = 200


class KeptAnswer(msgspec.Struct, frozen=True):
    """An answer as it was given."""

    status: int
    headers: dict[str, str]
    body: str


class RepeatableRequest(msgspec.Struct, frozen=True):
    """A request as it was seen first.

    Attributes:
        asked: identifies what was asked.
        at: when it came first, UTC; what is done for it is done at this time.
        until: when whoever carries it out is given up; None where nobody does.
        answer: what was answered; None where nothing was yet.
    """

    asked: str
    at: datetime
    until: datetime | None
    answer: KeptAnswer | None = None


class UnderWay(Conflict):
    """Another instance is carrying out the same request."""


@dataclass(frozen=True, slots=True)
class RepeatableRequests:
    """The only owner of the documents of this kind."""

    control: Control

    async def begin(self, name: str, asked: str, now: datetime) -> RepeatableRequest:
        """The record of a request: with its answer, or to be carried out now.

        Raises `Conflict` where the name was used for another request, `UnderWay` where another instance is at it.
        """
        known = await self.control.get_versioned(KIND, name)
        record = msgspec.convert(known[0], RepeatableRequest) if known else None
        if record is not None and record.asked != asked:
            raise Conflict("this key was used for another request: use a new one")
        if record is not None and record.answer is not None:
            return record
        if record is not None and record.until is not None and now < record.until:
            raise UnderWay("the same request is being carried out: send it again in some seconds")
        mine = RepeatableRequest(asked, record.at if record else now, now + REQUEST_LEASE)
        try:
            await self.control.swap(KIND, name, msgspec.to_builtins(mine), known[1] if known else None)
        except Superseded:
            raise UnderWay("the same request is being carried out: send it again in some seconds") from None
        return mine

    async def end(self, name: str, answer: KeptAnswer | None) -> None:
        """Keep the answer; None: nothing was done, and the next one tries again."""
        while known := await self.control.get_versioned(KIND, name):
            record = msgspec.convert(known[0], RepeatableRequest)
            if record.answer is not None:
                return
            ended = replace(record, answer=answer, until=None)
            try:
                await self.control.swap(KIND, name, msgspec.to_builtins(ended), known[1])
            except Superseded:
                continue
            return


def request_name(caller: str, key: str) -> str:
    """The name of a caller's request; nobody else's request has it."""
    return blake2b(msgspec.json.encode([caller, key]), digest_size=16).hexdigest()
