"""Before anything is created: what stands in the way inside an API Management service that others use."""

from collections.abc import Iterator, Mapping
from typing import Any

from azure_rest import Azure
from deployment import Deployment, Note
from existing import (
    PREFIX,
    SERVICE_VERSION,
    SETTING,
    SETTING_VERSION,
    SharedService,
    is_marked,
    is_metering_only,
    mark_of,
    name_of,
    network_of,
    same,
    seen,
)

LOGS = ("GatewayLogs", "GatewayLlmLogs")
MOST_SETTINGS = 5
"""Diagnostic settings of a resource: https://learn.microsoft.com/azure/azure-monitor/platform/diagnostic-settings."""
KINDS = (  # what is made with the prefix: list, word
    ("namedValues", "named value"),
    ("policyFragments", "fragment"),
    ("backends", "backend"),
    ("apis", "API"),
)


def check_service(
    azure: Azure, service: SharedService, deployment: Deployment, environment: str, workspace: str
) -> Iterator[str]:
    """Every obstacle in one service; a `Note` stops nothing. `workspace` is the existing one, empty for ours."""
    found = seen(azure, service.id, SERVICE_VERSION)
    if found is None:
        yield (
            f"there is no API Management service {service.id}, or you may not read it: set resourceId in"
            " config/company/gateway.yaml, or ask for Reader on it."
        )
        return
    yield from _check_itself(service, found)
    yield from _check_network(service, found, deployment)
    mark = mark_of(environment)
    yield from _check_prefixed(azure, service, mark)
    if is_metering_only(deployment):
        yield from _check_metered(azure, service, deployment.gateway["metering"]["apis"])
    else:
        yield from _check_paths(azure, service, deployment.gateway["api"], mark)
        yield from _check_products(azure, service, deployment.gateway, mark)
    yield from _check_logs(azure, service, workspace)


def principal_of(found: Mapping[str, Any] | None) -> str:
    """The principal of a service's own identity; empty where it has none."""
    return str(((found or {}).get("identity") or {}).get("principalId") or "")


def _check_itself(service: SharedService, found: Mapping[str, Any]) -> Iterator[str]:
    tier = found["sku"]["name"]
    if tier != service.tier:
        yield (
            f"the service {service.name} is {tier}, and config/company/gateway.yaml says {service.tier or 'no tier'}:"
            f" set tier: {tier}; it decides how large a body the policies may read."
        )
    if not principal_of(found):
        group = service.id.split("/")[4]
        yield (
            f"the service {service.name} has no identity of its own, with which it calls models and sends events;"
            " its owner gives it one:"
            f" az apim update --name {service.name} --resource-group {group} --enable-managed-identity true"
        )
    places = {_plain(found["location"])} | {
        _plain(each["location"]) for each in found["properties"].get("additionalLocations") or ()
    }
    for region in service.regions:
        if region not in places:
            yield (
                f"the service {service.name} has no gateway in {region}, but in {', '.join(sorted(places))}:"
                " change the region in config/company/gateway.yaml."
            )


def _check_network(service: SharedService, found: Mapping[str, Any], deployment: Deployment) -> Iterator[str]:
    """A private topic has an endpoint in the network of each region, and nobody else's address is let in."""
    if not deployment.settings["privateNetwork"]:
        return
    main = {**found["properties"], "location": found["location"]}
    subnets = {
        _plain(each["location"]): str((each.get("virtualNetworkConfiguration") or {}).get("subnetResourceId") or "")
        for each in (main, *(main.get("additionalLocations") or ()))
    }
    for gateway in deployment.gateways:
        region = gateway["region"]
        if not same(gateway.get("resourceId", ""), service.id) or region not in subnets:
            continue
        network = network_of((gateway.get("network") or {}).get("endpoints", ""))
        if not subnets[region]:
            yield (
                f"the service {service.name} is in no network in {region}, and profile {deployment.profile} is private:"
                " it could reach neither the topic nor the functions, and no call would be counted. Have its owner put"
                " it into a network, or set privateNetwork to false in the overrides."
            )
        elif not same(network_of(subnets[region]), network):
            yield Note(
                f"the service {service.name} is in {network_of(subnets[region])}, and the private endpoints of {region}"
                f" are made in {network or 'a network of our own'}: peer these networks, and link the private DNS zones"
                " to that of the service, or no call is counted."
            )


def _check_prefixed(azure: Azure, service: SharedService, mark: str) -> Iterator[str]:
    """What has our prefix and is not ours would be overwritten: another environment made it, or somebody else."""
    for kind, word in KINDS:
        for item in azure.every(f"{service.id}/{kind}", SERVICE_VERSION):
            if item["name"].lower().startswith(PREFIX) and not is_marked(item, mark):
                yield (
                    f"the {word} {item['name']} of {service.name} would be overwritten, and is not of this environment:"
                    " another environment of this product is in the service, or somebody uses the prefix"
                    f" {PREFIX}. Take another service, or have its owner remove it."
                )


def _check_paths(azure: Azure, service: SharedService, api: Mapping[str, Any], mark: str) -> Iterator[str]:
    """A path belongs to one API."""
    wanted = {api["path"].strip("/").lower(): "api.path", f"{PREFIX}budgets": ""}
    for item in azure.every(f"{service.id}/apis", SERVICE_VERSION):
        path = str(item["properties"].get("path") or "").strip("/").lower()
        if path in wanted and not is_marked(item, mark):
            remedy = (
                f"set another {wanted[path]} in config/company/gateway.yaml, such as ai/openai"
                if wanted[path]
                else "have it moved"
            )
            yield f"the API {item['name']} of {service.name} has the path {path}: {remedy}."


def _check_products(azure: Azure, service: SharedService, gateway: Mapping[str, Any], mark: str) -> Iterator[str]:
    """Products and subscriptions have the names that the configuration gives them, because events name them."""
    products = {each["id"].lower() for each in gateway["products"]}
    teams = {each["id"].lower() for each in gateway["subscriptions"]}
    ours = set()
    for item in azure.every(f"{service.id}/products", SERVICE_VERSION):
        if is_marked(item, mark):
            ours.add(item["name"].lower())
        elif item["name"].lower() in products:
            yield (
                f"the product {item['name']} of {service.name} would be overwritten: give yours another id in"
                " config/company/gateway.yaml."
            )
    for item in azure.every(f"{service.id}/subscriptions", SERVICE_VERSION):
        product = name_of(str(item["properties"].get("scope") or "")).lower()
        if item["name"].lower() in teams and product not in ours:
            yield (
                f"the subscription {item['name']} of {service.name} would be overwritten, and its callers would lose"
                " what it opens: give yours another id in config/company/gateway.yaml."
            )


def _check_metered(azure: Azure, service: SharedService, apis: list[str]) -> Iterator[str]:
    """The APIs that are to be counted exist, and log what streams are settled from."""
    for api in apis:
        path = f"{service.id}/apis/{api}"
        if azure.find(path, SERVICE_VERSION) is None:
            yield (
                f"there is no API {api} in {service.name}: metering.apis of config/company/gateway.yaml has the ids"
                " of those whose calls are counted."
            )
            continue
        setting = azure.find(f"{path}/diagnostics/azuremonitor", "2025-03-01-preview")
        properties = (setting or {}).get("properties") or {}
        if (properties.get("largeLanguageModel") or {}).get("logs") != "enabled":
            yield Note(
                f"the API {api} of {service.name} does not log tokens of language models, so its streams are only"
                " estimated ('Metering only' in docs/existing.md has the command)."
            )
        policy = azure.find(f"{path}/policies/policy?format=rawxml", SERVICE_VERSION)
        if f"{PREFIX}account" not in str((policy or {}).get("properties", {}).get("value", "")):
            yield Note(
                f"the policy of the API {api} of {service.name} does not include {PREFIX}account yet, so its calls are"
                " not counted: add the lines of 'Metering only' in docs/existing.md after this deployment."
            )


def _check_logs(azure: Azure, service: SharedService, workspace: str) -> Iterator[str]:
    """The service's log reaches the workspace: by a setting of ours where that is ours, else by one that exists."""
    logger = f"{service.id}/loggers/azuremonitor"
    if seen(azure, logger, SERVICE_VERSION) is None:
        body = '{"properties": {"loggerType": "azureMonitor", "isBuffered": true}}'
        yield (
            f"the service {service.name} has no logger azuremonitor, by which APIs write its log; its owner makes it:"
            f" az rest --method put --url"
            f" \"https://management.azure.com{logger}?api-version={SERVICE_VERSION}\" --body '{body}'"
        )
    settings = azure.every(f"{service.id}/providers/Microsoft.Insights/diagnosticSettings", SETTING_VERSION)
    others = [each for each in settings if each["name"] != SETTING]
    if not workspace:
        if len(others) >= MOST_SETTINGS:
            yield (
                f"the service {service.name} has {len(others)} diagnostic settings and takes {MOST_SETTINGS}: remove"
                " one, or send its log to one workspace and set EXISTING_WORKSPACE_ID."
            )
    elif not any(_sends(each["properties"], workspace) for each in settings):
        logs = ", ".join(f'{{"category": "{each}", "enabled": true}}' for each in LOGS)
        yield (
            f"the log of {service.name} does not reach the workspace {name_of(workspace)} in tables of its own:"
            f" az monitor diagnostic-settings create --name chargeback --resource {service.id} --workspace {workspace}"
            f" --export-to-resource-specific true --logs '[{logs}]'"
        )


def _sends(setting: Mapping[str, Any], workspace: str) -> bool:
    if not same(str(setting.get("workspaceId") or ""), workspace):
        return False
    if setting.get("logAnalyticsDestinationType") != "Dedicated":
        return False
    logs = [each for each in setting.get("logs") or () if each.get("enabled")]
    every = any(each.get("categoryGroup") == "allLogs" for each in logs)
    return every or set(LOGS) <= {each.get("category") for each in logs}


def _plain(place: str) -> str:
    return place.replace(" ", "").lower()
