"""Clients that others make from the OpenAPI document: they compile, and read what the API answers."""

import importlib
import os
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest

from scripts.document_api import FILE
from tests.support.cost_views import ViewedProduct
from tests.support.costs_api import costs_api

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]
MAKER = ROOT / ".venv" / "client"
MODULES = ROOT / "node_modules"


MARCH = {"startDate": date(2026, 3, 1), "endDate": date(2026, 3, 31)}


def run(*command: str | Path, **environment: str) -> str:
    """What a program prints; its errors are those of the test."""
    made = subprocess.run(command, capture_output=True, text=True, timeout=120, env={**os.environ, **environment})
    assert made.returncode == 0, made.stdout + made.stderr
    return made.stdout


@pytest.fixture(scope="module")
def python_client(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The package that openapi-python-client makes, imported."""
    folder = tmp_path_factory.mktemp("clients")
    places = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    maker = (sys.executable, "-m", "openapi_python_client", "generate", "--meta", "none", "--fail-on-warning")
    run(*maker, "--path", FILE, "--output-path", folder / "made_client", PYTHONPATH=str(MAKER), PATH=places)
    run(sys.executable, "-W", "error", "-m", "compileall", "-q", folder / "made_client")
    sys.path.insert(0, str(folder))
    yield importlib.import_module("made_client")
    sys.path.remove(str(folder))


async def test_a_made_python_client_reads_costs_and_refusals(python_client: Any, viewed: ViewedProduct) -> None:
    transport = httpx.ASGITransport(costs_api(viewed))
    ask = importlib.import_module("made_client.api.costs.get_cost_breakdown").asyncio
    names = importlib.import_module("made_client.models").DimensionName
    answers = []
    for token in ("finance", "nobody"):
        client = python_client.AuthenticatedClient(
            base_url="https://api.test", token=token, httpx_args={"transport": transport}
        )
        answers.append(await ask(client=client, group_by=[names.MODEL], **MARCH))

    costs, refusal = answers
    assert type(costs).__name__ == "CostPage"
    assert [row.model for row in costs.value][-1] == "gpt-unknown"
    assert costs.total == len(costs.value)
    assert refusal.error.code == "NotFound"


def test_a_made_typescript_client_compiles(tmp_path: Path) -> None:
    made, used = tmp_path / "api.d.ts", tmp_path / "use.ts"
    used.write_text("""
import type { paths, components } from "./api";
type Costs = paths["/api/v1/costs/breakdown"]["get"]["responses"][200]["content"]["application/json"];
export function total(page: Costs): string[] {
  const rows: components["schemas"]["CostRowAnswer"][] = page.value;
  return rows.filter((row) => row.final).map((row) => `${row.cost ?? "not known"} ${row.currency}`);
}
""")

    run("node", MODULES / "openapi-typescript/bin/cli.js", FILE, "--output", made)
    run("node", MODULES / "typescript/bin/tsc", "--noEmit", "--strict", "--skipLibCheck", "false", made, used)

    assert "CostRowAnswer" in made.read_text()


def test_a_linter_of_openapi_has_nothing_to_say() -> None:
    # Probes and the handshake refuse nothing; no budget may be called `decisions`, which is a path of the gateway.
    skipped = ("--skip-rule", "operation-4xx-response", "--skip-rule", "no-ambiguous-paths")
    command = ("lint", FILE, *skipped, "--format", "json")
    told = run("node", MODULES / "@redocly/cli/bin/cli.js", *command, REDOCLY_TELEMETRY="off",
               REDOCLY_SUPPRESS_UPDATE_NOTICE="true")  # fmt: skip

    assert '"totals": {\n    "errors": 0,\n    "warnings": 0' in told, told
