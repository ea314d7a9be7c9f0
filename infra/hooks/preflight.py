"""Before anything is created: can this subscription hold the deployment? Every obstacle is named, with what to do about it."""

import subprocess
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from azure_rest import Azure, AzureRefused
from deployment import Deployment, Misconfigured, needed, read_deployment

# Resource types by where they go: the pipeline's region, or every gateway region.
PIPELINE = {
    "Microsoft.DocumentDB": "databaseAccounts",
    "Microsoft.Cache": "redisEnterprise",
    "Microsoft.EventGrid": "topics",
    "Microsoft.KeyVault": "vaults",
    "Microsoft.OperationalInsights": "workspaces",
    "Microsoft.Insights": "components",
    "Microsoft.Storage": "storageAccounts",
    "Microsoft.Web": "sites",
    "Microsoft.ManagedIdentity": "userAssignedIdentities",
}
GATEWAY = {"Microsoft.ApiManagement": "service", "Microsoft.Network": "virtualNetworks"}
MODELS = {"Microsoft.CognitiveServices": "accounts"}
UNTIED = ("Microsoft.Authorization", "Microsoft.Consumption", "Microsoft.App")
DELETED = {
    "API Management service": ("Microsoft.ApiManagement/deletedservices", "2024-05-01", "serviceId"),
    "Key Vault": ("Microsoft.KeyVault/deletedVaults", "2024-11-01", "vaultId"),
    "Azure OpenAI account": ("Microsoft.CognitiveServices/deletedAccounts", "2025-06-01", None),
}


def check(azure: Azure, deployment: Deployment, subscription: str, environment: str, first_time: bool) -> Iterator[str]:
    """Every obstacle, as a sentence with its remedy."""
    base = f"/subscriptions/{subscription}"
    yield from check_shape(deployment)
    yield from check_permissions(azure, base)
    yield from check_providers(azure, base, deployment)
    yield from check_plan(azure, base, deployment)
    yield from check_models(azure, base, deployment)
    if first_time:
        yield from check_quota(azure, base, deployment)
        yield from check_names(azure, base, environment)


def check_shape(deployment: Deployment) -> Iterator[str]:
    """What the configuration and the profile must agree on."""
    primary = deployment.gateways[0]["region"]
    if not deployment.accounts:
        yield f"No account of config/deployments.yaml is in {primary}, the first gateway region; profile {deployment.profile} deploys that region alone. Add one, or order the gateways of config/gateway.yaml differently."
    if deployment.settings["privateNetwork"] and deployment.location != primary:
        yield f"AZURE_LOCATION is {deployment.location}, but a private deployment keeps the functions in the network of the first gateway region: azd env set AZURE_LOCATION {primary}"
    if len(deployment.gateways) > 1 and deployment.settings["gatewaySku"] != "Premium":
        yield f"{len(deployment.gateways)} gateway regions need gatewaySku Premium, not {deployment.settings['gatewaySku']}."
    if deployment.settings["privateNetwork"] and deployment.settings["gatewaySku"] == "BasicV2":
        yield "gatewaySku BasicV2 cannot join a network; use StandardV2 or Premium with privateNetwork."


def check_permissions(azure: Azure, base: str) -> Iterator[str]:
    """Role assignments are part of the deployment."""
    wanted = "microsoft.authorization/roleassignments/write"
    granted = azure.every(f"{base}/providers/Microsoft.Authorization/permissions", "2022-04-01")
    if not any(_covers(entry.get("actions", ()), wanted) and not _covers(entry.get("notActions", ()), wanted) for entry in granted):
        yield "You may not assign roles in this subscription; you need Owner, or Contributor with Role Based Access Control Administrator."


def check_providers(azure: Azure, base: str, deployment: Deployment) -> Iterator[str]:
    """Resource providers are registered, and offer their types in the regions wanted."""
    wanted: dict[str, tuple[str, set[str]]] = {}
    wanted.update({provider: (kind, {deployment.location}) for provider, kind in PIPELINE.items()})
    wanted.update({provider: (kind, {g["region"] for g in deployment.gateways}) for provider, kind in GATEWAY.items()})
    wanted.update({provider: (kind, {a["region"] for a in deployment.accounts}) for provider, kind in MODELS.items()})
    known = {item["namespace"].lower(): item for item in azure.every(f"{base}/providers", "2021-04-01")}
    for provider in (*wanted, *UNTIED):
        item = known.get(provider.lower(), {})
        if item.get("registrationState") != "Registered":
            yield f"Resource provider {provider} is not registered: az provider register --namespace {provider} --wait"
            continue
        kind, regions = wanted.get(provider, ("", set()))
        offered = next((_regions(t["locations"]) for t in item["resourceTypes"] if t["resourceType"].lower() == kind.lower()), set())
        yield from (f"{provider}/{kind} is not offered in {region}." for region in sorted(regions - offered) if kind)


def check_plan(azure: Azure, base: str, deployment: Deployment) -> Iterator[str]:
    """Flex Consumption exists in the pipeline's region."""
    offered = _regions(item["name"] for item in azure.every(f"{base}/providers/Microsoft.Web/geoRegions?sku=FlexConsumption", "2024-04-01"))
    if deployment.location not in offered:
        yield f"Flex Consumption functions are not offered in {deployment.location}; there are {', '.join(sorted(offered))}."


def check_models(azure: Azure, base: str, deployment: Deployment) -> Iterator[str]:
    """Each model with its version and SKU is offered in its account's region."""
    for account in deployment.accounts:
        region = account["region"]
        offered = {
            (entry["model"]["name"], entry["model"]["version"], sku["name"])
            for entry in azure.every(f"{base}/providers/Microsoft.CognitiveServices/locations/{region}/models", "2025-06-01")
            for sku in entry["model"].get("skus") or ()
        }
        for item in deployment.sets[account["deployments"]]:
            if (item["model"], item["version"], item["type"]) not in offered:
                yield f"{item['model']} {item['version']} as {item['type']} is not offered in {region}; change deployment set {account['deployments']!r} in config/deployments.yaml."


def check_quota(azure: Azure, base: str, deployment: Deployment) -> Iterator[str]:
    """The capacity of each deployment fits into what the subscription has left."""
    for account in deployment.accounts:
        region = account["region"]
        usages = azure.every(f"{base}/providers/Microsoft.CognitiveServices/locations/{region}/usages", "2025-06-01")
        left = {usage["name"]["value"].lower(): usage["limit"] - usage["currentValue"] for usage in usages}
        for item in deployment.sets[account["deployments"]]:
            name = f"OpenAI.{item['type']}.{item['model']}"
            units = deployment.capacity(item)
            if name.lower() in left and left[name.lower()] < units:
                yield f"Quota {name} in {region} has {left[name.lower()]:g} units left, {units} are wanted: lower `capacity` in config/deployments.yaml or modelCapacityPercent, or ask for more quota."


def check_names(azure: Azure, base: str, environment: str) -> Iterator[str]:
    """Nothing of an earlier deployment of this name lies in the bin, where it keeps its name and its quota."""
    for what, (kind, version, origin) in DELETED.items():
        for item in azure.every(f"{base}/providers/{kind}", version):
            place = str(item.get("properties", {}).get(origin, "") if origin else item.get("id", "")).lower()
            if f"/resourcegroups/rg-{environment}/".lower() in place + "/":
                yield f"{what} {item['name']} of an earlier rg-{environment} is deleted but not purged, and keeps its name: purge it in the portal, or choose another environment name. (azd down --purge purges at once.)"


def _covers(patterns: Iterable[str], action: str) -> bool:
    return any(
        pattern.lower() == action or (pattern.endswith("*") and action.startswith(pattern[:-1].lower())) for pattern in patterns
    )


def _regions(names: Iterable[str]) -> set[str]:
    return {name.replace(" ", "").lower() for name in names}


def remember_budget_month(value: str) -> None:
    """Azure refuses to move the first month of a budget, so the environment keeps the one of the first deployment."""
    if not value:
        month = datetime.now(UTC).strftime("%Y-%m-01")
        subprocess.run(["azd", "env", "set", "BUDGET_START_DATE", month], check=True)


def main(environment: dict[str, str], azure: Azure) -> int:
    """Print every obstacle; 1 if there is one."""
    try:
        deployment = read_deployment()
        obstacles = list(
            check(azure, deployment, needed("AZURE_SUBSCRIPTION_ID"), needed("AZURE_ENV_NAME"), not environment.get("GATEWAY_NAME"))
        )
    except (Misconfigured, AzureRefused) as error:
        obstacles = [str(error)]
    for obstacle in obstacles:
        print(f"preflight: {obstacle}", file=sys.stderr)
    if obstacles:
        print(f"preflight: {len(obstacles)} obstacle(s); nothing was created.", file=sys.stderr)
        return 1
    remember_budget_month(environment.get("BUDGET_START_DATE", ""))
    print("preflight: nothing stands in the way.")
    return 0


if __name__ == "__main__":
    import os

    sys.exit(main(dict(os.environ), Azure()))
