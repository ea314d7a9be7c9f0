"""Whether an identity may make a call on an account, by the data actions of its roles, as Azure checks them."""

from stack.identity.permissions import grants, may, needed_for
from stack.openai_backends.refusals import lacking, without_data_action

_SERVED = ("files", "uploads", "batches", "fine_tuning", "responses", "conversations", "vector_stores", "containers")


def authorize(who: str, method: str, path: str, operation: str) -> None:
    """Raise the refusal of the service unless the roles of `who` allow a call; `operation` is the path below.

    What the service does not know is left to its 404. Whom roles.bicep does not name is somebody with a role of
    another's giving, and may do everything.
    """
    if who not in {grant["who"] for grant in grants()}:
        return
    needs = needed_for("GET" if method == "HEAD" else method, operation)
    for action in needs:
        if not may(who, "models", action):
            raise lacking(action, f"{method} {path}")
    if not needs and operation.partition("/")[0] in _SERVED:
        raise without_data_action()
