"""Before anything is created: checks that Azure gives this subscription the profile's sizes, zones and instances."""

from collections.abc import Iterator
from typing import Any

from azure_rest import Azure
from deployment import Deployment, Note

ZONES = 2
"""Zones that a zone-redundant gateway is spread over (modules/gateway.bicep)."""

FLEX_MEMORY_MB = 512_000
"""Memory of all Flex Consumption instances of a subscription in a region, unless support has raised it; 250 cores:
https://learn.microsoft.com/azure/azure-functions/flex-consumption-plan#regional-subscription-memory-quotas."""

MOST_UNITS = {"BasicV2": 10, "StandardV2": 10, "Premium": 12}
"""https://learn.microsoft.com/azure/api-management/upgrade-and-scale"""


def check_sizes(deployment: Deployment) -> Iterator[str]:
    """How the profile's own numbers must relate to each other."""
    settings = deployment.settings
    units, sku = int(settings["gatewayUnits"]), settings["gatewaySku"]
    if settings["zoneRedundant"] and sku == "Premium" and units % ZONES:
        yield Note(
            f"gatewayUnits is {units}: units spread evenly over {ZONES} zones, so Azure chooses their zones by itself"
            " (https://learn.microsoft.com/azure/reliability/reliability-api-management)."
        )
    if units > MOST_UNITS[sku]:
        yield f"gatewayUnits is {units}: {sku} has at most {MOST_UNITS[sku]}."
    throughput = int(settings["cosmosMaxThroughput"])
    if throughput and (throughput < 1000 or throughput % 1000):
        yield f"cosmosMaxThroughput is {throughput}: autoscale takes 0 (serverless) or multiples of 1 000 RU/s."


def check_functions(azure: Azure, base: str, deployment: Deployment) -> Iterator[str]:
    """Flex Consumption exists in the pipeline's region, with zones where they are wanted, and has the memory."""
    places = azure.every(f"{base}/providers/Microsoft.Web/geoRegions?sku=FlexConsumption", "2024-04-01")
    offered = {_region(place["name"]): place for place in places}
    zones = {name for name, place in offered.items() if "FCZONEREDUNDANCY" in _domains(place)}
    here, zoned = deployment.location, deployment.settings["functionZoneRedundant"]
    if here not in offered:
        yield f"Flex Consumption functions are not offered in {here}; they are in {', '.join(sorted(offered))}."
    elif zoned and here not in zones:
        yield (
            f"Flex Consumption functions have no zones in {here}, but in {', '.join(sorted(zones)) or 'no region'}:"
            " choose another AZURE_LOCATION, or set functionZoneRedundant to false in the overrides."
        )
    yield from _check_memory(azure, base, deployment)


def _check_memory(azure: Azure, base: str, deployment: Deployment) -> Iterator[str]:
    settings, region = deployment.settings, deployment.location
    wanted = int(settings["functionMaximumInstances"]) * int(settings["functionMemoryMB"])
    usages = (azure.find(f"{base}/providers/Microsoft.Web/locations/{region}/usages", "2024-04-01") or {}).get(
        "value", ()
    )
    told = [usage["limit"] for usage in usages if "flex" in str(usage["name"].get("value", "")).lower()]
    limit = int(max(told, default=FLEX_MEMORY_MB))
    if wanted > limit:
        yield Note(
            f"the functions may grow to {wanted:,} MB ({settings['functionMaximumInstances']} instances), and this"
            f" subscription has {limit:,} MB of Flex Consumption in {region}: Azure will not scale beyond that. Lower"
            " functionMaximumInstances, or ask support for more."
        )


def check_tiers(azure: Azure, base: str, deployment: Deployment) -> Iterator[str]:
    """The tier of a new gateway and the replication of a new ledger are offered: in fewer regions than the services."""
    made = {gateway["region"] for gateway in deployment.gateways if not gateway.get("resourceId")}
    for provider, version, setting, regions in (
        ("Microsoft.ApiManagement", "2024-05-01", "gatewaySku", made),
        ("Microsoft.Storage", "2025-06-01", "storageSku", {deployment.location}),
    ):
        wanted = deployment.settings[setting]
        offered = {
            _region(place)
            for sku in (azure.every(f"{base}/providers/{provider}/skus", version) if regions else ())
            if sku["name"] == wanted and not sku.get("restrictions")
            for place in sku.get("locations") or ()
        }
        for region in sorted(regions - offered):
            yield (
                f"{provider} does not offer {wanted} in {region}, but in {', '.join(sorted(offered)) or 'no region'}:"
                f" choose another region, or another {setting} in the overrides."
            )


def check_cosmos_zones(azure: Azure, base: str, deployment: Deployment) -> Iterator[str]:
    """The subscription may have zone-redundant Cosmos DB accounts in each region: some regions are short of them."""
    zoned = {"all": 2, "first": 1, "none": 0}[deployment.settings["cosmosZones"]]
    for region in deployment.cosmos_regions()[:zoned]:
        place = azure.find(f"{base}/providers/Microsoft.DocumentDB/locations/{region}", "2025-10-15")
        properties = (place or {}).get("properties", {})
        if properties.get("supportsAvailabilityZone") is False:
            yield f"Cosmos DB has no zones in {region}: set cosmosZones to first or none in the overrides."
        elif properties.get("isSubscriptionRegionAccessAllowedForAz") is False:
            yield (
                f"this subscription may not have zone-redundant Cosmos DB accounts in {region}: ask support for access"
                " (https://aka.ms/cosmosdbquota), or set cosmosZones to first or none in the overrides."
            )


def check_redis(azure: Azure, base: str, group: str) -> Iterator[str]:
    """A Redis whose creation failed for lack of capacity blocks the next run."""
    found = azure.find(f"{base}/resourceGroups/{group}/providers/Microsoft.Cache/redisEnterprise", "2025-07-01") or {}
    for cluster in found.get("value", ()):
        state = cluster["properties"].get("provisioningState")
        if state == "Failed":
            yield (
                f"Redis {cluster['name']} was left {state} by an earlier run and cannot be changed:"
                f" az resource delete --ids {cluster['id']} (its open days can be restored from the ledger)"
            )


def _domains(place: dict[str, Any]) -> set[str]:
    return set(str((place.get("properties") or {}).get("orgDomain", "")).split(";"))


def _region(name: str) -> str:
    return name.replace(" ", "").lower()
