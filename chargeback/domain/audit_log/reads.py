"""Which reads are of the data of others and tell what they cost: the one place that decides it.

What somebody used under the own identity is theirs. Everything else that stands in the books is about others: figures,
budgets, forecasts, files, explanations, alerts, unpriced and unsettled usage, and the audit log itself.
"""

from chargeback.domain.access.requester import RowScope


def others_in(scope: RowScope) -> str:
    """Whose data somebody reads who sees these rows; empty where they are the own ones alone."""
    if scope.everything:
        return "everything"
    return f"cost-centre:{','.join(sorted(scope.cost_centres))}" if scope.cost_centres else ""
