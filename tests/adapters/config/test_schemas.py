"""Each configuration file has the JSON Schema of its reader's types: it is current, and the file names and keeps it."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from chargeback.adapters.config.folders import COMPANY, PROVIDER, path_of
from chargeback.adapters.config.gateway import gateway_faults
from chargeback.adapters.config.schemas import FILES_WITH_SCHEMA
from chargeback.adapters.config.yaml_files import read
from scripts.document_schemas import FOLDER, schemas
from stack.example import EXAMPLE_CONFIG


def schema(name: str) -> Any:
    return json.loads(Path(FOLDER, f"{Path(name).stem}.json").read_text("utf-8"))


def faults(name: str, document: object) -> list[str]:
    return [error.message for error in Draft202012Validator(schema(name)).iter_errors(document)]


def test_the_schemas_are_current() -> None:
    there = {path.name: path.read_text("utf-8") for path in FOLDER.iterdir()}

    assert there == schemas(), "run scripts/document-schemas"


def test_every_file_but_that_of_the_models_has_one() -> None:
    assert {*FILES_WITH_SCHEMA} == {*COMPANY, *PROVIDER} - {"models.yaml"}


@pytest.mark.parametrize("name", FILES_WITH_SCHEMA)
def test_a_shipped_file_names_its_schema_and_keeps_it(name: str) -> None:
    path = path_of(EXAMPLE_CONFIG, name)

    first = path.read_text("utf-8").partition("\n")[0]

    shown = "../schemas" if name in PROVIDER else "../../config/schemas"
    assert first == f"# yaml-language-server: $schema={shown}/{Path(name).stem}.json"
    assert faults(name, read(path)) == []


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("gateway.yaml", {"products": [{"id": "x", "tokenPerMinute": 1}]}),
        ("cost-centres.yaml", {"costCenters": []}),
        ("budgets.yaml", {"budgets": [{"id": "b", "amount": 1, "steps": [{"percent": 1, "do": "explode"}]}]}),
        ("alerts.yaml", {"channels": [{"kind": "pigeon", "id": "p"}], "subscriptions": []}),
        ("emitters.yaml", {"emitters": [{"id": "x", "sources": "/a", "subscriptions": []}]}),
    ],
)
def test_a_schema_refuses_what_the_reader_refuses(name: str, wrong: dict[str, object]) -> None:
    assert faults(name, wrong)


def test_a_key_that_only_stored_versions_have_is_struck_through_in_an_editor() -> None:
    account = schema("deployments.yaml")["$defs"]["_Account"]["properties"]

    assert account["geography"]["deprecated"]
    assert "formerDeployments" not in schema("deployments.yaml")["properties"]


@pytest.mark.parametrize("section", ["api", "resilience", "entra"])
def test_a_gateway_is_read_as_strictly_as_its_schema_says(section: str, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(EXAMPLE_CONFIG, tmp_path / "config"))
    document = yaml.safe_load(path_of(folder, "gateway.yaml").read_text("utf-8"))
    document[section]["misspelt"] = 3
    path_of(folder, "gateway.yaml").write_text(yaml.safe_dump(document, sort_keys=False))

    (fault,) = gateway_faults(folder)

    assert fault.endswith(f"{section}: object contains unknown field `misspelt`")
    assert faults("gateway.yaml", document)
