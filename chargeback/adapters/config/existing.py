"""Checks what the configuration says of resources that a company has already: their ids, and what an id requires."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Literal

import msgspec

from chargeback.adapters.config.entries import Record

Tier = Literal["Developer", "Basic", "Standard", "Premium", "BasicV2", "StandardV2", "PremiumV2"]
"""Tiers of API Management that can run the policies; Consumption has no rate limits by key."""

_GROUP = r"/subscriptions/[0-9a-fA-F-]{36}/resourceGroups/[A-Za-z0-9._()-]{1,90}/providers"
_SERVICE = rf"{_GROUP}/Microsoft\.ApiManagement/service/[A-Za-z0-9-]{{1,50}}"
_ACCOUNT = rf"{_GROUP}/Microsoft\.CognitiveServices/accounts/[A-Za-z0-9._-]{{2,64}}"
_SUBNET = rf"{_GROUP}/Microsoft\.Network/virtualNetworks/[A-Za-z0-9._-]{{2,64}}/subnets/[A-Za-z0-9._-]{{1,80}}"

_ZONE = rf"{_GROUP}/Microsoft\.Network/privateDnsZones/privatelink\.[a-z0-9.-]{{1,200}}"

ServiceId = Annotated[str, msgspec.Meta(pattern=f"^{_SERVICE}$")]
AccountId = Annotated[str, msgspec.Meta(pattern=f"^{_ACCOUNT}$")]
SubnetId = Annotated[str, msgspec.Meta(pattern=f"^{_SUBNET}$")]
ZoneId = Annotated[str, msgspec.Meta(pattern=f"^{_ZONE}$")]


class ExistingSubnets(Record, frozen=True):
    """Subnets of a virtual network that exists, by what is put into them, and the zones by whose names it resolves."""

    endpoints: SubnetId
    functions: SubnetId | None = None
    gateway: SubnetId | None = None
    dns_zones: list[ZoneId] = msgspec.field(default_factory=list)


class GatewayPlace(Record, frozen=True):
    """A gateway region, with what exists there."""

    region: str
    primary: bool = False
    resource_id: ServiceId | None = None
    tier: Tier | None = None
    network: ExistingSubnets | None = None


class MeteredApis(Record, frozen=True):
    """Metering only: the APIs whose own policies include the fragments."""

    apis: list[Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9][A-Za-z0-9._-]{0,255}$")]]


def existing_faults(gateways: Sequence[tuple[str, GatewayPlace]]) -> Iterator[str]:
    """What a service or a network that exists requires of the other fields."""
    tiers: dict[str, tuple[str, Tier]] = {}
    for place, gateway in gateways:
        if gateway.resource_id is None:
            if gateway.tier is not None:
                yield f"{place}.tier: is for a service that exists (resourceId); the profile has the tier of a new one"
            continue
        if gateway.tier is None:
            yield f"{place}.tier: name the tier of the service that exists, such as StandardV2"
            continue
        known, tier = tiers.setdefault(gateway.resource_id.casefold(), (place, gateway.tier))
        if tier != gateway.tier:
            yield f"{place}.tier: {known} has the same service with tier {tier}"
    yield from _network_faults(gateways)


def _network_faults(gateways: Sequence[tuple[str, GatewayPlace]]) -> Iterator[str]:
    zones: dict[str, str] = {}
    for place, gateway in gateways:
        network = gateway.network
        if network is None:
            continue
        for name, subnet in (("functions", network.functions), ("gateway", network.gateway)):
            if subnet is not None and _network_of(subnet) != _network_of(network.endpoints):
                yield f"{place}.network.{name}: the subnets of a region are in one virtual network"
        for zone in network.dns_zones:
            other = zones.setdefault(zone.casefold(), place)
            if other != place:
                yield (
                    f"{place}.network.dnsZones: {other} has {zone.rpartition('/')[2]}, too, and the endpoints of two"
                    " regions would take each other's record: give each region a zone of its own"
                )
        if gateway.primary and network.functions is None:
            yield f"{place}.network.functions: the functions need a subnet in the primary gateway region"
        if gateway.resource_id is None and network.gateway is None:
            yield f"{place}.network.gateway: a service that is made needs a subnet in this network"


def metering_faults(
    metering: MeteredApis, gateways: Sequence[tuple[str, GatewayPlace]], accounts: Sequence[object]
) -> Iterator[str]:
    """Metering only adds to what exists: it makes neither services nor accounts."""
    if not metering.apis:
        yield "metering.apis: name the APIs whose policies include the fragments"
    for place, gateway in gateways:
        if gateway.resource_id is None:
            yield f"{place}.resourceId: metering only needs the id of the service that exists"
    for number, account in enumerate(accounts):
        if not (isinstance(account, dict) and account.get("resourceId")):
            yield f"metering: accounts[{number}] of deployments.yaml needs a resourceId: no accounts are made"


def _network_of(subnet: str) -> str:
    return subnet.casefold().rpartition("/subnets/")[0]
