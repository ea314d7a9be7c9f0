"""Signs somebody in: sends their browser to Entra, and begins a session with what Entra says when it comes back.

What is sent and what comes back is bound together by three values that only this browser and the app know: the state
(the answer is to this question), the nonce (so is the token) and the code verifier (nobody else can use the code).
"""

import hashlib
import hmac
import logging
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

import msgspec

from chargeback.domain.access.verified_caller import VerifiedCaller
from chargeback.log_line import log_line
from chargeback.services.access.sealing import Seal
from chargeback.services.access.sessions import SealedSessions

log = logging.getLogger(__name__)

ATTEMPT_COOKIE = "__Host-chargeback-sign-in-"
"""How the name of the cookie begins that holds what a sign-in began with; each has its own, so that two tabs work."""

ATTEMPT_LASTS = timedelta(minutes=15)
"""How long somebody may take at Entra, with a second factor."""

LONGEST_ANSWER = 4096
"""Characters of a code or a state."""


class Failure(StrEnum):
    """Why nobody is signed in."""

    NOT_BEGUN_HERE = "not begun here"
    CANCELLED = "cancelled"
    CONSENT = "consent"
    NOT_ADMITTED = "not admitted"
    REFUSED = "refused"
    EXPIRED = "expired"
    APP_UNKNOWN = "app unknown"
    NOT_TRUSTED = "not trusted"


class SignInFailed(Exception):
    """Nobody is signed in.

    Attributes:
        code: Entra's own number of the error, such as AADSTS50105; empty where there is none.
    """

    def __init__(self, failure: Failure, code: str = "") -> None:
        super().__init__(f"{failure} {code}".strip())
        self.failure = failure
        self.code = code


@dataclass(frozen=True, slots=True)
class VerifiedSignIn:
    """What the tokens of one sign-in say, once they are checked.

    Attributes:
        ends: when the token that says what somebody may do ends.
    """

    caller: VerifiedCaller
    ends: datetime


@dataclass(frozen=True, slots=True)
class AskedOfProvider:
    """What goes to Entra with the browser.

    Attributes:
        challenge: the SHA-256 of the code verifier, in base64 for URLs.
        choose: let people choose an account, also where only one is signed in.
    """

    state: str
    nonce: str
    challenge: str
    choose: bool


class IdentityProvider(Protocol):
    """Entra, as far as signing in needs it."""

    @property
    def sign_out_address(self) -> str:
        """Where somebody signs out of Entra itself."""

    def address(self, asked: AskedOfProvider) -> str:
        """Where a browser is sent to."""

    def failure_of(self, answer: Mapping[str, str]) -> SignInFailed | None:
        """What an answer without a code says; None for an answer with one. Raises `StoreUnavailable`."""

    async def redeem(self, code: str, verifier: str, nonce: str) -> VerifiedSignIn:
        """Who signed in. Raises `SignInFailed`, and `StoreUnavailable` while nobody can tell."""


class _Attempt(msgspec.Struct, frozen=True, array_like=True):
    """What a sign-in began with."""

    state: str
    nonce: str
    verifier: str
    back: str
    ends: int


@dataclass(frozen=True, slots=True)
class Begun:
    """A sign-in that has begun: where the browser is sent to, and what it keeps until it is back."""

    address: str
    cookie: str
    kept: str


@dataclass(frozen=True, slots=True)
class Done:
    """A sign-in that is done: the session, and the page to go on with."""

    session: str
    back: str


class SignIn:
    """The way in."""

    def __init__(
        self, provider: IdentityProvider, seal: Seal, sessions: SealedSessions, now: Callable[[], datetime]
    ) -> None:
        self.provider = provider
        self.sessions = sessions
        self._seal = seal
        self._now = now

    async def begin(self, back: str, *, choose: bool) -> Begun:
        """Begin one that leads back to a page. Raises `StoreUnavailable`."""
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        attempt = _Attempt(state, nonce, verifier, back, int((self._now() + ATTEMPT_LASTS).timestamp()))
        challenge = urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        address = self.provider.address(AskedOfProvider(state, nonce, challenge, choose))
        return Begun(address, cookie_of(state), await self._seal.close(msgspec.msgpack.encode(attempt)))

    async def finish(self, answer: Mapping[str, str], cookies: Mapping[str, str]) -> Done:
        """The session of whoever Entra's answer names. Raises `SignInFailed` and `StoreUnavailable`."""
        try:
            attempt = await self._attempt(answer.get("state", ""), cookies)
            if failure := self.provider.failure_of(answer):
                raise failure
            found = await self.provider.redeem(answer["code"], attempt.verifier, attempt.nonce)
        except SignInFailed as failure:
            log_line(log, "sign_in_failed", level=logging.WARNING, reason=failure.failure.value, code=failure.code)
            raise
        session = await self.sessions.begin(found.caller, found.ends)
        log_line(log, "signed_in", actor=found.caller.identity.actor)
        return Done(session, attempt.back)

    async def _attempt(self, state: str, cookies: Mapping[str, str]) -> _Attempt:
        """What the browser kept: an answer to a question that it never asked is nobody's."""
        kept = cookies.get(cookie_of(state), "") if state else ""
        content = await self._seal.open(kept) if kept else None
        attempt = _opened(content) if content is not None else None
        if attempt is None or not hmac.compare_digest(attempt.state.encode(), state.encode()):
            raise SignInFailed(Failure.NOT_BEGUN_HERE)
        if self._now().timestamp() >= attempt.ends:
            raise SignInFailed(Failure.EXPIRED)
        return attempt


def _opened(content: bytes) -> _Attempt | None:
    """What was kept; None where another version of the app kept it."""
    with suppress(msgspec.DecodeError):
        return msgspec.msgpack.decode(content, type=_Attempt)
    return None


def cookie_of(state: str) -> str:
    """The name of the cookie that belongs to a state."""
    return f"{ATTEMPT_COOKIE}{hashlib.sha256(state.encode()).hexdigest()[:12]}"
