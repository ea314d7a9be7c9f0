"""Before anything is created: checks that the existing deployment can be changed to this profile in place.

Azure refuses such changes halfway through a deployment, so they are refused here, before anything is touched.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from azure_rest import Azure
from deployment import Deployment

STORAGE_VERSION = "2025-06-01"
GUARDED = {"ledger": "ledgerImmutability", "closed": "reportImmutability"}
"""Containers that may have an immutability policy, and the setting of its days."""

REPLICATION = {"LRS": "local", "GRS": "local", "RAGRS": "local", "ZRS": "zonal", "GZRS": "zonal", "RAGZRS": "zonal"}


def check_profile(group: dict[str, Any], deployment: Deployment) -> Iterator[str]:
    """One environment keeps its profile: most tiers, networks and replications cannot be changed in place."""
    before = (group.get("tags") or {}).get("profile", deployment.profile)
    if before != deployment.profile:
        yield (
            f"this environment was deployed as {before}, and {deployment.profile} cannot be reached from it in place:"
            f" azd env new <another name>, or azd env set CHARGEBACK_PROFILE {before}"
        )


def check_topology(azure: Azure, base: str, group: str, deployment: Deployment) -> Iterator[str]:
    """A service cannot leave a region, or get another one, by a different topology."""
    services = all_in(azure, f"{base}/resourceGroups/{group}/providers/Microsoft.ApiManagement/service", "2024-05-01")
    spans = any(service["properties"].get("additionalLocations") for service in services)
    wanted = deployment.settings["gatewayTopology"]
    if (spans and wanted == "perRegion") or (len(services) > 1 and wanted == "spanning"):
        yield f"the gateway services that exist do not become {wanted}: set gatewayTopology back, or azd env new."


def check_resources(azure: Azure, base: str, group: str, deployment: Deployment) -> Iterator[str]:
    """Each change that the profile with its overrides needs and Azure would refuse."""
    inside = f"{base}/resourceGroups/{group}/providers"
    settings = deployment.settings
    yield from check_topology(azure, base, group, deployment)
    yield from _check_gateways(all_in(azure, f"{inside}/Microsoft.ApiManagement/service", "2024-05-01"), deployment)
    yield from _check_cosmos(all_in(azure, f"{inside}/Microsoft.DocumentDB/databaseAccounts", "2025-10-15"), settings)
    yield from _check_storage(all_in(azure, f"{inside}/Microsoft.Storage/storageAccounts", STORAGE_VERSION), settings)
    addresses = all_in(azure, f"{inside}/Microsoft.Network/publicIPAddresses", "2024-05-01")
    yield from _check_addresses(addresses, bool(settings["zoneRedundant"]))
    yield from _check_redis(all_in(azure, f"{inside}/Microsoft.Cache/redisEnterprise", "2025-07-01"), settings)
    yield from _check_vault(all_in(azure, f"{inside}/Microsoft.KeyVault/vaults", "2024-11-01"), settings)


def locked_containers(azure: Azure, base: str, group: str) -> list[str]:
    """Containers of the books whose immutability policy is locked: Azure accepts only a longer period for them."""
    inside = f"{base}/resourceGroups/{group}/providers/Microsoft.Storage/storageAccounts"
    return [
        name
        for account in all_in(azure, inside, STORAGE_VERSION)
        for name in GUARDED
        if (policy := azure.find(f"{account['id']}/{policy_of(name)}", STORAGE_VERSION))
        and policy["properties"].get("state") == "Locked"
    ]


def has_functions(azure: Azure, base: str, group: str) -> bool:
    """Whether the code was deployed before, so that its silence is worth an alert."""
    apps = all_in(azure, f"{base}/resourceGroups/{group}/providers/Microsoft.Web/sites", "2024-04-01")
    return any(azure.every(f"{app['id']}/functions", "2024-04-01") for app in apps)


def policy_of(container: str) -> str:
    """The path of a container's immutability policy, below its account."""
    return f"blobServices/default/containers/{container}/immutabilityPolicies/default"


def check_immutability(azure: Azure, base: str, group: str, deployment: Deployment) -> Iterator[str]:
    """A locked policy can be made longer, never shorter, and never removed."""
    inside = f"{base}/resourceGroups/{group}/providers/Microsoft.Storage/storageAccounts"
    for account in all_in(azure, inside, STORAGE_VERSION):
        for container, setting in GUARDED.items():
            wanted = int(deployment.settings["retention"][setting])
            policy = azure.find(f"{account['id']}/{policy_of(container)}", STORAGE_VERSION)
            days = int((policy or {}).get("properties", {}).get("immutabilityPeriodSinceCreationInDays") or 0)
            if policy and policy["properties"].get("state") == "Locked" and wanted < days:
                yield (
                    f"the container {container} is locked for {days} days and retention.{setting} is {wanted}:"
                    f" a locked policy cannot be shortened; set {days} or more in the overrides."
                )


def _check_gateways(services: Iterable[dict[str, Any]], deployment: Deployment) -> Iterator[str]:
    for service in services:
        before, wanted = service["sku"]["name"], deployment.settings["gatewaySku"]
        if before != wanted and (before == "Premium" or wanted == "Premium"):
            yield f"gateway {service['name']} is {before}, from which {wanted} cannot be reached in place."
        network = service["properties"].get("virtualNetworkType", "None") != "None"
        if network and not deployment.settings["privateNetwork"]:
            yield f"gateway {service['name']} is in a network, which it cannot leave by a deployment."


def _check_cosmos(accounts: Iterable[dict[str, Any]], settings: dict[str, Any]) -> Iterator[str]:
    for account in accounts:
        properties = account["properties"]
        serverless = any(each["name"] == "EnableServerless" for each in properties.get("capabilities") or ())
        if serverless != (int(settings["cosmosMaxThroughput"]) == 0):
            kind = "serverless" if serverless else "provisioned"
            yield f"Cosmos DB {account['name']} is {kind} for ever: set cosmosMaxThroughput accordingly."
        places = sorted(properties.get("locations") or (), key=lambda place: int(place.get("failoverPriority", 0)))
        zoned = {"all": len(places), "first": 1, "none": 0}[settings["cosmosZones"]]
        wrong = [place for i, place in enumerate(places) if bool(place.get("isZoneRedundant")) != (i < zoned)]
        yield from (
            f"Cosmos DB {account['name']} keeps the zones that {place['locationName']} was made with: set cosmosZones."
            for place in wrong
        )


def _check_storage(accounts: Iterable[dict[str, Any]], settings: dict[str, Any]) -> Iterator[str]:
    host = "Standard_ZRS" if settings["zoneRedundant"] else "Standard_LRS"  # as modules/stores.bicep chooses
    for account in accounts:
        books = "books" in account["name"]
        after, setting = (settings["storageSku"], "storageSku") if books else (host, "zoneRedundant")
        before, wanted = (sku.partition("_")[2] for sku in (account["sku"]["name"], after))
        if REPLICATION.get(before) != REPLICATION.get(wanted):
            yield (
                f"storage account {account['name']} is {before}: from there to {wanted} it has to be converted first"
                f" (https://learn.microsoft.com/azure/storage/common/redundancy-migration), or set {setting}."
            )


def _check_addresses(addresses: Iterable[dict[str, Any]], zoned: bool) -> Iterator[str]:  # noqa: FBT001 - a setting
    """The zones of an address stay: https://learn.microsoft.com/azure/virtual-network/ip-services/public-ip-addresses."""
    for address in addresses:
        if address["name"].endswith("-gateway") and bool(address.get("zones")) != zoned:
            yield (
                f"address {address['name']} of the gateway is {'without zones' if zoned else 'in zones'}, and stays so:"
                f" set zoneRedundant to {str(not zoned).lower()}."
            )


def _check_redis(clusters: Iterable[dict[str, Any]], settings: dict[str, Any]) -> Iterator[str]:
    for cluster in clusters:
        if cluster["properties"].get("highAvailability") == "Enabled" and not settings["redisHighAvailability"]:
            yield f"Redis {cluster['name']} has a replica, which stays: set redisHighAvailability to true."


def _check_vault(vaults: Iterable[dict[str, Any]], settings: dict[str, Any]) -> Iterator[str]:
    for vault in vaults:
        days = vault["properties"].get("softDeleteRetentionInDays")
        if days is not None and int(days) != int(settings["retention"]["secrets"]):
            yield f"vault {vault['name']} keeps what is deleted for {days} days, which stays: set retention.secrets."
        if vault["properties"].get("enablePurgeProtection") and not settings["purgeProtection"]:
            yield f"vault {vault['name']} has purge protection, which stays: set purgeProtection to true."


def all_in(azure: Azure, path: str, version: str) -> list[dict[str, Any]]:
    """The resources of a type in a group; none where there is no group yet."""
    return list((azure.find(path, version) or {}).get("value", ()))
