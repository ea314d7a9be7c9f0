"""Fills infra/main.parameters.json from the environment as azd does, for deployments of the ARM template without azd.

Run as `python -m scripts.arm.parameters > parameters.json`. A parameter without a value keeps the template's default.
"""

import json
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PARAMETERS = ROOT / "infra/main.parameters.json"
_VARIABLE = re.compile(r"\$\{(\w+)(?:=([^}]*))?\}")


def filled(document: Mapping[str, Any], environment: Mapping[str, str]) -> dict[str, Any]:
    """The document with `${NAME}` and `${NAME=default}` replaced; an empty value counts as none."""

    def value(match: re.Match[str]) -> str:
        return environment.get(match[1]) or match[2] or ""

    given: dict[str, Any] = {}
    for name, item in document["parameters"].items():
        known = item["value"]
        text = _VARIABLE.sub(value, known) if isinstance(known, str) else known
        if text != "":
            given[name] = {"value": _typed(text)}
    return {**document, "parameters": given}


def _typed(value: Any) -> Any:
    return {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value


if __name__ == "__main__":
    json.dump(filled(json.loads(PARAMETERS.read_text("utf-8")), os.environ), sys.stdout, indent=2)
