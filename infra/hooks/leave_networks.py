"""Before everything is deleted: takes the gateway and the functions out of their networks.

The networks are in groups of their own, and azd deletes one group after the other, in no order. A network cannot be
deleted while something of another group is in it, so what is in them goes first.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

from azure_rest import Azure
from existing import SERVICE_VERSION, group_of
from preflight_changes import all_in

SITES_VERSION = "2024-04-01"
NETWORK_VERSION = "2024-05-01"
LINK_GONE_WITHIN = 60 * 60.0
"""Seconds that a subnet keeps the link of a Flex Consumption app that was deleted; until then it cannot be deleted."""
GATEWAY_GONE_WITHIN = 2 * 60 * 60.0
"""Seconds that the deletion of a gateway with several regions may take."""
HOLDERS = ("serviceAssociationLinks", "resourceNavigationLinks", "ipConfigurations")
"""What in a subnet keeps it from being deleted."""


def leave_networks(azure: Azure, subscription: str, group: str) -> None:
    """Delete the gateways and the app of a private deployment, and wait until their subnets are free."""
    inside = f"/subscriptions/{subscription}/resourceGroups/{group}/providers"
    services = all_in(azure, f"{inside}/Microsoft.ApiManagement/service", SERVICE_VERSION)
    gateways = [each for each in services if each["properties"].get("virtualNetworkType", "None") != "None"]
    for gateway in gateways:
        print(f"down: deleting the gateway {gateway['name']} first, which takes most of an hour.")
        azure.manage("DELETE", gateway["id"], SERVICE_VERSION)
    for app in all_in(azure, f"{inside}/Microsoft.Web/sites", SITES_VERSION):
        print("down: deleting the function app first; its subnet is free within an hour.")
        delete_app(azure, app["id"])
    wait_for_gateways(azure, gateways)
    purge_gateways(azure, subscription, group)


def delete_app(azure: Azure, app_id: str, seconds: float = LINK_GONE_WITHIN, every: float = 30) -> None:
    """Delete the function app, and wait until the subnet that it was in has no link to it any more."""
    app = azure.find(app_id, SITES_VERSION)
    subnet = (app or {}).get("properties", {}).get("virtualNetworkSubnetId")
    if app is not None:
        azure.manage("DELETE", app_id, SITES_VERSION)
    if subnet and _is_deleted_with(app_id, subnet):
        azure.wait(f"the link of the deleted app to leave {subnet}", partial(_is_free, azure, subnet), seconds, every)


def wait_for_gateways(
    azure: Azure, gateways: Sequence[dict[str, Any]], seconds: float = GATEWAY_GONE_WITHIN, every: float = 30
) -> None:
    """Wait until deleted gateways are gone, and out of the subnet of each of their regions."""
    for gateway in gateways:
        name, properties = gateway["name"], gateway["properties"]
        azure.wait(f"{name} to go", partial(_has_gone, azure, gateway["id"]), seconds, every)
        for place in (properties, *(properties.get("additionalLocations") or ())):
            subnet = (place.get("virtualNetworkConfiguration") or {}).get("subnetResourceId")
            if subnet and _is_deleted_with(gateway["id"], subnet):
                azure.wait(f"{name} to leave {subnet}", partial(_is_free, azure, subnet), seconds, every)


def purge_gateways(azure: Azure, subscription: str, group: str) -> None:
    """Purge the deleted gateways of a group, which keep their names otherwise: azd purges only what it finds itself."""
    path = f"/subscriptions/{subscription}/providers/Microsoft.ApiManagement/deletedservices"
    for item in azure.every(path, SERVICE_VERSION):
        if f"/resourcegroups/{group}/".lower() in str(item["properties"]["serviceId"]).lower():
            azure.manage("DELETE", item["id"], SERVICE_VERSION)
            print(f"down: the gateway {item['name']} was purged.")


def _is_deleted_with(resource: str, subnet: str) -> bool:
    """Whether the network is ours, in the group of a region: one that a company has stays, with whatever is in it."""
    return group_of(subnet).lower().startswith(f"{group_of(resource)}-".lower())


def _has_gone(azure: Azure, path: str) -> bool:
    return azure.find(path, SERVICE_VERSION) is None


def _is_free(azure: Azure, subnet: str) -> bool:
    found: dict[str, Any] = azure.find(subnet, NETWORK_VERSION) or {}
    return not any(found.get("properties", {}).get(holder) for holder in HOLDERS)
