"""Runs Bicep's own compiler where this machine has one: builds, lints, and works out what a deployment would send.

    python -m stack.bicep.compiler    builds and lints infra/main.bicep and mail.bicep, and evaluates every profile

It takes the files of config/company or, where nobody has written any, those of the example.

where.py finds the compiler. The product can be built and run without it.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stack.bicep.files import INFRA
from stack.bicep.where import OLDEST, found
from stack.bicep.written import written
from stack.example import tree_to_build
from stack.yaml_text import from_yaml

MAIN = INFRA / "main.bicep"
MAIL = INFRA / "mail.bicep"
PROFILES: dict[str, dict[str, Any]] = from_yaml((INFRA / "profiles.yaml").read_text("utf-8"))
SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"
TENANT = "00000000-0000-0000-0000-000000000002"
GIVEN: dict[str, Any] = {
    "environmentName": "preview",
    "location": "swedencentral",
    "principalId": "00000000-0000-0000-0000-00000000000a",
    "financeGroupId": "00000000-0000-0000-0000-00000000000b",
    "currentMonth": "2026-11-01",
}
"""What azd would give; the same each time, so that two evaluations can be compared."""
REMEDY = f"az bicep install, or set BICEP to one of version {'.'.join(map(str, OLDEST))} or newer"
SAYS = re.compile(r"\b(Warning|Error) ([\w-]+): ")


class TemplateRefused(Exception):
    """The compiler found a fault, or cannot see ahead; the message is what it says."""


@dataclass(frozen=True)
class EvaluatedTemplate:
    """What one deployment would send.

    Attributes:
        resources: every resource with its values; what only Azure knows is an expression in brackets.
        outputs: the outputs.
        warnings: what could not be worked out before the start.
    """

    resources: list[dict[str, Any]]
    outputs: dict[str, Any]
    warnings: list[str]

    def of(self, kind: str) -> list[dict[str, Any]]:
        """The resources of a type."""
        return [item for item in self.resources if item["type"].lower() == kind.lower()]


def build(path: Path = MAIN) -> dict[str, Any]:
    """The ARM template of a file. Raises `TemplateRefused` at a warning, too: the linter's are among them."""
    return dict(json.loads(_said(["build", str(path), "--stdout"])))


def evaluate(parameters: Mapping[str, Any], main: Path = MAIN) -> EvaluatedTemplate:
    """Work out a deployment. Raises `TemplateRefused`."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder).resolve() / "given.bicepparam"
        lines = [f"using '{Path(os.path.relpath(main, file.parent)).as_posix()}'"]
        lines += [f"param {name} = {written(value)}" for name, value in parameters.items()]
        file.write_text("\n".join(lines) + "\n", "utf-8")
        places = ["--subscription-id", SUBSCRIPTION, "--tenant-id", TENANT, "--location", str(parameters["location"])]
        run = subprocess.run(
            [_compiler(), "snapshot", str(file), "--mode", "overwrite", *places], capture_output=True, text=True
        )
        snapshot = file.with_name("given.snapshot.json")
        if run.returncode or not snapshot.exists():
            raise TemplateRefused(run.stderr.strip() or run.stdout.strip())
        said = json.loads(snapshot.read_text("utf-8"))
    return EvaluatedTemplate(said["predictedResources"], said.get("outputs") or {}, said.get("diagnostics") or [])


def profile(name: str, **more: Any) -> EvaluatedTemplate:
    """What a profile would send. Raises `TemplateRefused`."""
    return evaluate({**GIVEN, "profile": name, **more})


def _compiler() -> str:
    path = found()
    if path is None:
        raise TemplateRefused(f"there is no Bicep compiler here: {REMEDY}")
    return str(path)


def _said(arguments: list[str]) -> str:
    run = subprocess.run([_compiler(), *arguments], capture_output=True, text=True, check=False)
    complaints = [line for line in run.stderr.splitlines() if SAYS.search(line) or run.returncode]
    if complaints:
        raise TemplateRefused("\n".join(complaints))
    return run.stdout


def main() -> int:
    """Build, lint and evaluate; 1 with everything that the compiler says."""
    if found() is None:
        print(f"bicep: skipped, as there is no compiler here: {REMEDY}")
        return 0
    infra = tree_to_build() / "infra"
    try:
        build(infra / MAIN.name)
        build(infra / MAIL.name)
        for name in PROFILES:
            result = evaluate({**GIVEN, "profile": name}, infra / MAIN.name)
            if result.warnings:
                raise TemplateRefused(f"profile {name}: " + "\n".join(line.strip() for line in result.warnings))
    except TemplateRefused as refusal:
        print(refusal, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
