"""Which models a company can begin with in a region: offered there, open to new customers, priced, and not ending."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from chargeback.domain.catalogue.prices import Dated, Price, PriceKey, first_in_force, places_of
from chargeback.domain.deployments.deployment import DeploymentType
from chargeback.domain.deployments.models import Model, Models
from chargeback.domain.deployments.served_model import ANY
from chargeback.domain.usage.meters import Meter
from chargeback.domain.usage.tiers import DEFAULT_TIER

PAY_AS_YOU_GO = (DeploymentType.GLOBAL_STANDARD, DeploymentType.DATA_ZONE_STANDARD, DeploymentType.STANDARD)
"""Types that anybody can begin with: nothing is reserved, and calls are answered at once."""

_PROVIDER = "azure-openai"


@dataclass(frozen=True, slots=True)
class Offer:
    """A model as one deployment type in one region, with the price of each of its meters."""

    model: Model
    deployment_type: DeploymentType
    region: str
    prices: Mapping[Meter, Price]


def offers(models: Models, prices: Mapping[PriceKey, Dated], now: datetime) -> Iterator[Offer]:
    """Every offer in which each meter of the model has a price at `now`, in the order of the models.

    A model that retires within three months is none: who begins with it would have to change at once.
    """
    for model in models.all:
        if model.is_closed(now.date()) or model.is_retiring(now.date()) or model.lifecycle == "Preview":
            continue
        for deployment_type in PAY_AS_YOU_GO:
            for region in sorted(model.offered.get(deployment_type, ())):
                found = {
                    Meter(meter): _price(prices, model, deployment_type, region, Meter(meter), now)
                    for meter in model.meters
                }
                priced = {meter: price for meter, price in found.items() if price}
                if len(priced) == len(found):
                    yield Offer(model, deployment_type, region, priced)


def _price(
    prices: Mapping[PriceKey, Dated],
    model: Model,
    deployment_type: DeploymentType,
    region: str,
    meter: Meter,
    now: datetime,
) -> Price | None:
    keys = (
        PriceKey(_PROVIDER, model.model, version, deployment_type, DEFAULT_TIER, place, "", meter)
        for place in places_of(region)
        for version in (model.version, ANY)
    )
    return first_in_force((prices[key] for key in keys if key in prices), now)
