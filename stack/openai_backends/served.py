"""Which model answers for a deployment: what was deployed, a newer version of it, or the one that a router chose."""

from typing import Any

_CHOSEN = {"model": "gpt-4.1-nano", "version": "2025-04-14"}


def served(deployment: dict[str, Any]) -> dict[str, Any]:
    """The deployment with the model that really answers.

    `upgraded` stands for a version that the service installed by itself
    (learn.microsoft.com/azure/foundry/openai/concepts/model-versions). The answer of a router names the model that it
    chose (learn.microsoft.com/azure/foundry/openai/how-to/model-router).
    """
    if deployment["model"] == "model-router":
        return {**deployment, **_CHOSEN}
    return {**deployment, "version": deployment.get("upgraded", deployment["version"])}


def snapshot(deployment: dict[str, Any]) -> str:
    """The name under which the model answers."""
    return f"{deployment['model']}-{deployment['version']}"
