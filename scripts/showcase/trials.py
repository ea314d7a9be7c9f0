"""A configuration with small budgets of their own cost centres, which calls reach by a billing code.

What people must know of them is told in the channel of Teams that the stack stands in for.
"""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from chargeback.adapters.config.folders import path_of
from stack.example import EXAMPLE_CONFIG

SUBSCRIPTION = "support"
"""The team that pays: its product allows the most calls and tokens per minute."""

CHANNEL = "teams"
_TOLD = {
    "channels": [{"id": CHANNEL, "kind": "teams", "secret": "alerts-teams"}],
    "subscriptions": [{"id": "everything", "channel": CHANNEL}],
}


def write_trials(folder: Path, trials: Mapping[str, tuple[str, Sequence[Mapping[str, Any]]]]) -> Path:
    """Copy the configuration to a folder, with a daily budget for each billing code: its amount and its steps.

    The cost centre of a code lies below that of the subscription, and only calls with the code are paid by it.
    """
    shutil.copytree(EXAMPLE_CONFIG, folder)
    path = path_of(folder, "cost-centres.yaml")
    document = yaml.safe_load(path.read_text("utf-8"))
    for code in trials:
        document["costCentres"].append({"path": centre_of(code), "name": f"Trial {code}"})
        when = {"subscription": SUBSCRIPTION, "billingCode": code}
        document["rules"].insert(0, {"id": code.lower(), "when": when, "costCentre": centre_of(code)})
    path.write_text(yaml.safe_dump(document, sort_keys=False), "utf-8")
    budgets = [
        {
            "id": code,
            "costCentre": centre_of(code),
            "amount": amount,
            "currency": "USD",
            "every": "day",
            "owner": "Ada",
            "steps": [*map(dict, steps)],
        }
        for code, (amount, steps) in trials.items()
    ]
    path_of(folder, "budgets.yaml").write_text(yaml.safe_dump({"budgets": budgets}, sort_keys=False), "utf-8")
    path_of(folder, "alerts.yaml").write_text(yaml.safe_dump(_TOLD, sort_keys=False), "utf-8")
    return folder


def centre_of(code: str) -> str:
    """The cost centre that pays for calls with a billing code."""
    return f"product/support/{code.lower()}"
