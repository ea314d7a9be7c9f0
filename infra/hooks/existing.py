"""What a deployment takes from elsewhere: which resources, and how ours are told from those of others inside them.

In a service that others use, each thing of ours has a name with the prefix or our mark in its description or tags, and
each role assignment on a resource of others has the mark as its description. Nothing else is ours there.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from azure_rest import Azure, AzureRefused
from deployment import Deployment

PREFIX = "chargeback-"
SERVICE_VERSION = "2024-05-01"
ACCOUNT_VERSION = "2025-06-01"
VAULT_VERSION = "2024-11-01"
WORKSPACE_VERSION = "2025-07-01"
ROLE_VERSION = "2022-04-01"
SETTING = "chargeback-to-workspace"
"""The diagnostic setting that sends a service's log to a workspace of ours."""
SETTING_VERSION = "2021-05-01-preview"
OWN_SECRETS = ("events-key", "page-session-key")
OWNER_TAG = "azd-env-name"


@dataclass(frozen=True)
class SharedService:
    """An API Management service that exists.

    Attributes:
        id: its resource id.
        tier: what the configuration says of its tier.
        regions: gateway regions that it serves.
    """

    id: str
    tier: str
    regions: tuple[str, ...]

    @property
    def name(self) -> str:
        """Its name."""
        return name_of(self.id)


def mark_of(environment: str) -> str:
    """What stands in the description, or among the tags, of everything that an environment owns."""
    return f"[chargeback:{environment}]"


def is_marked(item: Mapping[str, Any], mark: str) -> bool:
    """Whether a thing inside a service is ours."""
    properties = item.get("properties") or {}
    return mark in str(properties.get("description") or "") or mark in (properties.get("tags") or ())


def shared_services(gateways: Iterable[Mapping[str, Any]]) -> list[SharedService]:
    """The services that exist, in the order of their first regions."""
    found: dict[str, SharedService] = {}
    for gateway in gateways:
        if gateway.get("resourceId"):
            known = found.get(gateway["resourceId"])
            regions = (*(known.regions if known else ()), gateway["region"])
            found[gateway["resourceId"]] = SharedService(gateway["resourceId"], gateway.get("tier", ""), regions)
    return list(found.values())


def existing_accounts(deployment: Deployment) -> list[dict[str, Any]]:
    """The accounts that exist, as deployments.yaml has them."""
    return [account for account in deployment.accounts if account.get("resourceId")]


def is_metering_only(deployment: Deployment) -> bool:
    """Whether the calls of others' APIs are counted, and nothing is routed."""
    return bool(deployment.gateway.get("metering"))


def existing_ids(deployment: Deployment) -> dict[str, str]:
    """Every resource that is taken by its id: what it is called in the configuration → id."""
    found = {f"service of {', '.join(each.regions)}": each.id for each in shared_services(deployment.gateways)}
    found |= {f"account {each['account']}": each["resourceId"] for each in existing_accounts(deployment)}
    for gateway in deployment.gateways:
        if gateway.get("network"):
            found[f"network of {gateway['region']}"] = network_of(gateway["network"]["endpoints"])
    for name in ("EXISTING_WORKSPACE_ID", "EXISTING_VAULT_ID"):
        if os.environ.get(name):
            found[name] = os.environ[name]
    return found


def network_of(subnet: str) -> str:
    """The virtual network of a subnet."""
    return subnet.partition("/subnets/")[0]


def group_of(resource: str) -> str:
    """The id of the resource group of a resource."""
    return resource.partition("/providers/")[0]


def seen(azure: Azure, path: str, version: str) -> Any:
    """What is there; None where nothing is, or where we may not read it."""
    try:
        return azure.find(path, version)
    except AzureRefused as error:
        if error.status == 403:
            return None
        raise


def seen_items(azure: Azure, path: str, version: str) -> list[dict[str, Any]]:
    """The items of a list; none where we may not read it."""
    try:
        return azure.every(path, version)
    except AzureRefused as error:
        if error.status in (403, 404):
            return []
        raise


def name_of(resource: str) -> str:
    """The last part of an id."""
    return resource.rpartition("/")[2]


def same(one: str, other: str) -> bool:
    """Whether two ids name one resource: Azure compares them without regard to case."""
    return one.casefold().rstrip("/") == other.casefold().rstrip("/")


def marked_assignments(azure: Azure, resource: str, mark: str) -> Iterator[dict[str, Any]]:
    """Our role assignments on a resource of others."""
    for item in seen_items(azure, f"{resource}/providers/Microsoft.Authorization/roleAssignments", ROLE_VERSION):
        ours = str(item["properties"].get("description") or "") == mark
        if ours and same(str(item["properties"].get("scope", "")), resource):
            yield item
