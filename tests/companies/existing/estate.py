"""What Fabrikam has in Azure before this product comes: its service with an API of a team, its account, its network."""

from typing import Any

from tests.infra.hooks.conftest import LocalAzure

GROUPS = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups"
SERVICE = f"{GROUPS}/rg-fabrikam-gateway/providers/Microsoft.ApiManagement/service/apim-fabrikam"
ACCOUNT = f"{GROUPS}/rg-fabrikam-ai/providers/Microsoft.CognitiveServices/accounts/fabrikam-openai"
WORKSPACE = f"{GROUPS}/rg-fabrikam-logs/providers/Microsoft.OperationalInsights/workspaces/log-fabrikam"
VAULT = f"{GROUPS}/rg-fabrikam-vault/providers/Microsoft.KeyVault/vaults/kv-fabrikam"
NETWORK = f"{GROUPS}/rg-fabrikam-network/providers/Microsoft.Network/virtualNetworks/vnet-fabrikam"
ZONES = f"{GROUPS}/rg-fabrikam-hub/providers/Microsoft.Network/privateDnsZones"
MARK = "[chargeback:env]"
OWNER = {"azd-env-name": "env"}
PERMISSIONS = "providers/Microsoft.Authorization/permissions"
DEFINITIONS = "providers/Microsoft.Authorization/roleDefinitions"
ASSIGNMENTS = "providers/Microsoft.Authorization/roleAssignments"
SETTINGS = f"{SERVICE}/providers/Microsoft.Insights/diagnosticSettings"
OPENAI_USER = "5e0bd9bd-7b93-4f28-af87-19fc36ad61bd"
SECRETS_OFFICER = "b86a8fe4-44ce-4948-aee5-eccb2c155cd7"


def inside(kind: str, name: str, **properties: Any) -> dict[str, Any]:
    """A thing inside the service."""
    return {"name": name, "id": f"{SERVICE}/{kind}/{name}", "properties": properties}


def have(azure: LocalAzure, path: str, *items: dict[str, Any]) -> None:
    """A list, and each of its items by its own path."""
    azure.on("GET", path, (200, {"value": list(items)}))
    for item in items:
        if "id" in item:
            azure.on("GET", item["id"], (200, item))


def stand_up(azure: LocalAzure) -> None:
    """Everything that Fabrikam has; nothing of it is in the way."""
    identity = {"principalId": "gateway-principal"}
    subnet = {"subnetResourceId": f"{NETWORK}/subnets/gateway"}
    inside_network = {"virtualNetworkType": "External", "virtualNetworkConfiguration": subnet}
    place = {"location": "Sweden Central", "identity": identity, "properties": inside_network}
    azure.on("GET", SERVICE, (200, {"name": "apim-fabrikam", "sku": {"name": "Premium"}, **place}))
    have(azure, f"{SERVICE}/apis", inside("apis", "orders", path="orders"), inside("apis", "chat", path="openai"))
    have(azure, f"{SERVICE}/namedValues", inside("namedValues", "tenant-id", tags=[]))
    have(azure, f"{SERVICE}/policyFragments", inside("policyFragments", "account"))
    have(azure, f"{SERVICE}/backends", inside("backends", "fabrikam-ai"))
    have(azure, f"{SERVICE}/loggers", inside("loggers", "azuremonitor"))
    have(azure, f"{SERVICE}/products", inside("products", "starter"))
    have(azure, f"{SERVICE}/subscriptions", inside("subscriptions", "claims", scope=f"{SERVICE}/products/starter"))
    logs = [{"category": name, "enabled": True} for name in ("GatewayLogs", "GatewayLlmLogs")]
    setting = {"workspaceId": WORKSPACE, "logAnalyticsDestinationType": "Dedicated", "logs": logs}
    have(azure, SETTINGS, {"name": "to-fabrikam", "properties": setting})
    label = {"customSubDomainName": "fabrikam-ai"}
    azure.on("GET", ACCOUNT, (200, {"location": "swedencentral", "properties": label}))
    model = {"model": {"name": "gpt-5.4", "version": "2026-03-05"}}
    have(azure, f"{ACCOUNT}/deployments", {"name": "chat", "sku": {"name": "DataZoneStandard"}, "properties": model})
    azure.on("GET", WORKSPACE, (200, {}))
    azure.on("GET", VAULT, (200, {"name": "kv-fabrikam", "properties": {"enableRbacAuthorization": True}}))
    for resource in (ACCOUNT, WORKSPACE, VAULT):
        have(azure, f"{resource}/{ASSIGNMENTS}")
    azure.on("GET", f"{NETWORK}/subnets/endpoints", (200, {"properties": {}}))
    delegations = [{"properties": {"serviceName": "Microsoft.App/environments"}}]
    azure.on("GET", f"{NETWORK}/subnets/chargeback", (200, {"properties": {"delegations": delegations}}))
    named = ("blob.core.windows.net", "openai.azure.com")
    for zone in named:
        azure.on("GET", f"{ZONES}/privatelink.{zone}", (200, {}))
    have(azure, "/subscriptions/11111111-1111-1111-1111-111111111111/providers/Microsoft.Network/privateDnsZones")
    let_deploy_into(azure)


def let_deploy_into(azure: LocalAzure) -> None:
    """Who deploys has what docs/existing.md asks for, and no more."""
    deploys, assigns = "Microsoft.Resources/deployments/*", "Microsoft.Authorization/roleAssignments/write"
    groups = {
        "gateway": ["Microsoft.ApiManagement/service/*", deploys],
        "ai": ["Microsoft.CognitiveServices/*", deploys, "Microsoft.Authorization/*"],
        "logs": ["Microsoft.OperationalInsights/*", deploys, assigns],
        "vault": ["Microsoft.KeyVault/*", deploys, assigns],
    }
    for group, actions in groups.items():
        have(azure, f"{GROUPS}/rg-fabrikam-{group}/{PERMISSIONS}", {"actions": actions})
    for resource, group in ((SERVICE, "gateway"), (WORKSPACE, "logs"), (ACCOUNT, "ai")):
        have(azure, f"{resource}/{PERMISSIONS}", {"actions": groups[group]})


def move_in(azure: LocalAzure) -> None:
    """What a deployment of the environment `env` has put there, beside what was there."""
    ours = (
        ("apis", inside("apis", "chargeback-azure-openai", path="ai/openai", description=MARK)),
        ("namedValues", inside("namedValues", "chargeback-tenant-id", tags=[MARK])),
        ("policyFragments", inside("policyFragments", "chargeback-account", description=MARK)),
        ("backends", inside("backends", "chargeback-fabrikam-ai", description=f"Azure OpenAI {MARK}")),
        ("products", inside("products", "ai-standard", description=f"many tokens {MARK}")),
        ("subscriptions", inside("subscriptions", "claims-ai", scope=f"{SERVICE}/products/ai-standard")),
    )
    for kind, item in ours:
        there = azure.answer("GET", f"{SERVICE}/{kind}")[1]["value"]
        have(azure, f"{SERVICE}/{kind}", *there, item)
    azure.on("POST", f"{SERVICE}/policyFragments/chargeback-account/listReferences", (200, {"value": []}))
    theirs = {"principalId": "gateway-principal", "scope": ACCOUNT, "roleDefinitionId": f"/x/{OPENAI_USER}"}
    have(
        azure,
        f"{ACCOUNT}/{ASSIGNMENTS}",
        {"id": f"{ACCOUNT}/{ASSIGNMENTS}/theirs", "properties": theirs},
        {"id": f"{ACCOUNT}/{ASSIGNMENTS}/ours", "properties": {**theirs, "description": MARK}},
    )
    definitions = f"{GROUPS}/rg-fabrikam-ai/{DEFINITIONS}"
    have(
        azure,
        definitions,
        {"name": "theirs", "properties": {"roleName": "Readers of much"}},
        {"name": "ours", "properties": {"roleName": f"Chargeback Gateway Jobs (rg-fabrikam-ai, x{MARK})"}},
    )
    for name in ("events-key", "page-session-key"):
        uri = f"{azure.url}/vault/secrets/{name}"
        azure.on("GET", f"{VAULT}/secrets/{name}", (200, {"tags": OWNER, "properties": {"secretUri": uri}}))
