"""Which budgets a line counts towards: the scopes that budgets name, matched with the line and its cost centre."""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property, lru_cache
from hashlib import blake2b

from chargeback.domain.budgets.budget import Budget, Scope, ScopeKind
from chargeback.domain.cost_centres.tree import with_ancestors
from chargeback.domain.deployments.served_model import base_model, without_snapshot
from chargeback.domain.usage.lines import Line

_OBJECT_ID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")

EVERYTHING = Scope(ScopeKind.ALL)


class WatchedScopes:
    """The scopes that budgets name. Spend is kept for these alone, so that it stays small.

    A cost centre below one with a budget is watched, too: what it spends counts for the one above.
    """

    def __init__(self, budgets: Iterable[Budget]) -> None:
        named = {budget.scope for budget in budgets}
        self._named = frozenset(scope for scope in named if scope.kind is not ScopeKind.COST_CENTRE)
        self._by_value = {kind: {scope.value: scope for scope in self._named if scope.kind is kind} for kind in _VALUES}
        self._kinds = [kind for kind in _VALUES if self._by_value[kind]]
        self._centres = {scope.value: scope for scope in named if scope.kind is ScopeKind.COST_CENTRE}
        self._of_payer = lru_cache(maxsize=4_096)(self._find_of_payer)

    @property
    def is_empty(self) -> bool:
        """Whether no budget names any."""
        return not (self._named or self._centres)

    @cached_property
    def digest(self) -> str:
        """Identifies this set of scopes: other scopes have another digest."""
        names = "\n".join(sorted(map(str, [*self._named, *self._centres.values()])))
        return blake2b(names.encode(), digest_size=16).hexdigest()

    def above(self, scope: Scope) -> tuple[Scope, ...]:
        """The scopes of budgets that spend of a scope counts towards; for a cost centre, also those above it."""
        if scope.kind is not ScopeKind.COST_CENTRE:
            return (scope,) if scope in self._named else ()
        return tuple(self._centres[path] for path in with_ancestors(scope.value) if path in self._centres)

    def of(self, line: Line, cost_centre: str) -> tuple[Scope, ...]:
        """The watched scopes that usage of a line counts towards if this cost centre pays for it."""
        named = [
            scope
            for kind in self._kinds
            for value in _VALUES[kind](line)
            if (scope := self._by_value[kind].get(value)) is not None
        ]
        return (*named, *self._of_payer(cost_centre))

    def _find_of_payer(self, cost_centre: str) -> tuple[Scope, ...]:
        is_watched = any(path in self._centres for path in with_ancestors(cost_centre))
        return (Scope(ScopeKind.COST_CENTRE, cost_centre),) if is_watched else ()


# What a line has of each kind; an absent dimension is empty, and no budget names that.
_VALUES: Mapping[ScopeKind, Callable[[Line], Iterable[str]]] = {
    ScopeKind.SUBSCRIPTION: lambda line: (line.subscription,),
    ScopeKind.APP: lambda line: (f"{line.tenant}/{line.app}",) if line.app else (),
    ScopeKind.PRODUCT: lambda line: (line.product,),
    ScopeKind.USER: lambda line: {line.user_object_id, "" if is_object_id(line.user) else line.user},
    ScopeKind.MODEL: lambda line: (model_of(line),),
    ScopeKind.ALL: lambda _: (EVERYTHING.value,),
}


def is_object_id(name: str) -> bool:
    """Whether a name that a client claims looks like an Entra object id, and so could spend another user's budget."""
    return _OBJECT_ID.fullmatch(name) is not None


def model_of(line: Line) -> str:
    """The model of a line as budgets name it: without snapshot and fine-tuning; the deployment if no model answered."""
    return without_snapshot(base_model(line.model)) if line.model else line.deployment.casefold()
