"""The table of retail meters is read, and speaks of models and regions that the other documents know."""

from pathlib import Path

import pytest

from chargeback.adapters.config.catalogue import load_catalogue
from chargeback.adapters.config.folders import path_of
from chargeback.adapters.config.retail_meters import load_retail_meters
from chargeback.domain.catalogue.prices import PriceKey
from chargeback.domain.deployments.deployment import DeploymentType
from chargeback.domain.errors import InvalidConfig
from chargeback.domain.usage.meters import Meter
from stack.example import EXAMPLE_CONFIG
from tests.support.config_files import config_folder

CONFIG = EXAMPLE_CONFIG
ONE, TWO = "00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002"

TABLE = f"""\
meters:
  - name: 4o Inp
    provider: azure-openai
    model: GPT-4o
    versions: ["2024-11-20", "2024-08-06"]
    deploymentTypes: [GlobalStandard]
    meter: input_tokens
    source: somewhere
    meterIds: {{eastus2: {ONE}, westus3: {TWO}}}
"""


def test_one_entry_is_the_source_of_a_price_of_each_version(tmp_path: Path) -> None:
    path_of(config_folder(tmp_path), "retail-meters.yaml").write_text(TABLE)

    table = load_retail_meters(tmp_path).meters

    assert {meter_id: reviewed.region for meter_id, reviewed in table.items()} == {ONE: "eastus2", TWO: "westus3"}
    assert table[ONE].keys == tuple(
        PriceKey("azure-openai", "gpt-4o", version, DeploymentType.GLOBAL_STANDARD, "default", "", "", Meter.INPUT)
        for version in ("2024-11-20", "2024-08-06")
    )


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        (ONE, "one", "retail-meters.yaml:9: meters[0].meterIds.eastus2: 'one' is not a meter id, or occurs twice"),
        (ONE, TWO, f"retail-meters.yaml:9: meters[0].meterIds.westus3: '{TWO}' is not a meter id, or occurs twice"),
        (f"{{eastus2: {ONE}, westus3: {TWO}}}", "{}", "retail-meters.yaml:9: meters[0].meterIds: names none"),
        ("input_tokens", "inputs", "retail-meters.yaml:7: meters[0].meter: invalid enum value 'inputs'"),
        ("somewhere", '""', "retail-meters.yaml:8: meters[0].source: is empty"),
        ("[GlobalStandard]", "[]", "retail-meters.yaml:6: meters[0].deploymentTypes: names none"),
        ("    source:", "    serviceTier: fast\n    source:", "meters[0].serviceTier: 'fast' is not one of"),
        ("meters:", "meter:", "retail-meters.yaml:1: meters: is missing"),
    ],
)
def test_a_fault_of_the_table_names_its_line_and_place(tmp_path: Path, old: str, new: str, fault: str) -> None:
    assert old in TABLE
    path_of(config_folder(tmp_path), "retail-meters.yaml").write_text(TABLE.replace(old, new, 1))

    with pytest.raises(InvalidConfig) as caught:
        load_retail_meters(tmp_path)

    assert any(fault in each for each in caught.value.faults), caught.value.faults


def test_the_shipped_table_speaks_of_models_and_regions_that_the_shipped_documents_know() -> None:
    catalogue = load_catalogue(CONFIG)
    table, capacity = load_retail_meters(CONFIG)

    models = {(key.provider, key.model) for key in catalogue.prices}
    regions = {each.region for names in catalogue.deployments.values() for each in names.values()}

    assert {(key.provider, key.model) for reviewed in table.values() for key in reviewed.keys} <= models
    assert {reviewed.region for reviewed in table.values()} == regions
    assert len(table) > 800
    assert capacity == ("provisioned", "hosting")
