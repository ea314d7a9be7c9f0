"""Which line the call of an event is counted under."""

import unicodedata
from functools import lru_cache

from chargeback.domain.events.documents import Data
from chargeback.domain.usage.lines import Line
from chargeback.domain.usage.states import LineState


def line_of(data: Data, tier: str, variant: str, state: LineState) -> Line:
    """The dimensions of a call, each as a string that can be printed."""
    return _line(_dimensions(data, tier, variant), state)


def _dimensions(data: Data, tier: str, variant: str) -> tuple[str, ...]:
    return (
        data.subscription_id or "",
        data.product_id or "",
        data.apim_user_id or "",
        data.tenant_id or "",
        data.app_id or "",
        data.user_object_id or "",
        data.username or "",
        data.company_name or "",
        data.billing_code or "",
        data.operation,
        data.provider or "azure-openai",
        data.model or "",
        data.deployment or "",
        data.backend or "",
        tier,
        variant,
    )


@lru_cache(maxsize=65_536)
def _line(dimensions: tuple[str, ...], state: LineState) -> Line:
    printable = (text if text.isascii() and text.isprintable() else _printable(text) for text in dimensions)
    return Line._make((*printable, state))


def _printable(text: str) -> str:
    """Control characters and lone surrogates become spaces, as reports are read by spreadsheets and people.

    Letters are composed (NFC), so that a name is one line however its accents were typed.
    """
    composed = unicodedata.normalize("NFC", text)
    if composed.isprintable():
        return composed
    return "".join(character if character.isprintable() else " " for character in composed).strip()
