"""Who may do what: the only table of it, which the API, the command line and the page ask."""

from dataclasses import dataclass
from enum import StrEnum

from chargeback.domain.access.app_roles import AppRole
from chargeback.domain.access.requester import Requester
from chargeback.domain.cost_centres.tree import is_within

_USER, _OWNER, _FINANCE = AppRole.USER, AppRole.OWNER, AppRole.FINANCE
_AUDITOR, _OPERATOR = AppRole.AUDITOR, AppRole.OPERATOR


class Permission(StrEnum):
    """Something that somebody may do or not."""

    READ_OWN_USAGE = "own usage: read"
    READ_COSTS = "costs: read"
    READ_PRICES = "prices: read"
    DOWNLOAD_FILES = "files of periods: download"
    CHANGE_BUDGETS = "budgets: change"
    CHANGE_PERIODS = "periods: change"
    READ_SET_ASIDE = "set aside: read"
    REPAIR = "set aside: repair"
    READ_AUDIT_LOG = "audit log: read"
    CHANGE_CONFIGURATION = "configuration: change"


class Refusal(StrEnum):
    """Why somebody may not do something."""

    HIDDEN = "hidden"
    """They may not even know the thing: it does not exist for them (404)."""
    FORBIDDEN = "forbidden"
    """They may see the thing, but not do that to it (403)."""


@dataclass(frozen=True, slots=True)
class _Rule:
    """Who may do something; an admin may do everything.

    Attributes:
        allowed: any of these roles is enough.
        seen_by: who may see what it is done to, in addition.
        by_anyone: no role is needed, only a token of the tenant.
    """

    allowed: frozenset[AppRole] = frozenset()
    seen_by: frozenset[AppRole] = frozenset()
    by_anyone: bool = False


def _by(*allowed: AppRole, seen_by: tuple[AppRole, ...] = ()) -> _Rule:
    return _Rule(frozenset(allowed), frozenset(seen_by))


_RULES: dict[Permission, _Rule] = {
    Permission.READ_OWN_USAGE: _Rule(by_anyone=True),
    Permission.READ_COSTS: _by(_USER, _OWNER, _FINANCE, _AUDITOR),
    Permission.READ_PRICES: _by(_USER, _OWNER, _FINANCE, _AUDITOR, _OPERATOR),
    Permission.DOWNLOAD_FILES: _by(_OWNER, _FINANCE, _AUDITOR),
    Permission.CHANGE_BUDGETS: _by(_OWNER, _FINANCE, seen_by=(_USER, _AUDITOR)),
    Permission.CHANGE_PERIODS: _by(_FINANCE, seen_by=(_USER, _OWNER, _AUDITOR)),
    Permission.READ_SET_ASIDE: _by(_AUDITOR, _OPERATOR),
    Permission.REPAIR: _by(_OPERATOR, seen_by=(_AUDITOR,)),
    Permission.READ_AUDIT_LOG: _by(_AUDITOR),
    Permission.CHANGE_CONFIGURATION: _by(seen_by=(_FINANCE, _AUDITOR, _OPERATOR)),
}


def holders(permission: Permission) -> tuple[AppRole, ...]:
    """The roles that may do something, in their order; anybody where no role is needed."""
    rule = _RULES[permission]
    return tuple(role for role in AppRole if role is AppRole.ADMIN or role in rule.allowed)


SEES_EVERYTHING = frozenset({_FINANCE, _AUDITOR, AppRole.ADMIN})
"""Roles that see every row of the costs."""


def refusal(requester: Requester, permission: Permission) -> Refusal | None:
    """Why somebody may not do something at all; None where they may, as far as their scope reaches."""
    rule = _RULES[permission]
    if rule.by_anyone or requester.has_any(*rule.allowed):
        return None
    return Refusal.FORBIDDEN if requester.has_any(*rule.seen_by) else Refusal.HIDDEN


def may_see_cost_centre(requester: Requester, path: str) -> bool:
    """Whether somebody sees all that a cost centre pays, and so its statements and its budgets."""
    return refusal(requester, Permission.READ_COSTS) is None and requester.scope.has_cost_centre(path)


def may_limit_cost_centre(requester: Requester, path: str) -> bool:
    """Whether somebody sets the budgets of a cost centre.

    An owner sets those below the own cost centres, and not their own limit: that is for whoever gives them the money.
    """
    if requester.scope.everything:
        return refusal(requester, Permission.CHANGE_BUDGETS) is None
    if refusal(requester, Permission.CHANGE_BUDGETS) is not None:
        return False
    return any(path != top and is_within(path, top) for top in requester.scope.cost_centres)
