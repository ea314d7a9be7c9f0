"""Who is signed in to the pages."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from chargeback.domain.access.requester import Requester

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
