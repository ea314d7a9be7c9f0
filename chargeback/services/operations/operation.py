"""Long work that somebody asked for: what it is, how far it is, and the list of what is still to be done."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import msgspec
from msgspec import field
from msgspec.structs import replace

from chargeback.domain.audit_log.actor import Actor
from chargeback.domain.budgets.budget import Budget
from chargeback.domain.errors import Conflict, NotThere, Superseded
from chargeback.services.ports.control import Control

KIND = "operation"
_LIST = "list"

MOST_WAITING = 100
"""How many may wait."""

MOST_OF_ONE = 30
"""How many of one person may wait; who asks for more has a program that goes round in circles, and others wait, too."""

MOST_REMEMBERED = 100
"""How many of those that ended the list names; each can be read by its id for ever."""


class OperationKind(StrEnum):
    """What is to be done."""

    CLOSE = "closePeriod"
    CORRECT = "correctPeriod"
    TRUE_UP = "trueUpPeriod"
    REMOVE_TRUE_UP = "removeTrueUp"
    PUBLISH = "publishDraft"
    RECONCILE = "reconcilePeriod"
    REPLAY = "replayQuarantine"
    RETRY = "retrySetAside"
    REPLAY_BUDGET = "replayBudget"


class OperationState(StrEnum):
    """How far an operation is, in the words of Azure."""

    NOT_STARTED = "NotStarted"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"

    @property
    def is_over(self) -> bool:
        """Whether it stays as it is."""
        return self in (OperationState.SUCCEEDED, OperationState.FAILED)


class OperationOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody asked for.

    Attributes:
        period: the month, where it is about one.
        by: whom records name.
        reason: why; with `override`, why it is done in spite of what speaks against it.
        override: whether it is.
        budget: the one to replay, as it is to be replayed; `is_trial`: with another amount or other steps than its own.
    """

    kind: OperationKind
    actor: Actor
    by: str
    period: str = ""
    reason: str = ""
    override: bool = False
    budget: Budget | None = None
    is_trial: bool = False


class OperationRecord(msgspec.Struct, frozen=True, kw_only=True):
    """An operation as it is now.

    Attributes:
        asked_at: when somebody asked for it; what is done is done at this time.
        changed_at: when its state was written last.
        tries: how often somebody began it.
        until: when whoever works on it is given up, unless they say again that they do.
        result: what came of it, by name.
        error: why it failed: a code, and a message for people.
    """

    id: str
    order: OperationOrder
    asked_at: datetime
    changed_at: datetime
    state: OperationState = OperationState.NOT_STARTED
    tries: int = 0
    until: datetime | None = None
    result: dict[str, str] = field(default_factory=dict)
    error: tuple[str, str] | None = None


class _Listed(msgspec.Struct, frozen=True):
    """The ids of what is to be done, and of what ended last, each in order; `actors`: who asked for what waits."""

    waiting: tuple[str, ...] = ()
    ended: tuple[str, ...] = ()
    actors: dict[str, str] = {}


@dataclass(frozen=True, slots=True)
class Operations:
    """The only owner of the documents of this kind."""

    control: Control

    async def ask(self, id_: str, order: OperationOrder, now: datetime) -> OperationRecord:
        """Begin an operation; one with the same id and order is the same. Raises `Conflict` for another order."""
        listed, _ = await self._list()
        if id_ not in listed.waiting:
            _require_room(listed, order.actor)
        made = OperationRecord(id=id_, order=order, asked_at=now, changed_at=now)
        try:
            await self.control.swap(KIND, id_, msgspec.to_builtins(made), None)
        except Superseded:
            made, _ = await self.get(id_)
            if made.order != replace(order, actor=made.order.actor):  # the request that came first did it
                raise Conflict(f"the operation {id_} is another one") from None
        if not made.state.is_over:
            await self._change_list(lambda each: _with(each, id_, order.actor))
        return made

    async def get(self, id_: str) -> tuple[OperationRecord, str]:
        """An operation with its token. Raises `NotThere`."""
        known = await self.control.get_versioned(KIND, id_) if id_ != _LIST else None
        if known is None:
            raise NotThere(f"there is no operation {id_!r}")
        return msgspec.convert(known[0], OperationRecord), known[1]

    async def put(self, operation: OperationRecord, after: str) -> str:
        """Write how far an operation is. Raises `Superseded` where somebody else wrote it since `after`."""
        token = await self.control.swap(KIND, operation.id, msgspec.to_builtins(operation), after)
        if operation.state.is_over:
            await self.take_off(operation.id)
        return token

    async def take_off(self, id_: str) -> None:
        """An operation is over."""
        await self._change_list(lambda each: _without(each, id_))

    async def waiting(self) -> tuple[str, ...]:
        """The ids of what is to be done, in the order in which it was asked for."""
        return (await self._list())[0].waiting

    async def latest(self) -> list[OperationRecord]:
        """What is to be done and what ended last, the newest first."""
        listed, _ = await self._list()
        found = [(await self.get(each))[0] for each in (*listed.ended, *listed.waiting)]
        return sorted(found, key=lambda each: each.asked_at, reverse=True)

    async def _list(self) -> tuple[_Listed, str | None]:
        known = await self.control.get_versioned(KIND, _LIST)
        return (msgspec.convert(known[0], _Listed), known[1]) if known else (_Listed(), None)

    async def _change_list(self, change: Callable[[_Listed], _Listed]) -> None:
        while True:
            listed, token = await self._list()
            changed = change(listed)
            if changed == listed:
                return
            try:
                await self.control.swap(KIND, _LIST, msgspec.to_builtins(changed), token)
            except Superseded:
                continue
            return


def _require_room(listed: _Listed, actor: Actor) -> None:
    if len(listed.waiting) >= MOST_WAITING:
        raise Conflict(f"{MOST_WAITING} operations wait already: wait until they are done")
    if [*listed.actors.values()].count(actor.id) >= MOST_OF_ONE:
        raise Conflict(f"{MOST_OF_ONE} operations of yours wait already: wait until they are done")


def _with(listed: _Listed, id_: str, actor: Actor) -> _Listed:
    if id_ in listed.waiting:
        return listed
    return replace(listed, waiting=(*listed.waiting, id_), actors={**listed.actors, id_: actor.id})


def _without(listed: _Listed, id_: str) -> _Listed:
    if id_ not in listed.waiting:
        return listed
    waiting = tuple(each for each in listed.waiting if each != id_)
    actors = {each: actor for each, actor in listed.actors.items() if each != id_}
    return _Listed(waiting, (*listed.ended, id_)[-MOST_REMEMBERED:], actors)
