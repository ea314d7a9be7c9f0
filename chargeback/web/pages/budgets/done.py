"""What is said after something was done. The address has only a code, so nobody can have a page say their text."""

from chargeback.web.visits import Visit

_DONE = {
    "created": "The budget is made. It counts from now on; gateways know of it within a minute.",
    "changed": "The budget is changed. Gateways know of it within a minute.",
    "deleted": "The budget is deleted. Its history is kept.",
    "gone": "There is no such budget any more, or you may not see it.",
    "overridden": "The limit is changed for some time. Gateways know of it within a minute.",
    "ended": "The override is ended. Gateways know of it within a minute.",
}


def done_text(visit: Visit) -> str:
    """What was done, by the code in the address; empty: nothing."""
    return _DONE.get(visit.request.query_params.get("done", ""), "")
