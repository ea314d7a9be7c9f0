"""Removes what is ours from resources that others use, and nothing else: by our prefix and mark, or by our tag."""

import os
from collections.abc import Iterator
from typing import Any

from azure_rest import Azure, AzureRefused
from deployment import Deployment
from existing import (
    OWN_SECRETS,
    OWNER_TAG,
    PREFIX,
    ROLE_VERSION,
    SERVICE_VERSION,
    SETTING,
    SETTING_VERSION,
    VAULT_VERSION,
    existing_accounts,
    group_of,
    is_marked,
    mark_of,
    marked_assignments,
    name_of,
    seen,
    seen_items,
    shared_services,
)

WITH_PREFIX = ("policyFragments", "backends", "namedValues")
"""In this order: a fragment names backends and named values."""
ANY = {"If-Match": "*"}


def remove_from_existing(azure: Azure, deployment: Deployment, environment: str) -> Iterator[str]:
    """Remove it; what was removed, by resource. Raises `AzureRefused` while somebody's policy includes a fragment."""
    mark = mark_of(environment)
    for service in shared_services(deployment.gateways):
        if seen(azure, service.id, SERVICE_VERSION) is not None:
            _require_unused(azure, service.id, mark)
            removed = list(_from_service(azure, service.id, mark))
            yield f"{len(removed)} thing(s) of ours removed from {service.name}"
    for resource in _with_roles(deployment):
        for assignment in marked_assignments(azure, resource, mark):
            azure.manage("DELETE", assignment["id"], ROLE_VERSION)
            yield f"our role on {name_of(resource)} removed"
    for group in sorted({group_of(each["resourceId"]) for each in existing_accounts(deployment)}):
        yield from _definitions(azure, group, mark)
    yield from _secrets(azure, environment)


def _require_unused(azure: Azure, service: str, mark: str) -> None:
    """Before anything is removed: no policy of others includes a fragment of ours."""
    own = {item["name"] for item in _ours(azure, service, "apis", mark)}
    for fragment in _ours(azure, service, "policyFragments", mark):
        used = azure.manage("POST", f"{fragment['id']}/listReferences", SERVICE_VERSION) or {}
        for item in used.get("value", ()):
            parts = item["id"].split("/")
            if not ("apis" in parts and parts[parts.index("apis") + 1].partition(";")[0] in own):
                raise AzureRefused(
                    409,
                    f"{item['id']} includes the fragment {fragment['name']}: remove the lines of this product from"
                    " that policy first ('Going back' in docs/existing.md). Nothing was removed.",
                )


def _from_service(azure: Azure, service: str, mark: str) -> Iterator[str]:
    """Products with their subscriptions, APIs with their policies, then what those name."""
    for product in azure.every(f"{service}/products", SERVICE_VERSION):
        if is_marked(product, mark):
            yield _delete(azure, f"{product['id']}?deleteSubscriptions=true")
    for api in _ours(azure, service, "apis", mark):
        yield _delete(azure, f"{api['id']}?deleteRevisions=true")
    for kind in WITH_PREFIX:
        for item in _ours(azure, service, kind, mark):
            yield _delete(azure, item["id"])
    setting = f"{service}/providers/Microsoft.Insights/diagnosticSettings/{SETTING}"
    if azure.find(setting, SETTING_VERSION) is not None:
        azure.manage("DELETE", setting, SETTING_VERSION)
        yield SETTING


def _ours(azure: Azure, service: str, kind: str, mark: str) -> list[dict[str, Any]]:
    items = azure.every(f"{service}/{kind}", SERVICE_VERSION)
    return [item for item in items if item["name"].startswith(PREFIX) and is_marked(item, mark)]


def _delete(azure: Azure, path: str) -> str:
    azure.manage("DELETE", path, SERVICE_VERSION, headers=ANY)
    return name_of(path.partition("?")[0])


def _with_roles(deployment: Deployment) -> list[str]:
    named = [os.environ.get(name, "") for name in ("EXISTING_WORKSPACE_ID", "EXISTING_VAULT_ID")]
    return [each["resourceId"] for each in existing_accounts(deployment)] + [each for each in named if each]


def _definitions(azure: Azure, group: str, mark: str) -> Iterator[str]:
    """Our role definitions in a group of others, which nobody is given any more."""
    path = f"{group}/providers/Microsoft.Authorization/roleDefinitions"
    for item in seen_items(azure, f"{path}?$filter=type eq 'CustomRole'".replace(" ", "%20"), ROLE_VERSION):
        if str(item["properties"].get("roleName") or "").endswith(f"{mark})"):
            azure.manage("DELETE", f"{path}/{item['name']}", ROLE_VERSION)
            yield f"our role definition in {name_of(group)} removed"


def _secrets(azure: Azure, environment: str) -> Iterator[str]:
    """The keys in a vault of others, if this environment made them."""
    vault = os.environ.get("EXISTING_VAULT_ID", "")
    for name in OWN_SECRETS if vault else ():
        secret = azure.find(f"{vault}/secrets/{name}", VAULT_VERSION)
        if secret is not None and (secret.get("tags") or {}).get(OWNER_TAG) == environment:
            url = str(secret["properties"]["secretUri"])
            azure.send("DELETE", f"{url}?api-version=7.4", scope="https://vault.azure.net/.default")
            yield f"the secret {name} removed from {name_of(vault)}"
