"""Keeps which sessions were ended before their time, for every instance, until they would have ended anyway."""

from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec

from chargeback.domain.errors import Superseded
from chargeback.services.ports.control import Control

KIND = "ended-session"


class _Ended(msgspec.Struct, frozen=True):
    """Sessions of one document: id → when it would have ended, in seconds since 1970."""

    sessions: dict[str, int]


class EndedSessions:
    """The only owner of the documents of this kind.

    There are 256 of them at most, by the first two digits of a session's id, and whoever writes one leaves out what has
    ended anyway: nothing grows, and nothing has to be removed.
    """

    def __init__(self, control: Control) -> None:
        self._control = control

    async def has(self, session: str) -> bool:
        """Whether somebody ended a session. Raises `StoreUnavailable`."""
        return session in _sessions(await self._control.get(KIND, _name(session)))

    async def add(self, session: str, ends: datetime, now: datetime) -> None:
        """Have a session, by its id in hexadecimal digits, be over everywhere. Raises `StoreUnavailable`."""
        while True:
            known = await self._control.get_versioned(KIND, _name(session))
            still = {name: end for name, end in _sessions(known and known[0]).items() if end > now.timestamp()}
            still[session] = int(ends.astimezone(UTC).timestamp()) + 1
            try:
                await self._control.swap(KIND, _name(session), {"sessions": still}, after=known[1] if known else None)
            except Superseded:
                continue
            return


def _name(session: str) -> str:
    return session[:2]


def _sessions(document: Mapping[str, object] | None) -> dict[str, int]:
    return msgspec.convert(document, _Ended).sessions if document else {}
