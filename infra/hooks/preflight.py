"""Before anything is created: names every obstacle to the deployment in this subscription, with its remedy."""

import dataclasses
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from azure_rest import Azure, AzureRefused
from deployment import Deployment, Misconfigured, Note, adopt_variables, needed, read_deployment
from preflight_changes import check_immutability, check_profile, check_resources, has_functions, locked_containers
from preflight_existing import check_existing, held_roles
from preflight_limits import check_cosmos_zones, check_functions, check_redis, check_sizes, check_tiers
from preflight_models import check_models
from preflight_retention import check_kept, check_lifecycle
from rights import may

# Resource types by where they go: the pipeline's region, the gateway regions, the regions of the accounts.
PIPELINE = {
    "Microsoft.Cache": "redisEnterprise",
    "Microsoft.DocumentDB": "databaseAccounts",
    "Microsoft.EventGrid": "topics",
    "Microsoft.Insights": "components",
    "Microsoft.KeyVault": "vaults",
    "Microsoft.ManagedIdentity": "userAssignedIdentities",
    "Microsoft.OperationalInsights": "workspaces",
    "Microsoft.Storage": "storageAccounts",
    "Microsoft.Web": "sites",
}
GATEWAY = {"Microsoft.ApiManagement": "service", "Microsoft.Network": "virtualNetworks"}
MODELS = {"Microsoft.CognitiveServices": "accounts"}
WITHOUT_PLACE = ("Microsoft.App", "Microsoft.Authorization", "Microsoft.Consumption")
BIN = {  # what keeps its name after deletion: list, API version, property that names where it was
    "API Management service": ("Microsoft.ApiManagement/deletedservices", "2024-05-01", "serviceId"),
    "Key Vault": ("Microsoft.KeyVault/deletedVaults", "2024-11-01", "vaultId"),
    "Azure OpenAI account": ("Microsoft.CognitiveServices/deletedAccounts", "2025-06-01", ""),
}


def check(azure: Azure, deployment: Deployment, subscription: str, environment: str) -> Iterator[str]:
    """Every obstacle, as a sentence with its remedy; a `Note` stops nothing."""
    base, name = f"/subscriptions/{subscription}", f"rg-{environment}"
    group = azure.find(f"{base}/resourceGroups/{name}", "2024-11-01")
    if group is not None:
        refused = list(check_profile(group, deployment))
        yield from refused or check_resources(azure, base, name, deployment)
        yield from check_immutability(azure, base, name, deployment)
        yield from check_lifecycle(azure, base, name, deployment)
        yield from check_redis(azure, base, name)
    yield from check_environment_name(environment)
    yield from check_shape(deployment)
    yield from check_sizes(deployment)
    yield from check_kept(deployment)
    yield from check_permissions(azure, base)
    yield from check_providers(azure, base, deployment)
    yield from check_functions(azure, base, deployment)
    yield from check_cosmos_zones(azure, base, deployment)
    yield from check_existing(azure, deployment, environment)
    made = without_existing(deployment)
    yield from check_models(azure, base, name, made, datetime.now(UTC).date())
    if group is None:
        yield from check_tiers(azure, base, deployment)  # what is there already stays
        yield from check_quota(azure, base, made)  # a second run would count its own deployments against itself
        yield from check_names(azure, base, environment)
        yield from check_host_name()


def without_existing(deployment: Deployment) -> Deployment:
    """The same deployment with only those accounts that it makes."""
    accounts = [account for account in deployment.accounts if not account.get("resourceId")]
    return dataclasses.replace(deployment, accounts=accounts)


def check_environment_name(environment: str) -> Iterator[str]:
    """The name is part of the names of resource groups; Azure may refuse a name that azd accepts."""
    if not re.fullmatch(r"[A-Za-z0-9._()-]{1,64}", environment) or environment.endswith("."):
        yield (
            f"the environment is called {environment!r}: a name has 1 to 64 letters, digits, hyphens, periods,"
            " underscores or brackets, and does not end with a period: azd env new <another name>"
        )


def check_host_name() -> Iterator[str]:
    """The gateway reads its certificate under its own identity, which does not exist before the first deployment."""
    host = os.environ.get("GATEWAY_HOST_NAME")
    if host:
        yield (
            f"the gateway cannot begin with the host name {host}: deploy without it (azd env set GATEWAY_HOST_NAME"
            " \"\"), import its certificate, then set it and provision again ('Before production' in docs/deploy.md)."
        )


def check_shape(deployment: Deployment) -> Iterator[str]:
    """What the configuration and the profile must agree on."""
    primary = deployment.gateways[0]["region"]
    made = [gateway for gateway in deployment.gateways if not gateway.get("resourceId")]
    sku, private = deployment.settings["gatewaySku"], deployment.settings["privateNetwork"]
    if not deployment.accounts:
        yield (
            f"profile {deployment.profile} deploys only the primary gateway region, and no account of"
            f" config/company/deployments.yaml is in {primary}: add one,"
            " or move `primary: true` in config/company/gateway.yaml."
        )
    if private and deployment.location != primary:
        yield (
            f"AZURE_LOCATION is {deployment.location}, but a private deployment keeps the functions in the network of"
            f" the primary gateway region: azd env set AZURE_LOCATION {primary}"
        )
    spans = deployment.settings["gatewayTopology"] == "spanning"
    if len(made) > 1 and spans and sku != "Premium":
        yield (
            f"only gatewaySku Premium spans {len(made)} gateway regions, not {sku}:"
            " set gatewayTopology to perRegion, which makes a service in each."
        )
    if len(made) == len(deployment.gateways) > 1 and not os.environ.get("GATEWAY_HOST_NAME"):
        yield Note(
            "Traffic Manager answers only by DNS, so callers cannot use it without GATEWAY_HOST_NAME and its"
            " certificate ('Before production' in docs/deploy.md); until then they use the host names of the services."
        )
    if private and made and sku != "Premium":
        yield f"privateNetwork needs gatewaySku Premium, not {sku}: the others cannot be injected into the network."


def check_permissions(azure: Azure, base: str) -> Iterator[str]:
    """Role assignments are part of the deployment, and so are roles of our own."""
    for wanted, meaning in (
        ("microsoft.authorization/roleassignments/write", "assign roles"),
        ("microsoft.authorization/roledefinitions/write", "make roles"),
    ):
        if not may(azure, base, wanted):
            yield (
                f"you may not {meaning} in this subscription: you need Owner, or Contributor with"
                " User Access Administrator."
            )


def check_providers(azure: Azure, base: str, deployment: Deployment) -> Iterator[str]:
    """Resource providers are registered, and offer their types in the wanted regions."""
    places: tuple[tuple[dict[str, str], set[str]], ...] = (
        (PIPELINE, {deployment.location}),
        (GATEWAY, {gateway["region"] for gateway in deployment.gateways}),
        (MODELS, {account["region"] for account in deployment.accounts}),
        (dict.fromkeys(WITHOUT_PLACE, ""), set()),
    )
    known = {item["namespace"].lower(): item for item in azure.every(f"{base}/providers", "2021-04-01")}
    for kinds, regions in places:
        for provider, kind in kinds.items():
            item = known.get(provider.lower(), {})
            if item.get("registrationState") != "Registered":
                yield f"{provider} is not registered: az provider register --namespace {provider} --wait"
                continue
            types = {entry["resourceType"].lower(): entry["locations"] for entry in item.get("resourceTypes", ())}
            missing = regions - _regions(types.get(kind.lower(), ()))
            yield from (f"{provider}/{kind} is not offered in {region}." for region in sorted(missing))


def check_quota(azure: Azure, base: str, deployment: Deployment) -> Iterator[str]:
    """The capacity of each deployment fits into what the subscription has left."""
    for account in deployment.accounts:
        region = account["region"]
        usages = azure.every(f"{base}/providers/Microsoft.CognitiveServices/locations/{region}/usages", "2025-06-01")
        left = {usage["name"]["value"].lower(): usage["limit"] - usage["currentValue"] for usage in usages}
        for item in deployment.sets[account["deployments"]]:
            name, units = f"OpenAI.{item['type']}.{item['model']}", deployment.capacity(item)
            if left.get(name.lower(), units) < units:
                yield (
                    f"quota {name} in {region} has {left[name.lower()]:g} units left and {units} are wanted:"
                    " lower `capacity` in config/company/deployments.yaml or modelCapacityPercent,"
                    " or ask for more quota."
                )


def check_names(azure: Azure, base: str, environment: str) -> Iterator[str]:
    """No deleted but unpurged resource of an earlier deployment still keeps its name and its quota."""
    group = f"/resourcegroups/rg-{environment}/".lower()
    for what, (kind, version, origin) in BIN.items():
        for item in azure.every(f"{base}/providers/{kind}", version):
            place = item["properties"].get(origin, "") if origin else item["id"]
            if group in f"{place}/".lower():
                yield (
                    f"{what} {item['name']} of an earlier deployment is deleted but not purged, and keeps its name:"
                    " purge it, or choose another environment name (azd down --purge purges at once)."
                )


def budget_month(azure: Azure, subscription: str, environment: str) -> str:
    """The first month of the resource budget, which Azure refuses to move once the budget exists."""
    found = budgets_of(azure, subscription, environment)
    if not found:
        return datetime.now(UTC).strftime("%Y-%m-01")
    (budget,) = found
    return str(budget["properties"]["timePeriod"]["startDate"])[:10]


def budgets_of(azure: Azure, subscription: str, environment: str) -> list[dict[str, Any]]:
    """The budget of the environment's resources, which may not exist yet."""
    every = azure.every(f"/subscriptions/{subscription}/providers/Microsoft.Consumption/budgets", "2024-08-01")
    return [item for item in every if _budgeted(item) == [environment]]


def _budgeted(budget: dict[str, Any]) -> list[str]:
    """The environments whose resources a budget of ours counts."""
    ours = str(budget["name"]).startswith("chargeback-")
    tag = ((budget["properties"].get("filter") or {}).get("tags") or {}) if ours else {}
    return list(tag.get("values") or ()) if tag.get("name") == "azd-env-name" else []


def _regions(names: Iterable[str]) -> set[str]:
    return {name.replace(" ", "").lower() for name in names}


def main(azure: Azure) -> int:
    """Print every obstacle; 1 if there is one."""
    findings: list[str] = []
    try:
        renamed = adopt_variables()
        subscription, environment = needed("AZURE_SUBSCRIPTION_ID"), needed("AZURE_ENV_NAME")
        deployment = read_deployment()
        findings.extend(check(azure, deployment, subscription, environment))
        here = (azure, f"/subscriptions/{subscription}", f"rg-{environment}")
        values = {
            "BUDGET_START_DATE": budget_month(azure, subscription, environment),
            "IMMUTABILITY_LOCKED": ",".join(locked_containers(*here)),
            "HELD_ROLES": ",".join(held_roles(azure, deployment, environment)),
            "FUNCTIONS_DEPLOYED": "true" if has_functions(*here) else "false",
            **{present: os.environ[present] for present in renamed.values()},
        }
        findings += [
            Note(f'{former} is now called {present}, and gets that name: azd env set {former} ""')
            for former, present in renamed.items()
        ]
    except (Misconfigured, AzureRefused) as error:
        # What was found until then counts: a provider that is not registered refuses to be asked.
        findings.append(str(error))
    notes = [each for each in findings if isinstance(each, Note)]
    obstacles = [each for each in findings if not isinstance(each, Note)]
    for note in notes:
        print(f"preflight: warning: {note}", file=sys.stderr)
    if obstacles:
        for obstacle in obstacles:
            print(f"preflight: {obstacle}", file=sys.stderr)
        print(f"preflight: {len(obstacles)} obstacle(s); nothing was created.", file=sys.stderr)
        return 1
    for name, value in values.items():
        subprocess.run(["azd", "env", "set", name, value], check=True)
    print("preflight: nothing stands in the way.")
    return 0


if __name__ == "__main__":
    sys.exit(main(Azure()))
