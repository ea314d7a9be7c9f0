"""Writes the gateway's tables: products, accounts and deployments as strings that a policy searches.

A table is `;key:field=value|field=value;key:…;`. A policy finds a record by its key and reads its fields by name,
so a new field changes nothing for those that do not know it. Each table is published as one or more fragments that
set a variable; Bicep writes the same strings (infra/gateway-tables.bicep), and a test compares the two.
"""

from collections.abc import Iterable, Mapping
from typing import Any

MAX_FRAGMENT = 32 * 1024
"""Largest policy fragment in bytes (learn.microsoft.com/azure/api-management/policy-fragments)."""

MAX_NAMED_VALUE = 4096
"""Longest named value in characters (learn.microsoft.com/azure/api-management/api-management-howto-properties)."""

PARTS = {"products": 4, "accounts": 1, "deployments": 3}
"""How many fragments a table is spread over; the API's policy includes each by name, so their number is fixed."""

RESIDENT_TOOLS = (
    "function",
    "custom",
    "file_search",
    "code_interpreter",
    "computer",
    "computer_use",
    "image_generation",
    "local_shell",
    "shell",
    "apply_patch",
)
"""What a product with a residency may use where it names no tools itself: none of these leaves the account."""

NONE = "-"
"""What stands for an empty value."""

Config = Mapping[str, Any]


def fragments(config: Config) -> dict[str, str]:
    """The generated fragments by their id."""
    return {
        f"table-{table}-{number}": fragment(f"{table}{number}", text)
        for table, parts in tables(config).items()
        for number, text in enumerate(parts, 1)
    }


def fragment(variable: str, text: str) -> str:
    """A fragment that sets `variable` to `text`."""
    return f'<fragment><set-variable name="{variable}" value="{text}" /></fragment>'


def tables(config: Config) -> dict[str, list[str]]:
    """The string of each table, in as many parts as it has fragments."""
    records = {
        "products": [_product(product) for product in config["products"]],
        "accounts": [_account(number, account, config) for number, account in enumerate(config["accounts"])],
        "deployments": _deployments(config),
    }
    return {table: _parts(records[table], count) for table, count in PARTS.items()}


def primary_first(gateways: Iterable[Any]) -> list[Any]:
    """The entries of `gateways`: the primary one, then the others in their order."""
    return sorted(gateways, key=lambda gateway: not gateway.get("primary", False))


def geographies(config: Config) -> dict[str, str]:
    """Region → the id of its geography."""
    return {region: geography["id"] for geography in config["geographies"] for region in geography["regions"]}


def processes_at_home(kind: str) -> bool:
    """Whether a deployment of this type is processed in the geography (or data zone) of its account."""
    return not kind.startswith(("Global", "Developer"))


def plain_deployments(config: Config) -> str:
    """The deployments whose model does not reason: it answers 400 where it is asked for encrypted reasoning.

    "Encrypted content is not supported with this model" (microsoft/agent-framework #7483).
    """
    names = {
        each["name"]
        for account in config["accounts"]
        for each in config["deploymentSets"][account["deployments"]]
        if (model := each.get("model", "")).startswith(("gpt-3", "gpt-4")) or "-chat" in model
    }
    return ",".join(sorted(names)) or NONE


def _parts(records: list[str], count: int) -> list[str]:
    size = -(-len(records) // count) or 1
    return [";" + "".join(f"{record};" for record in records[part * size : (part + 1) * size]) for part in range(count)]


def _product(product: Config) -> str:
    residency = product.get("residency")
    tools = product.get("tools", None if residency is None else RESIDENT_TOOLS)
    fields = {
        "residency": residency or NONE,
        "localGatewayOnly": _flag(product.get("localGatewayOnly", False)),
        "exactStreams": _flag(product["exactStreams"]),
        "injectStreamUsage": _flag(product["injectStreamUsage"]),
        "requestsPerMinute": product["requestsPerMinute"],
        "tokensPerMinute": product["tokensPerMinute"],
        "withoutBudget": product.get("withoutBudget", "allow"),
        "withoutBudgetModels": ",".join(product.get("withoutBudgetModels", ())) or NONE,
        "objectOwner": product.get("objectOwner", "subscription"),
        "streamedResponses": product.get("streamedResponses", "open"),
        "operations": _listed(product.get("operations")),
        "models": _listed(product.get("models")),
        "tools": _listed(tools),
        "aliases": ",".join(_alias(name, places) for name, places in sorted(product.get("aliases", {}).items()))
        or NONE,
    }
    return f"{product['id']}:{_fields(fields)}"


def _alias(name: str, places: Mapping[str, str]) -> str:
    """`name~place/deployment+place/deployment`; `*` is every other place."""
    return f"{name}~{'+'.join(f'{place}/{deployment}' for place, deployment in sorted(places.items()))}"


def _account(number: int, account: Config, config: Config) -> str:
    batch = {each["type"] for each in config["deploymentSets"][account["deployments"]] if "Batch" in each["type"]}
    fields = {
        "name": account["account"],
        "geography": geographies(config)[account["region"]],
        "priority": account["priority"],
        "weight": account["weight"],
        "batch": ",".join(sorted(batch)) or NONE,
    }
    return f"{number}:{_fields(fields)}"


def _deployments(config: Config) -> list[str]:
    """`name:type=account numbers|…`: where each deployment is, by what it is there.

    Before that its `model`, where the name of the deployment does not say it.
    """
    found: dict[str, dict[str, list[int]]] = {}
    models: dict[str, str] = {}
    for number, account in enumerate(config["accounts"]):
        for each in config["deploymentSets"][account["deployments"]]:
            found.setdefault(each["name"], {}).setdefault(each["type"], []).append(number)
            models.setdefault(each["name"], each.get("model", each["name"]).lower())
    return [
        f"{name}:{_fields(_other_name(name, models[name]) | _numbers(types))}" for name, types in sorted(found.items())
    ]


def _other_name(deployment: str, model: str) -> dict[str, str]:
    return {} if model == deployment.lower() else {"model": model}


def _numbers(types: Mapping[str, Iterable[int]]) -> dict[str, str]:
    return {kind: ",".join(map(str, numbers)) for kind, numbers in sorted(types.items())}


def _fields(fields: Mapping[str, object]) -> str:
    return "|".join(f"{name}={value}" for name, value in fields.items())


def _listed(names: Iterable[str] | None) -> str:
    return "*" if names is None else ",".join(names) or NONE


def _flag(value: object) -> str:
    return "1" if value else "0"
