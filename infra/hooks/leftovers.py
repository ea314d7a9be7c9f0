"""Finds what is deployed but no longer configured: a deployment adds and changes, but never removes.

A model deployment that was renamed stays under its old name too, and keeps its quota.
A team that was removed from the configuration still has its key.
Nothing is removed here, because somebody may still use it: each leftover is named with the command that removes it.
"""

from collections.abc import Iterator
from typing import Any

from azure_rest import Azure
from deployment import Deployment

MODELS_VERSION = "2025-06-01"
GATEWAY_VERSION = "2024-05-01"
OF_THE_SERVICE = {"starter", "unlimited"}
"""Products that API Management makes by itself in a new service."""


def leftovers(azure: Azure, group_id: str, deployment: Deployment, configured: dict[str, Any]) -> Iterator[str]:
    """Every leftover as a sentence with the command that removes it.

    `group_id` is the resource group, `configured` what config/company/gateway.yaml says.
    """
    inside = f"{group_id}/providers"
    yield from _of_models(azure, f"{inside}/Microsoft.CognitiveServices/accounts", deployment)
    for service in azure.every(f"{inside}/Microsoft.ApiManagement/service", GATEWAY_VERSION):
        yield from _of_gateway(azure, service, configured)


def _of_models(azure: Azure, accounts: str, deployment: Deployment) -> Iterator[str]:
    """Accounts and model deployments; an account's name is the configured one with a suffix."""
    wanted = {
        item["account"]: {each["name"] for each in deployment.sets[item["deployments"]]} for item in deployment.accounts
    }
    for account in azure.every(accounts, MODELS_VERSION):
        known = wanted.get(account["name"].rpartition("-")[0])
        if known is None:
            command = f"az cognitiveservices account delete --ids {account['id']}"
            yield f"account {account['name']} is no longer configured: {command}"
            continue
        for item in azure.every(f"{account['id']}/deployments", MODELS_VERSION):
            if item["name"] not in known:
                yield (
                    f"model deployment {item['name']} of {account['name']} is no longer configured, and keeps"
                    f" its quota: az cognitiveservices account deployment delete --ids {item['id']}"
                )


def _of_gateway(azure: Azure, service: dict[str, Any], configured: dict[str, Any]) -> Iterator[str]:
    """Products, and the subscriptions of configured products."""
    products = {item["id"] for item in configured["products"]}
    teams = {item["id"] for item in configured["subscriptions"]}
    for item in azure.every(f"{service['id']}/products", GATEWAY_VERSION):
        if item["name"] not in products | OF_THE_SERVICE:
            yield _still_open("product", item, service)
    for item in azure.every(f"{service['id']}/subscriptions", GATEWAY_VERSION):
        product = str(item["properties"].get("scope", "")).rpartition("/")[2]
        if product in products and item["name"] not in teams:
            yield _still_open("subscription", item, service)


def _still_open(what: str, item: dict[str, Any], service: dict[str, Any]) -> str:
    return (
        f"{what} {item['name']} of {service['name']} is no longer configured, and still opens the gateway:"
        f' az rest --method delete --headers "If-Match=*" --url'
        f' "https://management.azure.com{item["id"]}?api-version={GATEWAY_VERSION}"'
    )
