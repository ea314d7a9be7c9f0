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
MAIN = ROOT / "infra/main.bicep"
_NUMBER = re.compile(r"^param (\w+) int\b", re.MULTILINE)
_VARIABLE = re.compile(r"\$\{(\w+)(?:=([^}]*))?\}")


def filled(document: Mapping[str, Any], environment: Mapping[str, str]) -> dict[str, Any]:
    """The document with `${NAME}` and `${NAME=default}` replaced; an empty value counts as none."""

    def value(match: re.Match[str]) -> str:
        return environment.get(match[1]) or match[2] or ""

    def replaced(known: Any) -> Any:
        if isinstance(known, dict):
            return {name: found for name, each in known.items() if (found := replaced(each)) != ""}
        return _VARIABLE.sub(value, known) if isinstance(known, str) else known

    given = {name: replaced(item["value"]) for name, item in document["parameters"].items()}
    numbers = set(_NUMBER.findall(MAIN.read_text("utf-8")))
    typed = {name: _typed(found, is_number=name in numbers) for name, found in given.items() if found != ""}
    return {**document, "parameters": {name: {"value": found} for name, found in typed.items()}}


def _typed(value: Any, *, is_number: bool) -> Any:
    if is_number and str(value).isdecimal():
        return int(value)  # what is no number is refused by Azure, with the parameter's name
    return {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value


if __name__ == "__main__":
    json.dump(filled(json.loads(PARAMETERS.read_text("utf-8")), os.environ), sys.stdout, indent=2)
