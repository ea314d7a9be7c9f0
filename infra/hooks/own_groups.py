"""Deletes the resource groups of an environment, where azd must not: it would delete those of others, too.

`azd down` deletes every resource group in which the deployment has put anything, such as a role on an account that
existed (https://github.com/Azure/azure-dev/issues/2916). So where it has, the hook deletes our groups and stops azd.
"""

import json
import re
from functools import partial
from typing import Any

from azure_rest import Azure
from existing import OWNER_TAG, seen

GROUP_VERSION = "2024-11-01"
DELETED_WITHIN = 2 * 60 * 60.0
"""Seconds that the deletion of a group may take; a gateway in a network takes most of an hour."""
_GROUP = re.compile(r"/resourceGroups/([^/\"]+)", re.IGNORECASE)


def groups_of_others(azure: Azure, subscription: str, environment: str) -> list[str]:
    """The groups that are not ours, and that azd would delete: the deployments of the environment name them."""
    base = f"/subscriptions/{subscription}"
    named: set[str] = set()
    for item in azure.every(f"{base}/providers/Microsoft.Resources/deployments", GROUP_VERSION):
        if (item.get("tags") or {}).get(OWNER_TAG) == environment:
            properties = item["properties"]
            parts = (properties.get("outputResources"), properties.get("dependencies"))
            named |= {name.lower() for name in _GROUP.findall(json.dumps(parts))}
    ours = {group["name"].lower() for group in own_groups(azure, subscription, environment)}
    return sorted(name for name in named - ours if seen(azure, f"{base}/resourceGroups/{name}", GROUP_VERSION))


def own_groups(azure: Azure, subscription: str, environment: str) -> list[dict[str, Any]]:
    """The groups with the tag of the environment and a name of ours."""
    groups = azure.every(f"/subscriptions/{subscription}/resourceGroups", GROUP_VERSION)
    name = f"rg-{environment}".lower()
    return [
        group
        for group in groups
        if (group.get("tags") or {}).get(OWNER_TAG) == environment
        and (group["name"].lower() == name or group["name"].lower().startswith(f"{name}-"))
    ]


def delete_own_groups(
    azure: Azure, subscription: str, environment: str, seconds: float = DELETED_WITHIN, every: float = 15
) -> list[str]:
    """Delete them, and wait until they are gone; their names."""
    groups = own_groups(azure, subscription, environment)
    for group in groups:
        azure.manage("DELETE", group["id"], GROUP_VERSION)
    for group in groups:
        azure.wait(f"group {group['name']} to go", partial(_is_gone, azure, group["id"]), seconds, every)
    return [group["name"] for group in groups]


def _is_gone(azure: Azure, path: str) -> bool:
    return azure.find(path, GROUP_VERSION) is None
