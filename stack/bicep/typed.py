"""Type-checks what a deployment would really send: `any()`, YAML and parameters hide values from the compiler."""

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

from stack.bicep.compiler import EvaluatedTemplate, TemplateRefused, build
from stack.bicep.written import written

OF_THE_SNAPSHOT = {"id", "type", "apiVersion", "resourceGroup", "subscriptionId", "scope", "dependsOn", "condition"}
OF_STYLE = re.compile(r"(?:Warning|Error) (?:no-|use-|what-if|prefer-|explicit-|secure-|BCP121)")
"""The linter's rules, and one name in two groups."""


def faults(evaluated: EvaluatedTemplate) -> list[str]:
    """Each resource written with its literal values and compiled: what the compiler says, with the resource's id."""
    lines, starts = ["targetScope = 'resourceGroup'"], {}
    height = 1
    for n, resource in enumerate(evaluated.resources):
        if resource["type"] == "Microsoft.Resources/resourceGroups":
            continue
        body = {key: value for key, value in resource.items() if key not in OF_THE_SNAPSHOT}
        if resource["type"].endswith("diagnosticSettings"):
            body["name"] = f"n{n}"  # one name in several scopes
        text = f"resource r{n} '{resource['type']}@{resource['apiVersion']}' = {written(body)}"
        starts[height + 1] = str(resource.get("id", resource["name"]))
        height += text.count("\n") + 1
        lines.append(text)
    return list(_said("\n".join(lines), starts))


def _said(source: str, starts: dict[int, str]) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "evaluated.bicep"
        file.write_text(source, "utf-8")
        try:
            build(file)
        except TemplateRefused as refusal:
            for line in str(refusal).splitlines():
                at = re.search(r"\((\d+),\d+\) : (.*)", line)
                if at and not OF_STYLE.match(at[2]):
                    yield f"{starts[max(start for start in starts if start <= int(at[1]))]}: {at[2]}"
