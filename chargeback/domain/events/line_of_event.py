"""Which line the call of an event is counted under."""

import unicodedata
from functools import lru_cache
from operator import attrgetter

from chargeback.domain.events.documents import Data
from chargeback.domain.usage.lines import Line
from chargeback.domain.usage.states import LineState


def line_of(data: Data, tier: str, variant: str, state: LineState) -> Line:
    """The dimensions of a call, each as a string that can be printed."""
    return _line(_dimensions(data), tier, variant, state)


_dimensions = attrgetter(
    "subscription_id",
    "product_id",
    "apim_user_id",
    "tenant_id",
    "app_id",
    "user_object_id",
    "username",
    "company_name",
    "billing_code",
    "operation",
    "provider",
    "model",
    "deployment",
    "backend",
)
_PROVIDER = Line._fields.index("provider")


@lru_cache(maxsize=65_536)
def _line(dimensions: tuple[str | None, ...], tier: str, variant: str, state: LineState) -> Line:
    told = [text or "" for text in dimensions]
    told[_PROVIDER] = told[_PROVIDER] or "azure-openai"
    printable = (text if text.isascii() and text.isprintable() else _printable(text) for text in (*told, tier, variant))
    return Line._make((*printable, state))


def _printable(text: str) -> str:
    """Control characters and lone surrogates become spaces, as reports are read by spreadsheets and people.

    Letters are composed (NFC), so that a name is one line however its accents were typed.
    """
    composed = unicodedata.normalize("NFC", text)
    if composed.isprintable():
        return composed
    return "".join(character if character.isprintable() else " " for character in composed).strip()
