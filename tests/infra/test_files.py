"""What else must hold of the files: their size, their schemas, and log queries that fit the log."""

import json
import re
import subprocess
from fnmatch import fnmatch
from pathlib import Path

import pytest
import yaml

from chargeback.functions.triggers import TRIGGERS
from scripts.kql.queries import SAMPLE_VALUES
from scripts.kql.queries import tables as documented
from stack.bicep.files import INFRA, MODULES, ROOT, statements
from stack.bicep.tables import MARKS, rendered
from tests.surface.log_lines import logged_fields

QUERIES = sorted((INFRA / "queries").rglob("*.kql"))
AZD = yaml.safe_load((ROOT / "azure.yaml").read_text("utf-8"))


LOGGED = logged_fields()


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_a_module_is_short_and_says_what_it_deploys(path: Path) -> None:
    source = path.read_text("utf-8")

    assert len(source.splitlines()) <= 120
    assert re.match(r"metadata name = '.+'\nmetadata description = '.+\.'\n", source)


def test_the_file_that_puts_the_modules_together_stays_short() -> None:
    assert len((INFRA / "main.bicep").read_text("utf-8").splitlines()) < 400


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_every_module_is_used(path: Path) -> None:
    used = {
        (caller.parent / item.target).resolve()
        for caller in [INFRA / "main.bicep", *MODULES]
        for item in statements(caller, "module").values()
    }

    assert path.resolve() in used


def test_every_abbreviation_is_used() -> None:
    names = (INFRA / "names.bicep").read_text("utf-8")

    assert set(json.loads((INFRA / "abbreviations.json").read_text("utf-8"))) == set(
        re.findall(r"prefixes\.(\w+)\}", names)
    )


@pytest.mark.parametrize("path", QUERIES, ids=lambda path: path.stem)
def test_a_query_says_its_purpose_reads_known_tables_and_is_used(path: Path) -> None:
    query = path.read_text("utf-8")
    users = (INFRA / "modules" / {"alerts": "alerts", "workbook": "workbook"}[path.parent.name]).with_suffix(".bicep")

    tables = set(re.findall(r"^(?:let \w+ = )?(?:toscalar\()?(_?[A-Z]\w+)", query, re.MULTILINE)) - SAMPLE_VALUES.keys()

    assert query.startswith("// Purpose: ")
    assert tables
    assert tables <= set(documented())
    assert f"queries/{path.parent.name}/{path.name}'" in users.read_text("utf-8")


@pytest.mark.parametrize("path", QUERIES, ids=lambda path: path.stem)
def test_a_query_looks_for_events_and_fields_that_the_code_logs(path: Path) -> None:
    query = path.read_text("utf-8")

    events = re.findall(r"""Message startswith '\{"event":"(\w+)",'""", query)
    fields = ["".join(each) for each in re.findall(r"""\bline(?:\.(\w+)|\["(\w+)"\])""", query)]

    assert set(events) <= LOGGED.keys()
    assert events or not fields
    assert all(any(field in LOGGED[event] for event in events) for field in fields)


def test_every_hook_of_azd_exists_and_runs_on_every_system() -> None:
    hooks = [hook for entry in AZD["hooks"].values() for hook in (entry if isinstance(entry, list) else [entry])]

    assert len(hooks) == 8
    assert all((ROOT / hook["run"]).is_file() and hook["kind"] == "python" for hook in hooks)


def test_the_page_counts_the_instances_that_zones_keep_ready() -> None:
    """Two of every group: each function is one of its own, but all of HTTP are one together
    (https://learn.microsoft.com/azure/azure-functions/flex-consumption-plan#per-function-scaling)."""
    sources = [path.read_text("utf-8") for path in (ROOT / "chargeback/functions").glob("*.py")]
    functions = sum(source.count("@bp.function_name(") for source in sources)
    page = (ROOT / "docs/deploy.md").read_text("utf-8")

    assert functions == len(TRIGGERS)
    assert {int(found) for found in re.findall(r"(\d+) (?:in all|always ready of)", page)} == {2 * (functions + 1)}


def test_the_service_of_azd_is_the_app_that_carries_its_tag() -> None:
    (service,) = AZD["services"]

    assert f"'azd-service-name': '{service}'" in (INFRA / "modules/functions.bicep").read_text("utf-8")
    assert (ROOT / AZD["services"][service]["project"] / "host.json").is_file()


def test_the_tables_of_the_deployment_page_are_those_of_the_bicep() -> None:
    page = (ROOT / "docs/deploy.md").read_text("utf-8")

    assert len(MARKS.findall(page)) == 2
    assert rendered(page) == page


def test_the_runbook_has_every_log_line_that_the_code_writes_with_each_of_its_fields() -> None:
    runbook = (ROOT / "docs/operations.md").read_text("utf-8").split("## Alerts")[0]

    rows = re.findall(r"^\| (`\w+ [^|]+`) \|", runbook, re.MULTILINE)
    lines = [line.split() for row in rows for line in re.findall(r"`([^`]+)`", row)]

    assert {event: set(fields) for event, *fields in lines} == LOGGED
    assert len(lines) == len(LOGGED)


def test_the_deployed_package_holds_what_the_app_runs_on_and_little_else() -> None:
    ignored = (ROOT / ".funcignore").read_text("utf-8").split()
    tracked = {
        path.split("/")[0] for path in subprocess.check_output(["git", "ls-files"], cwd=ROOT, text=True).splitlines()
    }

    shipped = {name for name in tracked if not any(fnmatch(name, pattern) for pattern in ignored)}

    needed = {"chargeback", "config", "function_app.py", "host.json", "requirements.txt", "pyproject.toml"}
    assert needed <= shipped
    assert shipped - needed <= {"LICENSE"}


def test_nothing_that_a_machine_makes_for_itself_is_deployed() -> None:
    """azd's own exclusions hold only where there is no .funcignore."""
    ignored = [pattern.strip("/") for pattern in (ROOT / ".funcignore").read_text("utf-8").split()]
    made = [pattern.strip("/") for pattern in (ROOT / ".gitignore").read_text("utf-8").split()]

    assert [name for name in made if not any(fnmatch(name, pattern) for pattern in ignored)] == []
