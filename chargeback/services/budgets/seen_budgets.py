"""Which budgets somebody may see, and which ids an owner may give."""

from chargeback.domain.access.permissions import Permission, may_see_cost_centre, refusal
from chargeback.domain.access.requester import Requester
from chargeback.domain.budgets.budget import Scope, ScopeKind


def may_see_scope(who: Requester, scope: Scope) -> bool:
    """Whether somebody sees all usage of a scope, and so how its budgets stand."""
    if refusal(who, Permission.READ_COSTS) is not None:
        return False
    own = who.scope.own
    match scope.kind:
        case _ if who.scope.everything:
            return True
        case ScopeKind.COST_CENTRE:
            return may_see_cost_centre(who, scope.value)
        case ScopeKind.USER:
            return own is not None and bool(own.object_id) and scope.value.casefold() == own.object_id.casefold()
        case ScopeKind.APP:
            return own is not None and bool(own.app_id) and scope.value == f"{own.tenant_id}/{own.app_id}"
    return False


def is_own_name(who: Requester, budget: str, centre: str) -> bool:
    """Whether somebody may give this id to a budget of a cost centre: an owner's begins with the cost centre.

    Else an owner could take an id that others want, and learn from a refusal which ids others have.
    """
    return who.scope.everything or budget == centre or budget.startswith(f"{centre}/")
