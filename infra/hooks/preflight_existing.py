"""Before anything is created: what stands in the way of taking resources that exist, each with its remedy."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from azure_rest import Azure
from deployment import Deployment, Note
from existing import (
    ACCOUNT_VERSION,
    OWN_SECRETS,
    OWNER_TAG,
    ROLE_VERSION,
    SERVICE_VERSION,
    VAULT_VERSION,
    WORKSPACE_VERSION,
    existing_accounts,
    existing_ids,
    group_of,
    is_metering_only,
    mark_of,
    name_of,
    network_of,
    same,
    seen,
    seen_items,
    shared_services,
)
from preflight_service import check_service, principal_of
from rights import may

NETWORK_VERSION = "2024-05-01"
ZONE_VERSION = "2024-06-01"
FLEX = "Microsoft.App/environments"
CALLS_MODELS = {"Cognitive Services OpenAI User": "5e0bd9bd-7b93-4f28-af87-19fc36ad61bd"}
KEEPS_SECRETS = {"Key Vault Secrets Officer": "b86a8fe4-44ce-4948-aee5-eccb2c155cd7"}
"""Roles that may have been given before, with their ids of infra/roles.json: Azure refuses a second assignment."""


def check_existing(azure: Azure, deployment: Deployment, environment: str) -> Iterator[str]:
    """Every obstacle, as a sentence with its remedy; a `Note` stops nothing."""
    workspace, vault = (os.environ.get(name, "") for name in ("EXISTING_WORKSPACE_ID", "EXISTING_VAULT_ID"))
    services = shared_services(deployment.gateways)
    yield from _check_places(deployment, environment)
    if services and os.environ.get("GATEWAY_HOST_NAME"):
        yield (
            "GATEWAY_HOST_NAME is for a service that is made here; one that exists keeps its host names:"
            ' azd env set GATEWAY_HOST_NAME ""'
        )
    for service in services:
        yield from check_service(azure, service, deployment, environment, workspace)
    for account in existing_accounts(deployment):
        yield from _check_account(azure, account, deployment)
    if workspace and seen(azure, workspace, WORKSPACE_VERSION) is None:
        yield f"there is no workspace {workspace}, or you may not read it: azd env set EXISTING_WORKSPACE_ID <its id>"
    if vault:
        yield from _check_vault(azure, vault, environment)
    yield from _check_networks(azure, deployment)
    yield from _check_rights(azure, deployment, workspace, vault)


def held_roles(azure: Azure, deployment: Deployment, environment: str) -> list[str]:
    """Assignments that we need and others have made, as infra/modules/existing-roles.bicep reads them."""
    mark, held = mark_of(environment), list[str]()
    services = {each.id: seen(azure, each.id, SERVICE_VERSION) for each in shared_services(deployment.gateways)}
    accounts = [] if is_metering_only(deployment) else existing_accounts(deployment)
    for account in accounts:
        for service, found in services.items():
            held += _held(azure, account["resourceId"], principal_of(found), service, CALLS_MODELS, mark)
    vault = os.environ.get("EXISTING_VAULT_ID", "")
    if vault:
        deployer = os.environ.get("AZURE_PRINCIPAL_ID") or azure.principal()
        held += _held(azure, vault, deployer, deployer, KEEPS_SECRETS, mark)
    return held


def _held(azure: Azure, resource: str, principal: str, key: str, roles: dict[str, str], mark: str) -> Iterator[str]:
    if not principal:
        return
    for item in seen_items(azure, f"{resource}/providers/Microsoft.Authorization/roleAssignments", ROLE_VERSION):
        given = item["properties"]
        if given.get("principalId") != principal or not same(str(given.get("scope", "")), resource):
            continue
        for role, known in roles.items():
            if name_of(str(given["roleDefinitionId"])) == known and given.get("description") != mark:
                yield f"{role}|{key}|{resource}"


def _check_places(deployment: Deployment, environment: str) -> Iterator[str]:
    """What exists must not be in a group that `azd down` deletes."""
    for what, resource in existing_ids(deployment).items():
        group = name_of(group_of(resource)).lower()
        if group == f"rg-{environment}".lower() or group.startswith(f"rg-{environment}-".lower()):
            yield (
                f"the {what} is in the group {group} of this environment, which azd down deletes with all that is in"
                " it: move it to a group of its own, or choose another environment name."
            )


def _check_account(azure: Azure, account: dict[str, Any], deployment: Deployment) -> Iterator[str]:
    place = f"account {account['account']} of config/company/deployments.yaml"
    found = seen(azure, account["resourceId"], ACCOUNT_VERSION)
    if found is None:
        yield f"there is no {account['resourceId']}, or you may not read it: set the resourceId of the {place}."
        return
    label = str(found["properties"].get("customSubDomainName") or "")
    if label.lower() != account["account"].lower():
        said = f"its host begins with {label}" if label else "it has no host of its own, which Entra tokens need"
        yield f"{place} is not called as its host is: {said}; `account` is the first label of that host."
    if found["location"].replace(" ", "").lower() != account["region"]:
        yield f"{place} is in {found['location']}: set its region."
    deployed = {each["name"]: each for each in azure.every(f"{account['resourceId']}/deployments", ACCOUNT_VERSION)}
    for item in deployment.sets[account["deployments"]]:
        yield from _check_deployed(place, item, deployed.get(item["name"]))


def _check_deployed(place: str, item: dict[str, Any], found: dict[str, Any] | None) -> Iterator[str]:
    """Nothing is deployed on an account that exists, so the configuration says what is there: prices depend on it."""
    if found is None:
        yield f"{place} has no deployment {item['name']}: remove it from the set, or have it deployed."
        return
    model = found["properties"]["model"]
    there = (model["name"], model.get("version", ""), found["sku"]["name"])
    if there != (item["model"], item["version"], item["type"]):
        yield f"deployment {item['name']} of {place} is {' '.join(there)}: write that, because its price depends on it."


def _check_vault(azure: Azure, vault: str, environment: str) -> Iterator[str]:
    found = seen(azure, vault, VAULT_VERSION)
    if found is None:
        yield f"there is no vault {vault}, or you may not read it: azd env set EXISTING_VAULT_ID <its id>"
        return
    if not found["properties"].get("enableRbacAuthorization"):
        yield (
            f"the vault {found['name']} has access policies instead of Azure RBAC, and changing that is its owner's"
            ' decision: take another one, or let one be made (azd env set EXISTING_VAULT_ID "").'
        )
    for name in OWN_SECRETS:
        secret = seen(azure, f"{vault}/secrets/{name}", VAULT_VERSION)
        if secret is not None and (secret.get("tags") or {}).get(OWNER_TAG) != environment:
            yield (
                f"the vault {found['name']} has a secret {name} that is not of this environment: take another vault,"
                ' or let one be made (azd env set EXISTING_VAULT_ID "").'
            )


def _check_networks(azure: Azure, deployment: Deployment) -> Iterator[str]:
    for gateway in deployment.gateways:
        network = gateway.get("network")
        if not network:
            continue
        if not deployment.settings["privateNetwork"]:
            yield Note(f"the network of {gateway['region']} is not used: profile {deployment.profile} is public.")
            continue
        for name in ("endpoints", "functions", "gateway"):
            if network.get(name):
                yield from _check_subnet(azure, name, network[name])
        for zone in network.get("dnsZones", ()):
            if seen(azure, zone, ZONE_VERSION) is None:
                yield f"there is no private DNS zone {zone}, or you may not read it: change network.dnsZones."
        yield from _check_zones(azure, gateway)


def _check_subnet(azure: Azure, name: str, subnet: str) -> Iterator[str]:
    found = seen(azure, subnet, NETWORK_VERSION)
    if found is None:
        yield f"there is no subnet {subnet}: change network.{name} in config/company/gateway.yaml."
        return
    properties = found["properties"]
    delegated = {each["properties"]["serviceName"] for each in properties.get("delegations") or ()}
    if name == "functions" and FLEX not in delegated:
        yield (
            f"the subnet {name_of(subnet)} is not delegated to the functions:"
            f" az network vnet subnet update --ids {subnet} --delegations {FLEX}"
        )
    services = {each["service"] for each in properties.get("serviceEndpoints") or ()}
    if name == "gateway" and "Microsoft.KeyVault" not in services:
        yield (
            f"the subnet {name_of(subnet)} has no service endpoint of Key Vault, by which the gateway reads its"
            f" certificate: az network vnet subnet update --ids {subnet} --service-endpoints Microsoft.KeyVault"
        )


def _check_zones(azure: Azure, gateway: dict[str, Any]) -> Iterator[str]:
    """A network resolves a name by one zone: where it has one that nobody told us, ours could not be linked."""
    network = network_of(gateway["network"]["endpoints"])
    told = {zone.lower() for zone in gateway["network"].get("dnsZones", ())}
    subscription = "/".join(network.split("/")[:3])
    for zone in seen_items(azure, f"{subscription}/providers/Microsoft.Network/privateDnsZones", ZONE_VERSION):
        if not zone["name"].startswith("privatelink.") or zone["id"].lower() in told:
            continue
        links = seen_items(azure, f"{zone['id']}/virtualNetworkLinks", ZONE_VERSION)
        if any(same(str(each["properties"]["virtualNetwork"]["id"]), network) for each in links):
            yield (
                f"the network of {gateway['region']} resolves {zone['name']} by a zone that exists: add {zone['id']} to"
                " network.dnsZones in config/company/gateway.yaml."
            )


def _check_rights(azure: Azure, deployment: Deployment, workspace: str, vault: str) -> Iterator[str]:
    """What the template does where something exists, whoever deploys has to be allowed there."""
    found = {(each.scope.lower(), each.action): each for each in _rights(deployment, workspace, vault)}
    yield from (f"you may not {each.said}." for each in found.values() if not may(azure, each.scope, each.action))


@dataclass(frozen=True)
class _Right:
    """What has to be allowed in a group or on a resource, in lower case; and what to say where it is not."""

    scope: str
    action: str
    said: str


def _rights(deployment: Deployment, workspace: str, vault: str) -> Iterator[_Right]:
    services = [each.id for each in shared_services(deployment.gateways)]
    accounts = [] if is_metering_only(deployment) else [each["resourceId"] for each in existing_accounts(deployment)]
    for group in map(group_of, (*services, *accounts, *filter(None, (workspace, vault)))):
        yield _Right(
            group,
            "microsoft.resources/deployments/write",
            f"deploy into {name_of(group)}, which roles that only assign roles do not allow: ask its owner for"
            " Contributor there, or for one of the roles in docs/existing.md",
        )
    for group in map(group_of, (*accounts, *filter(None, (workspace, vault)))):
        yield _Right(
            group,
            "microsoft.authorization/roleassignments/write",
            f"assign roles in {name_of(group)}, where a resource that exists gets roles of ours: ask its owner for Role"
            " Based Access Control Administrator there",
        )
    for group in map(group_of, accounts):
        yield _Right(
            group,
            "microsoft.authorization/roledefinitions/write",
            f"make roles in {name_of(group)}, where the gateway gets one of ours on an account that exists: ask its"
            " owner for User Access Administrator there",
        )
    for service in services:
        yield _Right(
            service,
            "microsoft.apimanagement/service/policyfragments/write",
            f"write into the service {name_of(service)}: ask its owner for API Management Service Contributor",
        )
        if not workspace:
            yield _Right(
                service,
                "microsoft.insights/diagnosticsettings/write",
                f"send the log of {name_of(service)} to a workspace of ours: ask its owner for Monitoring Contributor"
                " on it, or name a workspace that has its log (EXISTING_WORKSPACE_ID)",
            )
    if workspace:
        yield _Right(
            workspace,
            "microsoft.operationalinsights/workspaces/sharedkeys/action",
            f"send logs of our resources to the workspace {name_of(workspace)}: ask its owner for Log Analytics"
            " Contributor on it",
        )
    if deployment.settings["privateNetwork"] and not all(each.get("network") for each in deployment.gateways):
        for account in accounts:
            yield _Right(
                account,
                "microsoft.cognitiveservices/accounts/privateendpointconnectionsapproval/action",
                f"approve a private endpoint of the account {name_of(account)}: ask its owner for Cognitive Services"
                " Contributor on it",
            )
