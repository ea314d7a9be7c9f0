"""When a billing period may move on: open → closing → closed, and never back.

While it is open its files are drafts. An attempt at closing makes it `closing`; an attempt that fails leaves it open.
An attempt that succeeds makes it `closed`, and from then on every change is a correction in a later period.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from hashlib import blake2b

import msgspec

from chargeback.domain.errors import PeriodClosed
from chargeback.domain.periods.approval import Approval
from chargeback.domain.periods.obstacles import ObstacleKind
from chargeback.domain.time.days import UtcDay
from chargeback.domain.time.months import Month

DEAD_AFTER = timedelta(hours=1)
"""An attempt at closing that began longer ago is dead: the timer's own ends after half an hour (`functionTimeout`)."""


class PeriodState(StrEnum):
    """How far a period is."""

    OPEN = "open"
    CLOSING = "closing"
    CLOSED = "closed"


class PeriodChange(msgspec.Struct, frozen=True, rename="camel"):
    """An entry of a period's history.

    Attributes:
        what: `closing` (an attempt began), `given up` (it failed), `closed`, `rated anew` (rated again), `approved`,
            `approval withdrawn` or `approval lapsed`.
        at: UTC.
        by: who did it, a person or the timer.
        reason: why, where the command asks for one.
        version: the configuration that rates the period's usage from then on.
        overridden: what else would have kept the period open.
    """

    what: str
    at: datetime
    by: str
    reason: str = ""
    version: str = ""
    overridden: tuple[str, ...] = ()


class BillingPeriod(msgspec.Struct, frozen=True, rename="camel"):
    """A billing period as the control documents keep it; one without a document is open.

    Attributes:
        month: YYYY-MM, which names it.
        attempt: the attempt at closing that began last; the only one that can succeed.
        version: name of the stored configuration that rates the period's usage; empty while open.
        closed_with: the configuration that it was closed with.
        manifest: SHA-256 of the closed manifest, which names every file with its own; empty while open.
        fences: what the closed files were made from: period → UTC day → fence of the books, for the period itself and
            for the closed periods whose corrections it carries.
        true_up: identifies the true-up document that the closed files were made with; empty where there was none.
        true_ups: closed period whose corrections it carries → identifies the true-up that they were made with.
        is_filed: whether every file is where closed files belong.
        is_delivered: whether the FinOps hub, if there is one, has the final figures.
        approval: the latest approval, also one that lapsed; None where there is none, or it was withdrawn.
        history: who did what, when and why; the latest last.
    """

    month: Month = msgspec.field(name="period")
    state: PeriodState = PeriodState.OPEN
    attempt: str = ""
    version: str = ""
    closed_with: str = ""
    manifest: str = ""
    fences: dict[Month, dict[UtcDay, str]] = {}
    true_up: str = ""
    true_ups: dict[Month, str] = {}
    is_filed: bool = False
    is_delivered: bool = False
    approval: Approval | None = None
    history: tuple[PeriodChange, ...] = ()


@dataclass(frozen=True, slots=True)
class ClosingStatus:
    """The facts that decide whether a period may be closed.

    Attributes:
        period: YYYY-MM.
        ends: the end of the period, UTC.
        grace_ends: when the timer may close it.
        oldest: the oldest open period: only that one can be closed.
        unaudited: its UTC days that were not audited since it ended, or were marked again.
    """

    period: Month
    ends: datetime
    grace_ends: datetime
    oldest: Month
    unaudited: Sequence[UtcDay] = ()


def refusals(status: ClosingStatus, now: datetime, *, by_timer: bool, remedy: str) -> list[str]:
    """The obstacles that no override removes: the period has to wait, or something has to be done first.

    `remedy`: what to do about days that were not audited.
    """
    return [reason for _, reason in firm_obstacles(status, now, by_timer=by_timer, remedy=remedy)]


def firm_obstacles(
    status: ClosingStatus, now: datetime, *, by_timer: bool, remedy: str
) -> Iterator[tuple[ObstacleKind, str]]:
    """The same with the kind of each."""
    if now < status.ends:
        yield ObstacleKind.NOT_OVER, f"it ends at {_minute(status.ends)}; until then it is open"
    elif by_timer and now < status.grace_ends:
        yield (
            ObstacleKind.NOT_OVER,
            f"its grace period ends at {_minute(status.grace_ends)}; before that only a person closes it",
        )
    if status.oldest < status.period:
        yield (
            ObstacleKind.ORDER,
            f"{status.oldest} is not closed yet, and periods close in order: close {status.oldest} first",
        )
    if status.oldest > status.period:
        yield (
            ObstacleKind.ORDER,
            f"it lies before {status.oldest}, where the open books begin: usage of that time is a correction there",
        )
    if status.unaudited:
        named = ", ".join(status.unaudited)
        yield ObstacleKind.UNAUDITED, f"not audited since it ended: {named}; {remedy}"


def begun(period: BillingPeriod, attempt: str, version: str, change: PeriodChange) -> BillingPeriod:
    """The period as an attempt at closing begins: its usage is rated with `version` from now on."""
    _require(period, PeriodState.OPEN, PeriodState.CLOSING)
    return msgspec.structs.replace(
        period, state=PeriodState.CLOSING, attempt=attempt, version=version, history=(*period.history, change)
    )


def given_up(period: BillingPeriod, change: PeriodChange) -> BillingPeriod:
    """The period after a failed attempt: open, and that attempt cannot succeed any more."""
    _require(period, PeriodState.CLOSING)
    return msgspec.structs.replace(
        period, state=PeriodState.OPEN, attempt="", version="", history=(*period.history, change)
    )


def is_dead(period: BillingPeriod, now: datetime) -> bool:
    """Whether the attempt that is closing the period began so long ago that no run can be working on it any more."""
    return period.state is PeriodState.CLOSING and bool(period.history) and period.history[-1].at < now - DEAD_AFTER


def concluded(
    period: BillingPeriod,
    manifest: str,
    fences: dict[Month, dict[UtcDay, str]],
    change: PeriodChange,
    *,
    true_up: str = "",
    true_ups: dict[Month, str] | None = None,
) -> BillingPeriod:
    """The period as its attempt succeeds."""
    _require(period, PeriodState.CLOSING)
    return msgspec.structs.replace(
        period,
        state=PeriodState.CLOSED,
        closed_with=period.version,
        manifest=manifest,
        fences=fences,
        true_up=true_up,
        true_ups=true_ups or {},
        history=(*period.history, change),
    )


def filed(period: BillingPeriod) -> BillingPeriod:
    """The closed period once all its files are in their place."""
    _require(period, PeriodState.CLOSED)
    return msgspec.structs.replace(period, is_filed=True)


def delivered(period: BillingPeriod) -> BillingPeriod:
    """The closed period once the FinOps hub has its final figures."""
    _require(period, PeriodState.CLOSED)
    return msgspec.structs.replace(period, is_delivered=True)


def rated_anew(period: BillingPeriod, version: str, change: PeriodChange) -> BillingPeriod:
    """The closed period whose usage is rated with another configuration from now on; its files stay as they are."""
    if period.state is not PeriodState.CLOSED:
        raise PeriodClosed(
            f"{period.month} is {period.state}, not closed: apply the corrected configuration, and its usage is rated"
            " with that until it closes"
        )
    return msgspec.structs.replace(period, version=version, history=(*period.history, change))


def approved(period: BillingPeriod, approval: Approval) -> BillingPeriod:
    """The open period with somebody's approval."""
    _require(period, PeriodState.OPEN)
    change = PeriodChange("approved", approval.at, approval.by, approval.reason, approval.version)
    return msgspec.structs.replace(period, approval=approval, history=(*period.history, change))


def withdrawn(period: BillingPeriod, change: PeriodChange) -> BillingPeriod:
    """The period without its approval; an attempt at closing it cannot succeed any more."""
    _require(period, PeriodState.OPEN, PeriodState.CLOSING)
    return msgspec.structs.replace(period, approval=None, history=(*period.history, change))


def lapsed(period: BillingPeriod, change: PeriodChange) -> BillingPeriod:
    """The period whose approval no longer counts, with the reason of the change."""
    _require(period, PeriodState.OPEN, PeriodState.CLOSING)
    assert period.approval is not None
    approval = msgspec.structs.replace(period.approval, lapsed=change.reason)
    return msgspec.structs.replace(period, approval=approval, history=(*period.history, change))


def latest_fences(closed: Sequence[BillingPeriod], period: Month) -> dict[UtcDay, str]:
    """UTC day → the fence of the books that a closed period's billed figures, corrections included, were made from."""
    fences: dict[UtcDay, str] = {}
    for each in sorted(closed, key=lambda one: one.month):
        fences |= each.fences.get(period, {})
    return fences


def latest_true_up(closed: Sequence[BillingPeriod], period: Month) -> str:
    """Identifies the true-up that a closed period's billed figures, corrections included, were made with."""
    found = {each.month: each.true_up for each in closed}.get(period, "")
    for each in sorted(closed, key=lambda one: one.month):
        found = each.true_ups.get(period, found)
    return found


def fence_of(tokens: Mapping[int, str]) -> str:
    """One fence for all shards of a day; it changes with every write of any of them."""
    return blake2b(msgspec.json.encode(sorted(tokens.items())), digest_size=12).hexdigest()


def _require(period: BillingPeriod, *states: PeriodState) -> None:
    if period.state not in states:
        raise PeriodClosed(f"{period.month} is {period.state}, not {' or '.join(states)}")


def _minute(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
