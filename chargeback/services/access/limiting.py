"""Who may set the limit of which budget."""

from chargeback.domain.access.permissions import Permission, may_limit_cost_centre, refusal
from chargeback.domain.access.requester import Requester
from chargeback.domain.budgets.budget import Scope, ScopeKind


def may_limit(requester: Requester, scope: Scope) -> bool:
    """Whether somebody sets the budgets of a scope: owners those of cost centres below their own, finance each."""
    if refusal(requester, Permission.CHANGE_BUDGETS) is not None:
        return False
    if requester.scope.everything:
        return True
    return scope.kind is ScopeKind.COST_CENTRE and may_limit_cost_centre(requester, scope.value)
