"""What was renamed or taken out of the configuration is named with the command that removes it, and never removed."""

from typing import Any

from deployment import Deployment
from leftovers import leftovers

from tests.infra.hooks.conftest import LocalAzure

GROUP = "/subscriptions/s/resourceGroups/rg"
ACCOUNTS = f"{GROUP}/providers/Microsoft.CognitiveServices/accounts"
SERVICES = f"{GROUP}/providers/Microsoft.ApiManagement/service"
APIM = f"{SERVICES}/apim-t"
CONFIGURED: dict[str, Any] = {"products": [{"id": "standard"}], "subscriptions": [{"id": "search"}]}
DEPLOYMENT = Deployment(
    profile="trial",
    location="swedencentral",
    settings={},
    gateways=[],
    accounts=[{"account": "oai-one", "deployments": "all"}],
    sets={"all": [{"name": "chat"}]},
)


def named(path: str, *names: str, **properties: Any) -> tuple[int, Any]:
    return 200, {"value": [{"id": f"{path}/{name}", "name": name, "properties": properties} for name in names]}


def deployed(azure: LocalAzure, *, models: list[str], teams: list[str], products: list[str]) -> None:
    azure.on("GET", ACCOUNTS, named(ACCOUNTS, "oai-one-token"))
    azure.on("GET", f"{ACCOUNTS}/oai-one-token/deployments", named(f"{ACCOUNTS}/oai-one-token/deployments", *models))
    azure.on("GET", SERVICES, named(SERVICES, "apim-t"))
    azure.on("GET", f"{APIM}/products", named(f"{APIM}/products", *products))
    scope = f"{APIM}/products/standard"
    azure.on("GET", f"{APIM}/subscriptions", named(f"{APIM}/subscriptions", *teams, scope=scope))


def test_a_deployment_that_is_as_configured_has_no_leftovers(azure: LocalAzure) -> None:
    deployed(azure, models=["chat"], teams=["search"], products=["standard", "starter"])

    assert list(leftovers(azure.client(), GROUP, DEPLOYMENT, CONFIGURED)) == []


def test_each_leftover_comes_with_its_command_and_stays(azure: LocalAzure) -> None:
    deployed(azure, models=["chat", "old-chat"], teams=["search", "gone"], products=["standard", "former"])

    model, product, team = leftovers(azure.client(), GROUP, DEPLOYMENT, CONFIGURED)

    assert "old-chat" in model
    assert "az cognitiveservices account deployment delete" in model
    assert "product former" in product
    assert "subscription gone" in team
    assert all(asked.method == "GET" for asked in azure.asked)


def test_an_account_that_was_taken_out_is_named(azure: LocalAzure) -> None:
    deployed(azure, models=[], teams=[], products=[])
    azure.on("GET", ACCOUNTS, named(ACCOUNTS, "oai-gone-token"))

    (found,) = leftovers(azure.client(), GROUP, DEPLOYMENT, CONFIGURED)

    assert found.startswith("account oai-gone-token is no longer configured")


def test_the_services_own_subscription_is_no_leftover(azure: LocalAzure) -> None:
    deployed(azure, models=["chat"], teams=["search"], products=["standard"])
    azure.on("GET", f"{APIM}/subscriptions", named(f"{APIM}/subscriptions", "master", scope=f"{APIM}/"))

    assert list(leftovers(azure.client(), GROUP, DEPLOYMENT, CONFIGURED)) == []
