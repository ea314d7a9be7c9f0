"""Why a cost centre pays what it pays in a month: from its total down to the events of one charge."""

from collections.abc import Callable
from urllib.parse import urlencode

from chargeback.web.api_client import ApiRefused
from chargeback.web.visits import Page, Visit

_PARTS = ("period", "costCentre", "model", "charge", "limit")
_MOST = "100"


async def explained(visit: Visit) -> Page:
    """The explanation, or the form that asks for one."""
    given = [(name, value) for name, value in visit.request.query_params.multi_items() if value]
    asked: dict[str, list[str]] = {}
    for name, value in given:
        asked.setdefault(name, []).append(value)
    said = {name: asked.get(name, [""])[0] for name in _PARTS}
    found, refused = None, None
    if asked:
        try:
            found = (await visit.api.read("/explain", asked)).as_object()
        except ApiRefused as error:
            refused = error
    is_own = not visit.who.scope.has_cost_centre(said["costCentre"])  # the API then tells of their own calls alone
    values = {"found": found, "refused": refused, "said": said, "why": _links(said), "most": _MOST, "is_own": is_own}
    title = "Why does a cost centre pay this?"
    if found:
        title = f"Why {said['costCentre']} pays this" + (" for your calls" if is_own else "")
    return Page("explain.html.j2", title, values, refused.status if refused else 200)


def _links(said: dict[str, str]) -> Callable[..., str]:
    """Makes the address of this explanation with other parts; what is made empty is left out."""

    def link(**parts: str) -> str:
        return f"/explore/explain?{urlencode({name: value for name, value in (said | parts).items() if value})}"

    return link
