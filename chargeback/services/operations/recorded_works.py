"""Has the audit log know what an operation changes, in the name of whoever asked for it."""

from collections.abc import Mapping

from chargeback.domain.audit_log.acts import Act
from chargeback.services.audit_log.audit_log import AuditLog
from chargeback.services.operations.operation import OperationKind, OperationRecord
from chargeback.services.operations.run_operations import OperationWork

ACT_OF_OPERATION: Mapping[OperationKind, Act] = {
    OperationKind.CLOSE: Act.CLOSE_PERIOD,
    OperationKind.CORRECT: Act.CORRECT_PERIOD,
    OperationKind.TRUE_UP: Act.TRUE_UP_PERIOD,
    OperationKind.REMOVE_TRUE_UP: Act.TRUE_UP_PERIOD,
    OperationKind.PUBLISH: Act.RUN_JOB,
    OperationKind.RECONCILE: Act.RUN_JOB,
    OperationKind.REPLAY: Act.REPLAY_EVENTS,
    OperationKind.RETRY: Act.RETRY_SET_ASIDE,
    OperationKind.REPLAY_BUDGET: Act.REPLAY_BUDGET,
}


def recorded_works(works: Mapping[OperationKind, OperationWork], log: AuditLog) -> dict[OperationKind, OperationWork]:
    """The works, each with an entry before it and one after it; every try has its own."""
    return {kind: _recorded(work, ACT_OF_OPERATION[kind], log) for kind, work in works.items()}


def _recorded(work: OperationWork, act: Act, log: AuditLog) -> OperationWork:
    async def recorded(begun: OperationRecord) -> Mapping[str, str]:
        order = begun.order
        async with log.change(order.actor, act, _target(begun), reason=order.reason) as opened:
            result = await work(begun)
            opened.after = result
        return result

    return recorded


def _target(begun: OperationRecord) -> str:
    order = begun.order
    if order.budget is not None:
        return f"budget:{order.budget.id}"
    return f"period:{order.period}" if order.period else f"operation:{begun.id}"
