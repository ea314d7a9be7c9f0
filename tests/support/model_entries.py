"""An entry of models.yaml, with defaults for what a test does not care about."""

from typing import Any


def entry(**changes: Any) -> dict[str, Any]:
    return {
        "model": "chat",
        "version": "1",
        "family": "chat",
        "lifecycle": "GA",
        "retires": "2027-12-01",
        "operations": ["chat.completions"],
        "meters": ["input_tokens"],
        "tiers": ["default"],
        "offered": {"Standard": ["here"]},
        **changes,
    }
