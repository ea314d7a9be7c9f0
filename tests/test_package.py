"""What the deployed package weighs is known by part, and taking events waits for none of the heavy ones."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.package import SHARED, brought_in, direct_dependencies, weights
from chargeback.bootstrap import Container
from stack.stack import Stack
from tests.support.builders import cloud_event
from tests.test_function_app import SCHEDULES, TODAY

ROOT = Path(__file__).parents[1]
BUDGETS_MB = {
    "statsmodels": 270,  # with scipy, numpy and pandas: for forecasts alone
    "duckdb": 75,
    "zstandard": 26,
    "aiohttp": 13,
    "tiktoken": 8,
    "azure-storage-blob": 4,
    "pyyaml": 4,
    "azure-cosmos": 3,
    "fastapi": 3,
    "azure-functions": 2,
    SHARED: 40,
}
SMALL_MB = 1
"""The budget of every dependency that is not named above."""

TOGETHER_MB = 440

HEAVY = {
    *("statsmodels", "scipy", "numpy", "pandas", "patsy", "formulaic"),  # forecasts
    *("duckdb", "_duckdb", "xlsxwriter", "jinja2"),  # books and files
    *("fastapi", "starlette", "typer", "rich", "tiktoken"),  # HTTP, terminal, estimates
}


def test_each_part_of_the_package_keeps_its_budget() -> None:
    found = {name: size / 1e6 for name, size in weights().items()}

    over = {name: round(size, 1) for name, size in found.items() if size > BUDGETS_MB.get(name, SMALL_MB)}
    assert over == {}
    assert sum(found.values()) <= TOGETHER_MB


def test_each_budget_belongs_to_a_part_that_needs_it() -> None:
    found = weights()

    assert set(BUDGETS_MB) <= set(found)
    assert [name for name, budget in BUDGETS_MB.items() if found[name] / 1e6 < budget / 2] == []


def test_the_parts_are_all_that_the_lock_installs() -> None:
    lock = (ROOT / "requirements.txt").read_text("utf-8").splitlines()
    locked = {line.split("==")[0] for line in lock if line[:1].isalpha()}
    only_elsewhere = {"async-timeout", "colorama"}  # of older versions of Python, and of Windows

    brought = set().union(*(brought_in(each) for each in direct_dependencies().values()))

    assert locked - brought <= only_elsewhere
    assert brought <= locked


def heavy_libraries_after(event: dict[str, object]) -> str:
    """What a worker has imported of them once it has taken an event, in a process of its own as in Azure."""
    code = (
        "import sys; from pathlib import Path; from stack.functions_host.worker_library import invoke;"
        f"invoke(Path({str(ROOT)!r}), 'ingest_usage', {json.dumps(event)});"
        f"print(sorted({HEAVY!r} & {{name.split('.')[0] for name in sys.modules}}))"
    )
    environment = {**os.environ, **SCHEDULES, "PYTHONPATH": str(ROOT)}
    return subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, env=environment, text=True)


@pytest.mark.anyio
@pytest.mark.servers
async def test_an_instance_that_takes_events_imports_no_heavy_library(
    clean_stores: Stack, container: Container
) -> None:
    found = heavy_libraries_after(cloud_event(time=f"{TODAY}T00:00:01Z"))

    assert found == "[]\n"
    assert await container.ledger.days() == [TODAY]
