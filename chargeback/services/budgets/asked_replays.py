"""Replays a budget over a month for people who ask over HTTP, and keeps what came of it.

A replay reads the ledger of all days of the month, so it is long work.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

import msgspec

from chargeback.domain.budgets.budget import Action, Budget, Measure
from chargeback.domain.budgets.replaying import BudgetReplay, ReplayedWindow
from chargeback.domain.errors import InvalidRequest, Superseded
from chargeback.domain.time.months import Month
from chargeback.services.budgets.overrides import BudgetOverrides
from chargeback.services.budgets.replay import BudgetReplayer
from chargeback.services.operations.operation import OperationRecord
from chargeback.services.ports.control import Control

KIND = "budget-replay"

MOST_KEPT = 12
"""Replays of a budget that are kept: the latest ones."""


class KeptStep(msgspec.Struct, frozen=True):
    """A step that would have been reached in the UTC hour from `at` on.

    Attributes:
        calls: those that came while no more severe step was reached.
        cost: theirs.
    """

    percent: Decimal
    action: Action
    of: Measure
    at: datetime
    calls: int
    cost: Decimal


class KeptWindow(msgspec.Struct, frozen=True):
    """One window of a replayed budget: see `ReplayedWindow`. `first` and `last` are its dates."""

    first: str
    last: str
    carried: Decimal
    limit: Decimal
    spent: Decimal
    overrun: Decimal
    calls: int
    unknown: int
    steps: tuple[KeptStep, ...]


class KeptReplay(msgspec.Struct, frozen=True):
    """What a budget would have done in a month.

    Attributes:
        operation: the id of the long work that found it out.
        at: when somebody asked for it.
        by: who did.
        budget: as it was replayed.
        is_trial: whether that was another amount or other steps than the budget's own.
        lost: events that the ledger lost or that cannot be read; they are in no figure.
    """

    operation: str
    month: str
    at: datetime
    by: str
    budget: Budget
    is_trial: bool
    lost: int
    windows: tuple[KeptWindow, ...]


class ReplayHistory(msgspec.Struct, frozen=True):
    """The latest replays of a budget, the newest first."""

    budget: str
    kept: tuple[KeptReplay, ...] = ()


@dataclass(frozen=True, slots=True)
class AskedReplays:
    """The only owner of the documents of this kind.

    Attributes:
        replayer: replays at what is in force then.
    """

    control: Control
    overrides: BudgetOverrides
    replayer: Callable[[], Awaitable[BudgetReplayer]]

    async def latest(self, budget: str) -> ReplayHistory:
        """The latest replays of a budget."""
        return (await self._history(budget))[0]

    async def replay(self, operation: OperationRecord) -> Mapping[str, str]:
        """Find out what a budget would have done, and keep it."""
        order = operation.order
        if order.budget is None:
            raise InvalidRequest("the order names no budget")
        replayer = await self.replayer()
        overrides = () if order.is_trial else await self.overrides.all()
        found = await replayer.replay([order.budget], Month(order.period), overrides)
        (replayed,) = found.replays
        await self._keep(
            KeptReplay(
                operation.id,
                order.period,
                operation.asked_at,
                order.by,
                order.budget,
                order.is_trial,
                found.lost,
                _windows(replayed),
            )
        )
        return {"budget": order.budget.id, "period": order.period}

    async def _keep(self, replay: KeptReplay) -> None:
        while True:
            known, token = await self._history(replay.budget.id)
            others = [each for each in known.kept if each.operation != replay.operation]
            kept = tuple(sorted([replay, *others], key=lambda each: each.at, reverse=True)[:MOST_KEPT])
            history = ReplayHistory(replay.budget.id, kept)
            try:
                await self.control.swap(KIND, _name(replay.budget.id), msgspec.to_builtins(history), token)
            except Superseded:
                continue
            return

    async def _history(self, budget: str) -> tuple[ReplayHistory, str | None]:
        known = await self.control.get_versioned(KIND, _name(budget))
        return (msgspec.convert(known[0], ReplayHistory), known[1]) if known else (ReplayHistory(budget), None)


def _windows(replayed: BudgetReplay) -> tuple[KeptWindow, ...]:
    return tuple(map(_window, replayed.windows))


def _window(found: ReplayedWindow) -> KeptWindow:
    *_, last = found.window.dates()
    steps = (
        KeptStep(each.step.percent, each.step.action, each.step.of, each.at.astimezone(UTC), each.calls, each.cost)
        for each in found.steps
    )
    return KeptWindow(
        found.window.first.isoformat(),
        last.isoformat(),
        found.carried,
        found.limit,
        found.spent,
        found.overrun,
        found.calls,
        found.unknown,
        tuple(steps),
    )


def _name(budget: str) -> str:
    """The name of a document may have no slash; no budget has a colon in its name."""
    return budget.replace("/", ":")
