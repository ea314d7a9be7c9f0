"""Checks policy documents without running them: `python -m stack.gateway.lint apim-policies`."""

import argparse
import sys
from pathlib import Path

from chargeback.adapters.config.folders import path_of
from stack.example import tree_to_build
from stack.gateway.assembly import MonoMissing
from stack.gateway.config import Config, load_config
from stack.gateway.documents import load
from stack.gateway.errors import Fault, PolicyFault
from stack.gateway.house_rules import house_faults
from stack.gateway.prepare import prepare
from stack.gateway.regexes import regex_faults


def lint(folder: Path, config: Path) -> tuple[list[Fault], list[Fault]]:
    """What is wrong with the documents in `folder`, and what is doubtful."""
    settings = load_config(config, folder, "swedencentral")
    faults: list[Fault] = []
    try:
        policies, assembly = prepare(
            folder, settings.named_values, settings.backends.names, generated=settings.fragments
        )
        faults += regex_faults(assembly, policies.expressions)
    except PolicyFault as fault:
        faults += fault.faults
        try:
            policies = load(folder, settings.named_values, settings.fragments)
        except PolicyFault:
            return faults, []
    faults += house_faults(policies, folder)
    faults += _options_operations(config, settings)
    return sorted(set(faults), key=lambda fault: (fault.file, fault.line, fault.reason)), policies.warnings


def _options_operations(config: Path, settings: Config) -> list[Fault]:
    """An operation with the method OPTIONS switches every browser's preflight off; see policies/cors.py."""
    reason = "may not have the method OPTIONS: no preflight would be answered"
    return [
        Fault(path_of(config, "gateway.yaml").as_posix(), 1, f"operation {operation.state['Id']!r} {reason}")
        for api in settings.apis
        for operation in api.operations
        if operation.state["Method"] == "OPTIONS"
    ]


def main() -> int:
    """0 when all is well, 1 with faults, 3 without Mono."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("policies", type=Path, nargs="?", default=Path("apim-policies"))
    parser.add_argument("--config", type=Path, default=tree_to_build() / "config")
    arguments = parser.parse_args()
    try:
        faults, warnings = lint(arguments.policies, arguments.config)
    except MonoMissing as missing:
        print(f"lint: {missing}", file=sys.stderr)
        return 3
    for warning in warnings:
        print(f"{warning} (warning)")
    for fault in faults:
        print(fault)
    print(f"{len(faults)} faults, {len(warnings)} warnings", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
