"""Which servers a stack has, as its file stack.json says, and how another process ends them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stack.processes import RunningServer, StackError, end

RECORDS = ("stack.json", "stack.env")


def recorded(state: Path) -> dict[str, RunningServer]:
    """Return the servers that DIR/stack.json speaks of, whether they still run or not."""
    file = state / "stack.json"
    if not file.exists():
        return {}
    try:
        services = json.loads(file.read_text())["services"]
        return {name: RunningServer(**document) for name, document in services.items()}
    except (ValueError, KeyError, TypeError) as error:
        raise StackError(f"{file} is not a stack's record ({error}); remove it") from error


def environment_of(state: Path) -> dict[str, str]:
    """Return the settings with which clients find the stack of DIR/stack.json."""
    file = state / "stack.json"
    if not file.exists():
        raise StackError(f"no stack in {state}")
    return dict(json.loads(file.read_text())["env"])


def layout_of(state: Path) -> dict[str, Any]:
    """Return how the stack of DIR/stack.json was laid out."""
    file = state / "stack.json"
    try:
        return dict(json.loads(file.read_text())["layout"])
    except KeyError:
        raise StackError(f"{file} is of a former version: end that stack with scripts/stack down") from None


def pages_note(env: Mapping[str, str]) -> str:
    """Return where the pages of a stack are and how to sign in; empty where it has none."""
    if not env.get("PAGES_URL") or "ENTRA_AUTHORITY" not in env:
        return ""
    return f"The pages: {env['PAGES_URL']}/  Sign in there as anybody: one person for each role, without a password."


def stop_recorded(state: Path) -> list[str]:
    """End exactly the servers that DIR/stack.json speaks of; return the names of those that ran."""
    servers = recorded(state)
    alive = [name for name, server in servers.items() if server.alive]
    end(server for name, server in servers.items() if name in alive)
    for name in RECORDS:
        (state / name).unlink(missing_ok=True)
    return alive
