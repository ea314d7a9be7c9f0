"""What a service or a network that exists requires of the configuration, and what metering only cannot make."""

from typing import Any

import pytest

from chargeback.adapters.config.entries import each
from chargeback.adapters.config.existing import GatewayPlace, MeteredApis, existing_faults, metering_faults

GROUP = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/rg/providers"
SERVICE = f"{GROUP}/Microsoft.ApiManagement/service/apim"
SUBNETS = f"{GROUP}/Microsoft.Network/virtualNetworks/vnet/subnets"
ZONE = f"{GROUP}/Microsoft.Network/privateDnsZones/privatelink.openai.azure.com"


def faults_of(*gateways: dict[str, Any]) -> list[str]:
    found: list[str] = []
    places = list(each(list(gateways), GatewayPlace, "gateways", found))
    return found + list(existing_faults(places))


def existing(**more: Any) -> dict[str, Any]:
    return {"region": "swedencentral", "primary": True, "resourceId": SERVICE, "tier": "StandardV2", **more}


def test_a_service_and_a_network_that_exist_are_taken() -> None:
    network = {"endpoints": f"{SUBNETS}/pe", "functions": f"{SUBNETS}/func", "dnsZones": [ZONE]}

    assert faults_of(existing(network=network), existing(region="eastus2", primary=False)) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"resourceId": "apim"}, "gateways[0].resourceId: expected `str` matching regex"),
        ({"resourceId": f"{SERVICE}/apis/x"}, "gateways[0].resourceId: expected `str` matching regex"),
        ({"tier": None}, "gateways[0].tier: name the tier"),
        ({"tier": "Consumption"}, "gateways[0].tier: invalid enum value"),
        ({"resourceId": None}, "gateways[0].tier: is for a service that exists"),
        ({"network": {"endpoints": f"{SUBNETS}/pe"}}, "gateways[0].network.functions: the functions need a subnet"),
        (
            {"network": {"endpoints": f"{SUBNETS}/pe", "functions": f"{SUBNETS.replace('vnet', 'other')}/func"}},
            "gateways[0].network.functions: the subnets of a region are in one virtual network",
        ),
        (
            {
                "resourceId": None,
                "tier": None,
                "network": {"endpoints": f"{SUBNETS}/pe", "functions": f"{SUBNETS}/func"},
            },
            "gateways[0].network.gateway: a service that is made needs a subnet",
        ),
    ],
)
def test_what_cannot_be_taken_is_named(changes: dict[str, Any], words: str) -> None:
    (fault,) = faults_of(existing(**changes))

    assert fault.startswith(words)


def test_one_service_has_one_tier_and_one_zone_serves_one_region() -> None:
    network = {"endpoints": f"{SUBNETS}/pe", "functions": f"{SUBNETS}/func", "dnsZones": [ZONE]}
    other = existing(region="eastus2", primary=False, tier="Premium", network=network)

    tier, zone = faults_of(existing(network=network), other)

    assert tier == "gateways[1].tier: gateways[0] has the same service with tier StandardV2"
    assert "gateways[1].network.dnsZones: gateways[0] has privatelink.openai.azure.com, too" in zone


def test_metering_only_makes_neither_services_nor_accounts() -> None:
    made = [("gateways[0]", GatewayPlace(region="swedencentral", primary=True))]

    found = list(metering_faults(MeteredApis(apis=[]), made, [{"account": "a"}]))

    assert [fault.partition(":")[0] for fault in found] == ["metering.apis", "gateways[0].resourceId", "metering"]
