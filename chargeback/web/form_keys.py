"""The key that a form sends along: what it asks for is done once under it, however often it is sent."""

from uuid import uuid4

from chargeback.web.api_client import ApiRefused
from chargeback.web.visits import Visit


def form_key(visit: Visit, refused: ApiRefused | None = None) -> str:
    """A new key; that of the form which was sent, where its request may still be under way."""
    if refused is not None and refused.error.code == "RequestUnderWay":
        return visit.form.get("key", "")
    return str(uuid4())
