"""What an answer means for a message: told, to be tried again, or refused for good."""

import re
from collections.abc import Awaitable, Callable, Collection
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from chargeback.adapters.channels.outbound import OutboundAnswer, OutboundFailed, OutboundRefused
from chargeback.domain.alerts.plain_text import plain_text
from chargeback.domain.errors import StoreUnavailable
from chargeback.services.ports.channels import Outcome

TOLD = Outcome(is_told=True)

_FAULT_LENGTH = 200
UNUSABLE = (400, 413, 422)
"""Anything else may be repaired: a key, a permission."""

_SECONDS = re.compile(r"\d{1,9}(\.\d*)?", re.A)


def refused(fault: str) -> Outcome:
    """The channel takes this message at no time."""
    return Outcome(is_told=False, may_retry=False, fault=plain_text(fault, _FAULT_LENGTH))


def failed_for_now(fault: str, after: timedelta | None = None) -> Outcome:
    """Another attempt may succeed."""
    return Outcome(is_told=False, may_retry=True, after=after, fault=plain_text(fault, _FAULT_LENGTH))


def outcome_of(answer: OutboundAnswer, now: datetime, unusable: Collection[int] = UNUSABLE) -> Outcome:
    """The outcome as most services mean their status codes; a redirection is a failure.

    `unusable`: the codes that say that the message itself is wrong, so that no repetition helps.
    """
    if 200 <= answer.status < 300:
        return TOLD
    fault = f"answered {answer.status} {answer.body}"
    if answer.status in unusable:
        return refused(fault)
    return failed_for_now(fault, wait_of(answer.retry_after, now))


def wait_of(header: str, now: datetime) -> timedelta | None:
    """How long a `Retry-After` asks to wait, in seconds or until a date; None where it says nothing readable."""
    if _SECONDS.fullmatch(header):
        return timedelta(seconds=float(header))
    try:
        until = parsedate_to_datetime(header)
        until = until if until.tzinfo else until.replace(tzinfo=UTC)
        return max(until - now, timedelta())
    except (ValueError, TypeError, OverflowError):
        return None


async def after_attempt(attempt: Callable[[], Awaitable[Outcome]]) -> Outcome:
    """The outcome of an attempt, also where no answer came or a secret could not be read."""
    try:
        return await attempt()
    except (OutboundFailed, StoreUnavailable) as error:
        return failed_for_now(str(error))
    except OutboundRefused as error:
        # Somebody has to change the configuration or the secret; the next attempt sees it.
        return failed_for_now(f"not sent: {error}")
