"""Publishes policies the way a service that others use gets them: every name begins with the product's prefix.

apim-policies/shared-service.yaml lists the changes; Bicep applies the same ones (infra/shared-service.bicep).
"""

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from stack.yaml_text import from_yaml

RULES = Path(__file__).parents[2] / "apim-policies/shared-service.yaml"


def renamed(text: str, rules: Mapping[str, Any]) -> str:
    """A policy document or fragment as it is published there."""
    return _changed(text, rules["changes"])


def prefixed(named: Mapping[str, str], rules: Mapping[str, Any]) -> dict[str, str]:
    """Named values or fragments under the names that they have there; what they say is left as it is."""
    return {f"{rules['prefix']}{name}": text for name, text in named.items()}


def publish(policies: Path, folder: Path) -> Path:
    """Write the whole gateway's policies into `folder` as they are published there; the folder."""
    rules = read_rules()
    for path in policies.glob("*.xml"):
        _write(folder / path.name, renamed(path.read_text("utf-8"), rules))
    for path in (policies / "fragments").glob("*.xml"):
        _write(folder / "fragments" / f"{rules['prefix']}{path.name}", renamed(path.read_text("utf-8"), rules))
    return folder


def publish_metering(policies: Path, folder: Path, team: Path) -> Path:
    """Write the fragments of metering only, and a team's own policy that includes them, into `folder`; the folder."""
    rules = read_rules()
    metering = rules["metering"]
    for place, name in (
        *(("fragments", name) for name in metering["fragments"]),
        *(("metering", name) for name in metering["own"]),
    ):
        text = (policies / place / f"{name}.xml").read_text("utf-8")
        unrefused = _changed(text, metering["inspect"] if name == "inspect" else ())
        _write(folder / "fragments" / f"{rules['prefix']}{name}.xml", renamed(unrefused, rules))
    shutil.copy(team, folder / "api.xml")
    return folder


def read_rules() -> dict[str, Any]:
    """What shared-service.yaml says."""
    return dict(from_yaml(RULES.read_text("utf-8")))


def _changed(text: str, changes: Iterable[Mapping[str, str]]) -> str:
    for change in changes:
        text = text.replace(change["find"], change["put"])
    return text


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
