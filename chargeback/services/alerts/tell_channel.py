"""Tells one channel what is due there: one message after the other, by one run at a time, within the channel's limits.

Before a message is sent it is marked as being sent, and afterwards as told. A run that dies in between leaves the mark,
and a minute later another run sends the message again under the same key.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from msgspec.structs import replace

from chargeback.domain.alerts.telling import LEASE, Telling, TellingState, attempted, dropped, failed, postponed, told
from chargeback.domain.errors import StoreUnavailable, Superseded
from chargeback.log_line import log_line
from chargeback.services.alerts.channel_states import LONGEST_PAUSE, ChannelState, ChannelStates
from chargeback.services.alerts.collect_digests import DigestCollector
from chargeback.services.alerts.letters import AlertLetter, DigestLetter, Letter, Mark
from chargeback.services.ports.channels import AlertChannel, Outcome
from chargeback.services.ports.outbox import Digests, Outbox

log = logging.getLogger(__name__)

MOST_SEND_SECONDS = 30.0
"""How long a channel may take for one message: half of the time after which its sender is treated as dead."""

PATIENCE = timedelta(seconds=10)
"""A run waits so long for a channel's limit; what takes longer is left to a later run."""

_MARK_AGAIN_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Timing:
    """Where the time comes from, and how it is waited for."""

    now: Callable[[], datetime]
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


class _LeaseLostError(Exception):
    """Another run has treated this one as dead, and sends now."""


class ChannelTeller:
    """One run over one channel."""

    def __init__(
        self,
        channel: AlertChannel,
        outbox: Outbox,
        digests: Digests,
        states: ChannelStates,
        *,
        run: str,
        timing: Timing,
    ) -> None:
        """`run`: what tells this run from every other."""
        self._channel = channel
        self._outbox = outbox
        self._digests = digests
        self._states = states
        self._run = run
        self._timing = timing
        self._collector = DigestCollector(outbox, digests)
        self._state = ChannelState(channel.id)
        self._token: str | None = None
        self.sent = 0

    async def tell(self, until: datetime) -> None:
        """Tell what is due, until nothing is, the channel takes nothing more, or the time is over.

        Who comes while another run sends leaves it to that run, which looks once more after it has let go.
        """
        while await self._has_due() and await self._take():
            try:
                went_on = await self._tell_due(until)
            except _LeaseLostError:
                return
            finally:
                await self._let_go()
            if not went_on:
                return

    async def _has_due(self) -> bool:
        now = self._timing.now()
        return bool(await self._outbox.due(self._channel.id, now) or await self._digests.due(self._channel.id, now))

    async def _take(self) -> bool:
        """Whether this run may send now."""
        now = self._timing.now()
        self._state, self._token = await self._states.get(self._channel.id)
        if not self._state.is_free(self._run, now) or self._state.is_paused(now + PATIENCE):
            return False
        try:
            await self._keep(self._state.held(self._run, now))
        except _LeaseLostError:
            return False
        return True

    async def _let_go(self) -> None:
        with suppress(StoreUnavailable, _LeaseLostError):
            if self._state.holder == self._run:
                await self._keep(self._state.released())

    async def _keep(self, state: ChannelState) -> None:
        try:
            self._token = await self._states.swap(state, self._token)
        except Superseded as error:
            self._state = replace(self._state, holder="")
            raise _LeaseLostError from error
        self._state = state

    async def _tell_due(self, until: datetime) -> bool:
        """Whether everything that was due has been told."""
        async for letter in self._letters():
            if self._state.gone:
                await self._give_up(letter)
                continue
            if not await self._wait(until):
                return False
            await self._send(letter)
        return True

    async def _letters(self) -> AsyncIterator[Letter]:
        """What is due, the longest waiting first; what waits for a digest is collected on the way."""
        channel, now = self._channel.id, self._timing.now()
        for kept in await self._outbox.due(channel, now):
            turn = kept.alert.next_turn(channel)
            if turn is None:
                continue
            if kept.alert.turns[turn].tellings[channel].digest:
                await self._collector.settle(kept.alert, turn, channel, self._timing.now())
            else:
                yield AlertLetter(self._outbox, kept.alert.id, turn, channel)
        for digest in await self._digests.due(channel, self._timing.now()):
            yield DigestLetter(self._outbox, self._digests, digest.digest.id)

    async def _wait(self, until: datetime) -> bool:
        """Wait until the channel takes a message; False where that takes too long."""
        now = self._timing.now()
        free = max(self._state.free_at(self._channel.paces) or now, self._state.paused_until or now)
        if now >= until or max(free - now, timedelta()) > min(PATIENCE, until - now):
            return False
        if free > now:
            await self._timing.sleep((free - now).total_seconds())
        return True

    async def _send(self, letter: Letter) -> None:
        message = await letter.message()
        if message is None or not message.entries:
            await letter.mark(partial(_dropped, now=self._timing.now(), why="nothing of it is kept any more"))
            return
        now = self._timing.now()
        await self._keep(self._state.held(self._run, now).with_message(self._channel.paces, now))
        attempt = await letter.mark(partial(_begun, now=now))
        if attempt is None:
            return
        try:
            async with asyncio.timeout(MOST_SEND_SECONDS):
                outcome = await self._channel.send(message)
        except TimeoutError:
            outcome = Outcome(is_told=False, fault=f"no answer within {MOST_SEND_SECONDS:g} s")
        except Exception as error:  # noqa: BLE001 a message that cannot be sent holds up no other, here or elsewhere
            # Not its text, which may name an address and with it a secret.
            outcome = Outcome(is_told=False, fault=f"sending failed: {type(error).__name__}")
        await self._settle(letter, attempt, outcome)

    async def _settle(self, letter: Letter, attempt: Telling, outcome: Outcome) -> None:
        now = self._timing.now()
        self._state = self._state.with_answer(now)
        if outcome.is_told:
            self.sent += 1
            self._state = self._state.after_success()
            await self._mark_surely(letter, partial(_told, now=now), now)
            return
        if outcome.is_gone:
            self._state = replace(self._state, gone=outcome.fault or "gone")
            log_line(log, "alert_channel_gone", level=logging.WARNING, channel=self._channel.id, reason=outcome.fault)
        elif outcome.may_retry:
            self._state = self._state.after_failure(now, outcome.after)
        marked = await self._mark_surely(letter, partial(_failed, attempt=attempt, outcome=outcome, now=now), now)
        if marked is not None and marked.state is TellingState.GIVEN_UP:
            self._log_given_up(letter, marked)

    async def _give_up(self, letter: Letter) -> None:
        marked = await letter.mark(partial(_given_up, now=self._timing.now(), fault=self._state.gone))
        if marked is not None:
            self._log_given_up(letter, marked)

    def _log_given_up(self, letter: Letter, telling: Telling) -> None:
        log_line(
            log,
            "alert_given_up",
            about=letter.id,
            level=logging.WARNING,
            channel=self._channel.id,
            attempts=telling.attempts,
            reason=telling.fault,
        )

    async def _mark_surely(self, letter: Letter, mark: Mark, since: datetime) -> Telling | None:
        """Mark what became of an attempt, however often the outbox is away while nobody else may repeat it."""
        while True:
            try:
                return await letter.mark(mark)
            except StoreUnavailable:
                if self._timing.now() - since > LEASE:
                    raise
                await self._timing.sleep(_MARK_AGAIN_SECONDS)


def _begun(telling: Telling, now: datetime) -> Telling | None:
    return attempted(telling, now) if telling.due is not None and telling.due <= now else None


def _told(telling: Telling, now: datetime) -> Telling | None:
    """Also where another run has begun to repeat it."""
    return None if telling.is_over else told(telling, now)


def _failed(telling: Telling, attempt: Telling, outcome: Outcome, now: datetime) -> Telling | None:
    """Only if it is still this attempt that is under way."""
    if telling != attempt:
        return None
    if outcome.may_retry and not outcome.is_gone and outcome.after is not None:
        return postponed(telling, now + min(outcome.after, LONGEST_PAUSE), outcome.fault)
    return failed(telling, now, outcome.fault, again=outcome.may_retry and not outcome.is_gone)


def _given_up(telling: Telling, now: datetime, fault: str) -> Telling | None:
    return None if telling.is_over else failed(telling, now, fault, again=False)


def _dropped(telling: Telling, now: datetime, why: str) -> Telling | None:
    return None if telling.is_over else dropped(telling, now, why)
