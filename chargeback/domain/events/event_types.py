"""The types of usage events, which say whether the tokens of a call are known, awaited, or were never used."""

from enum import StrEnum


class EventType(StrEnum):
    """What a usage event tells of its call.

    Attributes:
        RECORDED: the call has ended and this is what it used.
        PENDING: the call was made; what it used is told by a later event.
        SETTLED: what a pending call used.
        REJECTED: the gateway refused the call, or the provider did: it used nothing.
    """

    RECORDED = "chargeback.usage.recorded.v1"
    PENDING = "chargeback.usage.pending.v1"
    SETTLED = "chargeback.usage.settled.v1"
    REJECTED = "chargeback.usage.rejected.v1"


class UsageSource(StrEnum):
    """Where a settled event has its usage from if its own answer did not tell: its `usageSource`.

    Attributes:
        LOG: the gateway's log of tokens, for a call that has its own pending event.
        LOG_ALONE: that log, which is the only one to know of the call.
        ESTIMATED: the length of what was sent and similar calls.
    """

    LOG = "gateway-log"
    LOG_ALONE = "gateway-log-alone"
    ESTIMATED = "estimated"
