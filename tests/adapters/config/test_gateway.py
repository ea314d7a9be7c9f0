"""A gateway.yaml that contradicts itself, or does not fit, is refused before it is deployed."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from chargeback.adapters.config.folders import path_of
from chargeback.adapters.config.gateway import fills, gateway_faults
from stack.example import EXAMPLE_CONFIG

Change = Callable[[dict[str, Any]], object]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The shipped configuration, free to change."""
    shutil.copytree(EXAMPLE_CONFIG, tmp_path, dirs_exist_ok=True)
    return tmp_path


def change(folder: Path, how: Change) -> None:
    """Write gateway.yaml again with a change."""
    document = yaml.safe_load(path_of(folder, "gateway.yaml").read_text("utf-8"))
    how(document)
    path_of(folder, "gateway.yaml").write_text(yaml.safe_dump(document, sort_keys=False), "utf-8")


def resident(**changes: Any) -> Change:
    """A change of the product that must stay in the EU."""
    return lambda document: document["products"][1].update(changes)


def twice(section: str, **changes: Any) -> Change:
    """A change that has the first entry of a section once more at its end, with changes."""
    return lambda document: document[section].append({**document[section][0], **changes})


def test_a_fault_of_a_product_is_no_fault_of_those_who_call_with_it(folder: Path) -> None:
    change(folder, lambda document: document["products"][0].update(tokensPerMinutes=1))

    assert [fault.split(": ", 1)[1] for fault in gateway_faults(folder)] == [
        "products[0]: object contains unknown field `tokensPerMinutes`"
    ]


def test_the_shipped_configuration_is_sound(folder: Path) -> None:
    assert gateway_faults(folder) == []


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        (resident(models=["gpt-image-2"]), "'gpt-image-2' is not processed in 'europe' alone"),
        (resident(models=["gpt-9"]), "no account has a deployment 'gpt-9'"),
        (resident(aliases={"fast": {"*": "gpt-5.4-nano"}}), "'gpt-5.4-nano' is not processed in 'europe' alone"),
        (resident(aliases={"fast": {"mars": "gpt-5.4"}}), "'mars' is neither a geography"),
        (resident(aliases={"gpt-5.5": {"*": "gpt-5.4"}}), "there is a deployment of that name"),
        (resident(aliases={"a b": {"*": "gpt-5.4"}}), "'a b' may have letters"),
        (resident(tools=["function", "web_search"]), "web_search leaves 'europe'"),
        (resident(tools=["mcp"]), "mcp leaves 'europe'"),
        (resident(residency="asia"), "no account of deployments.yaml is in 'asia'"),
        (resident(residency=None, localGatewayOnly=True), "means nothing without a residency"),
        (resident(models=["gpt-5.4"]), "models and tools do not hold for the lines of a batch"),
        (resident(tools=["function"]), "models and tools do not hold for the lines of a batch"),
        (resident(operations=["chat.completion"]), "the gateway offers no operation 'chat.completion'"),
        (resident(withoutBudget="maybe"), "expected allow or refuse"),
        (resident(withoutBudgetModels=["gpt-9"]), "withoutBudgetModels: no account has a deployment 'gpt-9'"),
        (resident(withoutBudgetModels=["fast"]), "withoutBudgetModels: no account has a deployment 'fast'"),
        (resident(withoutBudget="refuse", withoutBudgetModels=["gpt-5.5"]), "means nothing where withoutBudget"),
        (resident(objectOwner="everybody"), "objectOwner: expected subscription or product"),
        (resident(streamedResponses="ajar"), "streamedResponses: expected open or closed"),
        (resident(tokensPerMinutes=1), "object contains unknown field"),
        (resident(default=True), "products: exactly one has `default: true`; here standard and europe-resident has it"),
        (lambda document: document["products"][0].pop("default"), "exactly one has `default: true`; here none has it"),
        (lambda document: document["subscriptions"][0].pop("smokeTest"), "subscriptions: exactly one has `smokeTest"),
        (lambda document: document["subscriptions"][0].update(team=1), "object contains unknown field `team`"),
        (lambda document: document["subscriptions"][0].update(product="gold"), "there is no product 'gold'"),
        (lambda document: document["gateways"][0].update(region="moon"), "no geography has the region 'moon'"),
        (
            lambda document: document["gateways"][0].update(geography="europe"),
            "object contains unknown field `geography`",
        ),
        (lambda document: document["gateways"][0].pop("primary"), "gateways: exactly one has `primary: true`; here no"),
        (lambda document: document["gateways"][1].update(primary=True), "here swedencentral and eastus2 has it"),
        (
            lambda document: document["geographies"][0]["regions"].remove("francecentral"),
            "geographies: none has the region 'francecentral', in which deployments.yaml has oai-francecentral",
        ),
        (
            lambda document: document["geographies"][1]["regions"].append("francecentral"),
            "geographies[1].regions: 'francecentral' is a region of 'europe', too",
        ),
        (lambda document: document["geographies"][0].update(failover=["moon"]), "there is no geography 'moon'"),
        (lambda document: document.pop("entra"), "entra: is missing"),
        (twice("subscriptions", id="Search"), "subscriptions: the id 'search' is there 2 times"),
        (twice("products", default=False), "products: the id 'standard' is there 2 times"),
        (twice("geographies", regions=[]), "geographies: the id 'europe' is there 2 times"),
        (twice("gateways", primary=False), "gateways: the region 'swedencentral' is there 2 times"),
        (
            lambda document: document["api"]["operations"].append(document["api"]["operations"][0]),
            "api.operations: the id 'chat-completions' is there 2 times",
        ),
        (twice("subscriptions", id="../x y", smokeTest=False), "subscriptions[4].id: '../x y' may have letters"),
        (twice("subscriptions", id="", smokeTest=False), "subscriptions[4].id: '' may have letters"),
        (twice("subscriptions", id="x", name="x" * 101), "subscriptions[4].name: needs 1 to 100 characters"),
        (twice("subscriptions", id="x", name=" "), "subscriptions[4].name: needs 1 to 100 characters"),
        (twice("products", id="x", name="a\nb"), "products[3].name: needs 1 to 300 characters"),
        (resident(tokensPerMinute=0), "products[1].tokensPerMinute: expected `int` >= 1"),
        (resident(requestsPerMinute=-1), "products[1].requestsPerMinute: expected `int` >= 1"),
    ],
)
def test_a_contradiction_is_refused_with_its_place(folder: Path, how: Change, reason: str) -> None:
    change(folder, how)

    faults = gateway_faults(folder)

    assert any(reason in fault for fault in faults), faults
    assert all(fault.startswith("gateway.yaml:") for fault in faults)


def test_a_residency_that_no_deployment_keeps_is_refused(folder: Path) -> None:
    text = path_of(folder, "deployments.yaml").read_text("utf-8").replace("DataZoneStandard", "GlobalStandard")
    path_of(folder, "deployments.yaml").write_text(text, "utf-8")

    assert any("no deployment is processed in 'europe' alone" in fault for fault in gateway_faults(folder))


def test_products_that_do_not_fit_are_refused_and_how_full_a_table_is_can_be_told(folder: Path) -> None:
    def many(document: dict[str, Any]) -> None:
        own = {**document["products"][0], "default": False, "operations": ["responses"]}
        document["products"] += [{**own, "id": f"department-{n}", "models": ["gpt-5.4"] * 90} for n in range(200)]

    change(folder, many)

    assert fills(folder)["products"] > 1
    assert any("the table of products has" in fault for fault in gateway_faults(folder))


def test_a_folder_of_the_books_alone_has_no_gateway_to_check(folder: Path) -> None:
    path_of(folder, "gateway.yaml").unlink()

    assert gateway_faults(folder) == []
    assert fills(folder) == {}
