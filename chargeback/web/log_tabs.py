"""Which pages of the section Log somebody sees: the audit log, what could not be handled, or both."""

from chargeback.domain.access.permissions import Permission, refusal
from chargeback.domain.access.requester import Requester


def reads_log(who: Requester) -> bool:
    """Whether somebody sees the audit log; an operator sees the other pages of the section."""
    return refusal(who, Permission.READ_AUDIT_LOG) is None


def tabs(who: Requester) -> dict[str, bool]:
    """What the way between the pages shows."""
    return {"sees_log": reads_log(who), "sees_repairs": refusal(who, Permission.READ_SET_ASIDE) is None}
