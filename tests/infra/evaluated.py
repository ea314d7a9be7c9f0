"""What each profile would send to Azure, worked out by Bicep's own compiler; without one, these tests are skipped."""

import functools
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from stack.bicep.compiler import GIVEN, PROFILES, REMEDY, EvaluatedTemplate, evaluate, found, profile
from stack.bicep.files import INFRA

needs_compiler = pytest.mark.skipif(found() is None, reason=f"there is no Bicep compiler here: {REMEDY}")
every_profile = pytest.mark.parametrize("name", PROFILES)


@functools.cache
def evaluated(name: str) -> EvaluatedTemplate:
    """A profile's deployment."""
    return profile(name)


def evaluated_with_subscriptions(folder: Path, count: int) -> EvaluatedTemplate:
    """Production with so many subscriptions of teams."""

    def subscribe(gateway: dict[str, Any]) -> None:
        product = gateway["products"][0]["id"]
        gateway["subscriptions"] += [{"id": f"t{n}", "name": f"Team {n}", "product": product} for n in range(count)]

    return evaluated_with_gateway(folder, "production", subscribe)


def evaluated_with_gateway(folder: Path, name: str, change: Callable[[dict[str, Any]], None]) -> EvaluatedTemplate:
    """A profile's deployment of a gateway.yaml that is changed."""
    for part in ("infra", "config", "apim-policies"):
        shutil.copytree(INFRA.parent / part, folder / part)
    path = folder / "config/company/gateway.yaml"
    gateway: dict[str, Any] = yaml.safe_load(path.read_text("utf-8"))
    change(gateway)
    path.write_text(yaml.safe_dump(gateway), "utf-8")
    return evaluate({**GIVEN, "profile": name}, folder / "infra/main.bicep")


def place(resource: dict[str, Any]) -> str:
    """The id in lower case, as Azure compares ids."""
    return str(resource["id"]).lower()


def value(resource: dict[str, Any], path: str) -> Any:
    """A value deep within the properties; None where it is not given."""
    found: Any = resource.get("properties", {})
    for key in re.split(r"\.", path):
        found = found.get(key) if isinstance(found, dict) else None
    return found
