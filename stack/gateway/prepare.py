"""Prepares policies for the gateway: loads, checks and compiles the documents, or names what would be refused."""

from collections.abc import Mapping
from pathlib import Path

from stack.gateway.allowlist import allowlist_faults, source_faults
from stack.gateway.assembly import Assembly, compile_expressions
from stack.gateway.documents import Policies, load
from stack.gateway.errors import Fault, PolicyFault
from stack.gateway.policies import auth, backend, cache, cors, flow, limit, llm, message, send

# Importing the families declares what executes each element.
FAMILIES = (auth, backend, cache, cors, flow, limit, llm, message, send)


def prepare(
    folder: Path,
    named_values: dict[str, str],
    backends: set[str],
    cache_folder: Path | None = None,
    generated: Mapping[str, str] | None = None,
) -> tuple[Policies, Assembly]:
    """Load, check and compile the documents of `folder`; `PolicyFault` names what would be refused."""
    policies = load(folder, named_values, generated)
    faults = source_faults(policies.expressions) + backend_faults(policies, backends)
    if faults:
        raise PolicyFault(faults)
    assembly = compile_expressions(policies.expressions, cache_folder)
    refused = allowlist_faults(assembly, policies.expressions)
    if refused:
        raise PolicyFault(refused)
    return policies, assembly


def backend_faults(policies: Policies, backends: set[str]) -> list[Fault]:
    """The literal backend ids that do not exist."""
    nodes = [node for root in (*policies.scopes.values(), *policies.fragments.values()) for node in root.walk()]
    named = [(node, node.attributes.get("backend-id")) for node in nodes if node.name == "set-backend-service"]
    return [
        node.fault(f"there is no backend {name!r}", "backend-id")
        for node, name in named
        if isinstance(name, str) and name not in backends
    ]
