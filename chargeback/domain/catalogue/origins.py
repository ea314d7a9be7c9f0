"""How each price of a catalogue is known: by whom it was verified, and where it was read."""

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from chargeback.domain.catalogue.catalogue import Catalogue


class PriceOrigin(NamedTuple):
    """A price with its amounts, which together with its id tell it from every other one.

    Attributes:
        verified: a `Verified`; empty where nobody said.
        source: where the list price was read.
        model: what the price is for; empty where it is for every model.
    """

    price_id: str
    list_per_million: Decimal
    contracted_per_million: Decimal
    per_million: Decimal
    verified: str
    source: str
    model: str


def price_origins(catalogues: Iterable[Catalogue]) -> list[PriceOrigin]:
    """Every price once; where several catalogues have the same price, as the first one says it."""
    found: dict[tuple[str, Decimal, Decimal, Decimal], PriceOrigin] = {}
    for catalogue in catalogues:
        for key, price in catalogue.every_price():
            name = (price.price_id, price.list_per_million, price.contracted_per_million, price.per_million)
            found.setdefault(name, PriceOrigin(*name, str(price.verified or ""), price.source, key.model))
    return list(found.values())
