"""How much of the rate card a comparison with the provider's list has looked at, and why not at the rest."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from chargeback.domain.catalogue.prices import Dated, PriceKey, price_at


class Uncompared(StrEnum):
    """Why a price was not compared. The first that is true of any of its meters holds."""

    REFUSED = "refused"
    """The row of its meter cannot be used."""
    NOT_IN_LIST = "not-in-list"
    """Its meter was looked for, and the list does not have it."""
    OTHER_REGION = "other-region"
    """Its meters are of regions that nobody asked for."""
    NO_METER = "no-meter"
    """Nobody has looked up its meter."""


_BY_RANK = tuple(Uncompared)


@dataclass(frozen=True, slots=True)
class CoverageGap:
    """How many prices of a model were not compared, and why; the model is empty for prices of every model."""

    reason: Uncompared
    model: str
    prices: int


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many of the card's prices in force were compared.

    Attributes:
        of: all that are in force.
        gaps: those that were not, the most serious reason first, then by model.
    """

    compared: int
    of: int
    gaps: tuple[CoverageGap, ...]


@dataclass(frozen=True, slots=True)
class MeterSeen:
    """A meter that somebody has looked up, the prices of the card that it stands for, and what became of it.

    Attributes:
        fault: why it was not compared; None: it was.
    """

    keys: Collection[PriceKey]
    fault: Uncompared | None


def coverage(prices: Mapping[PriceKey, Dated], meters: Iterable[MeterSeen], now: datetime) -> Coverage:
    """What of the prices in force now the meters cover."""
    in_force = {key for key, dated in prices.items() if price_at(dated, now) is not None}
    compared: set[PriceKey] = set()
    reasons = dict.fromkeys(in_force, Uncompared.NO_METER)
    for meter in meters:
        for key in in_force.intersection(meter.keys):
            if meter.fault is None:
                compared.add(key)
            else:
                reasons[key] = min(reasons[key], meter.fault, key=_BY_RANK.index)
    left = Counter((reasons[key], key.model) for key in in_force - compared)
    return Coverage(len(compared), len(in_force), tuple(_gaps(left)))


def _gaps(left: Counter[tuple[Uncompared, str]]) -> Iterator[CoverageGap]:
    for reason, model in sorted(left, key=lambda each: (_BY_RANK.index(each[0]), each[1])):
        yield CoverageGap(reason, model, left[reason, model])
