"""Who is signed in to the pages: the session in the cookie of a browser."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from chargeback.domain.access.requester import Requester
from chargeback.domain.access.verified_caller import VerifiedCaller
from chargeback.services.access.ended_sessions import EndedSessions
from chargeback.services.access.people import People
from chargeback.services.access.sealing import Seal
from chargeback.services.access.session_content import Session, fitted, packed, unpacked
from chargeback.services.ports.control import Catalogues

COOKIE = "__Host-chargeback-session"
"""The cookie that holds a session. Browsers take it from this host over TLS alone, and send it to this host alone."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Somebody whose session is valid.

    Attributes:
        who: may see and do what their roles say now.
        form_token: stands in every form, so that no other site can send one in their name.
        ends: when they have to sign in again.
    """

    who: Requester
    form_token: str
    ends: datetime


class Sessions(Protocol):
    """Finds sessions."""

    async def find(self, cookie: str) -> SignedIn | None:
        """Whose session a cookie holds; None without a valid one. Raises `StoreUnavailable` while nobody can tell."""


class NoSessions:
    """For an app without a registration: nobody can sign in."""

    async def find(self, _: str) -> SignedIn | None:
        """Nobody."""
        return None


class SealedSessions:
    """Sessions that browsers keep; only those that were ended are in a store."""

    def __init__(
        self,
        seal: Seal,
        people: People,
        ended: EndedSessions,
        catalogues: Catalogues,
        now: Callable[[], datetime],
    ) -> None:
        self._seal = seal
        self._people = people
        self._ended = ended
        self._catalogues = catalogues
        self._now = now

    async def begin(self, caller: VerifiedCaller, ends: datetime) -> str:
        """The cookie of a new session, which no browser had before. Raises `StoreUnavailable`."""
        session = Session(secrets.token_hex(16), secrets.token_urlsafe(16), ends, caller)
        owners = (await self._catalogues.terms()).ownership.centres if caller.groups else ()
        owning = frozenset[str]().union(*(each.groups for each in owners))
        return await self._seal.close(packed(fitted(session, COOKIE, owning)))

    async def find(self, cookie: str) -> SignedIn | None:
        """Whose session a cookie holds. While the store of the ended ones is away, nobody's is valid: it raises."""
        session = await self._unended(cookie)
        if session is None or await self._ended.has(session.id):
            return None
        return SignedIn(await self._people.as_requester(session.caller), session.form_token, session.ends)

    async def end(self, cookie: str) -> None:
        """End a session, and every copy of its cookie with it. Raises `StoreUnavailable` where that is not certain."""
        if session := await self._unended(cookie):
            await self._ended.add(session.id, session.ends, self._now())

    async def _unended(self, cookie: str) -> Session | None:
        content = await self._seal.open(cookie) if cookie else None
        session = unpacked(content) if content is not None else None
        return session if session is not None and self._now() < session.ends else None
