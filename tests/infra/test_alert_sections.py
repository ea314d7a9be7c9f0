"""Every resource has its alerts, and every alert names its section of the runbook."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from stack.bicep.files import INFRA, ROOT, File
from tests.support.alert_cases import LOG_ALERTS

RUNBOOK = (ROOT / "docs/operations.md").read_text("utf-8").split("\n## Alerts")[1].split("\n## ")[0]
SECTIONS = dict(re.findall(r"\n### ([^\n]+)\n(.*?)(?=\n### |\Z)", RUNBOOK, re.DOTALL))


WATCHED = {
    **dict.fromkeys(
        ("storage", "hostStorage", "cosmos", "redis", "vault", "topic", "alertTopic", "app", "traffic"), "name"
    ),
    "certificateVault": "tls",
    "gateways": ["apim"],
    "models": ["/accounts/oai-1", "/accounts/oai-2"],
    "functionMemoryMB": 2048,
    "functionMaximumInstances": 40,
}


def metric_alerts(sku: str) -> list[dict[str, Any]]:
    """The metric alerts of a deployment with such a gateway."""
    known: dict[str, Any] = {
        "watched": {**WATCHED, "gatewaySku": sku},
        "resourceId": lambda kind, name: f"/{kind}/{name}",
    }
    return list(File(INFRA / "modules/metric-alerts.bicep", known)["rules"])


def test_each_account_and_each_endpoint_has_a_rule_of_its_own() -> None:
    rules = {item["rule"]: item["scope"] for item in metric_alerts("Premium")}

    assert rules["model-throttled"].endswith("/oai-1")
    assert rules["model-throttled-2"].endswith("/oai-2")
    assert len(rules) == len(metric_alerts("Premium"))


def test_both_vaults_are_watched() -> None:
    vaults = {item["scope"].rpartition("/")[2] for item in metric_alerts("Premium") if "vault" in item["name"]}

    assert vaults == {"name", "tls"}


def test_the_load_of_the_gateway_is_measured_as_its_tier_has_it() -> None:
    def loads(sku: str) -> set[str]:
        return {item["metric"] for item in metric_alerts(sku) if item["name"].startswith("gateway-")}

    assert loads("Premium") == {"Capacity"}
    assert loads("BasicV2") == loads("StandardV2") == {"CpuPercent_Gateway", "MemoryPercent_Gateway"}


def every_alert() -> dict[str, str]:
    """Every alert with its section."""
    activity = File(INFRA / "modules/activity-alerts.bicep", _AZURE)["announcements"]
    listed = [*LOG_ALERTS.values(), *metric_alerts("Premium"), *metric_alerts("BasicV2"), *activity]
    return {item["name"]: item["section"] for item in listed} | {
        "available-gateway": "Callers",
        "available-functions": "Callers",
    }


_AZURE: dict[str, Callable[[], dict[str, str]]] = {
    "subscription": lambda: {"id": "/subscriptions/1"},
    "resourceGroup": lambda: {"id": "/subscriptions/1/resourceGroups/rg"},
}


def test_every_alert_is_in_the_section_of_the_runbook_that_it_names() -> None:
    first_column = {
        title: {
            name for row in re.findall(r"^\| (`[^|]+) \|", text, re.MULTILINE) for name in re.findall("`(.+?)`", row)
        }
        for title, text in SECTIONS.items()
    }

    in_runbook = {name: title for title, names in first_column.items() for name in names}

    assert every_alert() == in_runbook


@pytest.mark.parametrize("module", ["alerts", "metric-alerts", "activity-alerts", "availability"])
def test_an_alert_tells_its_section_to_who_gets_it(module: str) -> None:
    source = (INFRA / f"modules/{module}.bicep").read_text("utf-8")

    assert re.search(
        r"description: '[^']*What to do: docs/operations\.md, Alerts, (\$\{item\.section\}|Callers)\.'", source
    )
