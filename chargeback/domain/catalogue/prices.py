"""A price and its key: what it is for, its three amounts and its effective time; which price holds in an hour."""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from chargeback.domain.deployments.deployment import DeploymentType
from chargeback.domain.deployments.regions import zone_of
from chargeback.domain.deployments.served_model import ANY
from chargeback.domain.money.exact import ZERO
from chargeback.domain.time.effective import Effective
from chargeback.domain.usage.meters import INPUTS, Meter, Quantities

LONG_CONTEXT = "long-context"
"""The variant of a call whose input is longer than what a model's plain price covers."""

LONG_CONTEXT_ABOVE = 272_000
"""Input tokens, of every kind, up to which the plain price holds."""


class Verified(StrEnum):
    """How a price is known."""

    API = "api"
    INVOICE = "invoice"
    THIRD_PARTY = "third-party"
    ASSUMED = "assumed"


PROVEN = (Verified.API, Verified.INVOICE)
"""What the provider itself says: every other price is unverified."""


@dataclass(frozen=True, slots=True)
class Price:
    """What 1 000 000 units of a meter cost while `effective` holds.

    Attributes:
        list_per_million: the published price.
        contracted_per_million: the price negotiated with the provider.
        per_million: the price billed to the cost centre: contracted with the markup.
        adjustments: what makes the three differ, each with its id and source.
        verified: how it is known; None where nobody said.
        observed: the day on which it was last read at its source.
        promised_until: the whole UTC hour at which the provider's promise ends; somebody has to read what comes then.
    """

    price_id: str
    meter: Meter
    list_per_million: Decimal
    contracted_per_million: Decimal
    per_million: Decimal
    currency: str
    effective: Effective
    source: str
    adjustments: tuple[str, ...] = ()
    verified: Verified | None = None
    observed: date | None = None
    promised_until: datetime | None = None

    @property
    def said(self) -> tuple[str, ...]:
        """The known facts about where the price comes from."""
        promised = f"promised until {self.promised_until.isoformat()}" if self.promised_until else ""
        known = str(self.verified or ""), str(self.observed or ""), promised
        return self.source, *self.adjustments, *filter(None, known)


class PriceKey(NamedTuple):
    """What a price is for; an empty version or region means every one, and the region may be a data zone."""

    provider: str
    model: str
    version: str
    deployment_type: DeploymentType
    service_tier: str
    region: str
    variant: str
    meter: Meter


Dated = tuple[Price, ...]
"""The prices of one key, by time, without overlaps."""

PROVISIONED_PRICE = "provisioned"
"""The id of the price of zero that tokens and the like have on a provisioned deployment."""


def places_of(region: str) -> tuple[str, ...]:
    """Where the prices of a deployment may be listed: for its region, for its data zone, for every region."""
    return tuple(dict.fromkeys((region, zone_of(region), ANY)))


def context_variant(quantities: Quantities) -> str:
    """`long-context` for a call with more than 272 000 input tokens of any kind, else the empty variant."""
    return LONG_CONTEXT if sum(quantities.get(meter, 0) for meter in INPUTS) > LONG_CONTEXT_ABOVE else ""


def free_price(meter: Meter, currency: str) -> Price:
    """The price of what reserved capacity pays for."""
    ever = Effective(datetime(1970, 1, 1, tzinfo=UTC))
    return Price(PROVISIONED_PRICE, meter, ZERO, ZERO, ZERO, currency, ever, "paid by the hour, see shared-costs")


def first_in_force(candidates: Iterable[Dated], hour: datetime) -> Price | None:
    """The first of several keys' prices that is in force."""
    return next((price for dated in candidates if (price := price_at(dated, hour)) is not None), None)


def price_at(dated: Dated, hour: datetime) -> Price | None:
    """The price in force at an hour."""
    index = bisect_right(dated, hour, key=lambda price: price.effective.first) - 1
    if index < 0:
        return None
    price = dated[index]
    return price if hour < price.effective.after else None
