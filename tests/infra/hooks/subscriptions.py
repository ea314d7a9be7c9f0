"""What the preflight is asked about, and a subscription in which nothing stands in its way."""

from typing import TYPE_CHECKING, Any

from deployment import Deployment
from preflight import BIN, GATEWAY, MODELS, PIPELINE, WITHOUT_PLACE

if TYPE_CHECKING:
    from tests.infra.hooks.conftest import LocalAzure

BASE = "/subscriptions/sub"
REGIONS = ["Sweden Central", "East US 2"]
TIERS = {
    "Microsoft.ApiManagement": ["BasicV2", "StandardV2", "Premium"],
    "Microsoft.Storage": ["Standard_LRS", "Standard_ZRS", "Standard_RAGZRS"],
}
COGNITIVE = f"{BASE}/providers/Microsoft.CognitiveServices/locations"
GROUP = f"{BASE}/resourceGroups/rg-env"


def deployment(**changes: Any) -> Deployment:
    settings = {
        "gatewayTopology": "spanning",
        "gatewaySku": "BasicV2",
        "gatewayUnits": 1,
        "privateNetwork": False,
        "zoneRedundant": False,
        "functionZoneRedundant": False,
        "modelCapacityPercent": 50,
        "cosmosMaxThroughput": 0,
        "cosmosZones": "none",
        "storageSku": "Standard_LRS",
        "redisHighAvailability": False,
        "functionMemoryMB": 2048,
        "functionMaximumInstances": 40,
        "purgeProtection": False,
        "retention": {"secrets": 7, "reportImmutability": 0, "ledgerImmutability": 0},
        **changes.pop("settings", {}),
    }
    values: dict[str, Any] = {
        "profile": "trial",
        "location": "swedencentral",
        "settings": settings,
        "gateways": [{"region": "swedencentral"}],
        "accounts": [{"account": "a", "region": "swedencentral", "deployments": "set"}],
        "sets": {"set": [{"name": "chat", "model": "gpt-4o", "version": "1", "type": "Standard", "capacity": 100}]},
    }
    return Deployment(**{**values, **changes})


def let_deploy(azure: "LocalAzure") -> None:
    """Answer as a subscription does in which nothing stands in the way of `deployment()`."""
    places = {**PIPELINE, **GATEWAY, **MODELS, **dict.fromkeys(WITHOUT_PLACE, "any")}
    providers = [
        {
            "namespace": name,
            "registrationState": "Registered",
            "resourceTypes": [{"resourceType": kind, "locations": REGIONS}],
        }
        for name, kind in places.items()
    ]
    azure.on("GET", f"{BASE}/providers", (200, {"value": providers}))
    azure.on(
        "GET",
        f"{BASE}/providers/Microsoft.Authorization/permissions",
        (200, {"value": [{"actions": ["*"], "notActions": []}]}),
    )
    azure.on(
        "GET", f"{BASE}/providers/Microsoft.Web/geoRegions", (200, {"value": [{"name": name} for name in REGIONS]})
    )
    for provider, tiers in TIERS.items():
        azure.on("GET", f"{BASE}/providers/{provider}/skus", (200, {"value": [offered(tier) for tier in tiers]}))
    model = {"name": "gpt-4o", "version": "1", "lifecycleStatus": "GenerallyAvailable", "skus": [{"name": "Standard"}]}
    azure.on("GET", f"{COGNITIVE}/swedencentral/models", (200, {"value": [{"model": model}]}))
    azure.on("GET", f"{COGNITIVE}/swedencentral/usages", (200, {"value": [quota(left=50)]}))
    for kind, *_ in BIN.values():
        azure.on("GET", f"{BASE}/providers/{kind}", (200, {"value": []}))


def offered(tier: str, *restrictions: dict[str, str]) -> dict[str, Any]:
    """A tier as the list of a provider has it; regions are written as each provider likes."""
    return {"name": tier, "locations": ["swedencentral", "East US 2"], "restrictions": list(restrictions)}


def quota(left: int) -> dict[str, Any]:
    return {"name": {"value": "OpenAI.Standard.gpt-4o"}, "limit": 200, "currentValue": 200 - left}
