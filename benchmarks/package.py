"""What the deployed package weighs, by the dependency that brings it in, and how long its parts take to import.

`.venv/bin/python -m benchmarks.package` reads the packages of this environment, whose versions are those of the lock.
"""

import os
import subprocess
import sys
import tomllib
import zlib
from collections.abc import Iterable, Mapping
from importlib.metadata import Distribution, distribution
from pathlib import Path
from statistics import median

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from stack.example import ROOT

SHARED = "several of them"
"""The part that more than one direct dependency brings in."""

OURS = ("chargeback", "config")
ROUNDS = 5

IMPORTS = {
    "what the first event needs in addition": "import azure.identity.aio, azure.cosmos.aio, chargeback.adapters.azure.ledger,"
    " chargeback.adapters.redis.counter",
    "the HTTP API, on its first request": "import chargeback.api.app",
    "DuckDB, when posting, auditing or publishing": "import duckdb",
    "statsmodels, when forecasting": "import chargeback.services.forecasting.spend_models",
}
"""What is imported later than function_app, and when."""

SETTINGS = {
    "CHARGEBACK_STORAGE_ACCOUNT_URL": "https://127.0.0.1:1/account",
    "CHARGEBACK_COSMOS_ENDPOINT": "https://127.0.0.1:1",
    "CHARGEBACK_REDIS_URL": "redis://127.0.0.1:1",
    "CHARGEBACK_EVENTS_KEY": "0" * 32,
}


def direct_dependencies() -> dict[str, Requirement]:
    """What pyproject.toml asks for, by name."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return {canonicalize_name(each.name): each for each in map(Requirement, project["dependencies"])}


def brought_in(requirement: Requirement) -> set[str]:
    """The names of all packages that a requirement installs, its own included."""
    found: set[str] = set()
    waiting = [requirement]
    while waiting:
        each = waiting.pop()
        name = canonicalize_name(each.name)
        if name in found and not each.extras:
            continue
        found.add(name)
        for text in distribution(name).requires or ():
            needed = Requirement(text)
            contexts = [{"extra": extra} for extra in each.extras or {""}]
            if needed.marker is None or any(needed.marker.evaluate(context) for context in contexts):
                waiting.append(needed)
    return found


def parts() -> dict[str, set[str]]:
    """Direct dependency → the packages that no other one brings in; the rest is shared."""
    closures = {name: brought_in(requirement) for name, requirement in direct_dependencies().items()}
    own = {
        name: closure.difference(*(other for key, other in closures.items() if key != name))
        for name, closure in closures.items()
    }
    return {**own, SHARED: set().union(*closures.values()).difference(*own.values())}


def files_of(package: Distribution) -> Iterable[Path]:
    """The installed files of a package, without what Python compiles for itself."""
    for file in package.files or ():
        if "__pycache__" not in file.parts and ".." not in file.parts:
            yield Path(str(file.locate()))


def installed_bytes(packages: Iterable[str]) -> int:
    """The bytes that packages take on disk."""
    return sum(file.stat().st_size for name in packages for file in files_of(distribution(name)) if file.exists())


def weights() -> dict[str, int]:
    """Part → bytes on disk."""
    return {name: installed_bytes(packages) for name, packages in parts().items()}


def compressed_bytes(packages: Iterable[str]) -> int:
    """About what packages add to the zip file that an instance downloads before it starts."""
    files = [file for name in packages for file in files_of(distribution(name)) if file.exists()]
    return sum(len(zlib.compress(file.read_bytes())) for file in files)


def seconds(code: str, environment: Mapping[str, str], before: str = "import function_app") -> float:
    """The processor time of code in a new process, without that of what runs before it."""
    text = f"import time; {before}; begin = time.process_time(); {code}; print(time.process_time() - begin)"
    return float(subprocess.check_output([sys.executable, "-c", text], cwd=ROOT, env=environment, text=True))


def main() -> None:
    found = parts()
    for name, size in sorted(weights().items(), key=lambda each: -each[1]):
        brought = ", ".join(sorted(found[name] - {name}))
        packed = compressed_bytes(found[name])
        print(f"{name:24} {size / 1e6:7.1f} MB, {packed / 1e6:6.1f} compressed   {brought}")
    ours = sum(file.stat().st_size for folder in OURS for file in (ROOT / folder).rglob("*") if file.suffix != ".pyc")
    print(f"{'chargeback, config':24} {ours / 1e6:7.1f} MB")
    environment = {**os.environ, **SETTINGS}
    start = median(seconds("import function_app", environment, before="pass") for _ in range(ROUNDS))
    print(f"{'function_app, on every instance':45} {start:.2f} s of processor time")
    for name, code in IMPORTS.items():
        print(f"{name:45} {median(seconds(code, environment) for _ in range(ROUNDS)):.2f} s of processor time")


if __name__ == "__main__":
    main()
