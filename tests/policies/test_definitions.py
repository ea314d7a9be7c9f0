"""The named values, pools, fragments and README fit one another and what API Management takes."""

import re
import xml.etree.ElementTree as ET
from copy import deepcopy
from typing import Any

import pytest

from scripts.named_values import DEFAULTS, load_config, named_values, pools
from tests.company import CONFIG
from tests.policies.world import EU, ROOT, US

POLICIES = ROOT / "apim-policies"
README = (POLICIES / "README.md").read_text("utf-8")
FILES = [POLICIES / "api.xml", *sorted((POLICIES / "fragments").glob("*.xml"))]


@pytest.fixture
def config() -> dict[str, Any]:
    """The repository's definition, free to change."""
    return deepcopy(load_config(CONFIG))


def test_the_tables_say_what_the_definition_says(config: dict[str, Any]) -> None:
    values = named_values(config)

    assert values["products"].startswith("standard=-|0|1|600|200000;eu-resident=eu|0|1|300|100000;")
    assert values["default-product"] == "standard"
    assert values["gateway-regions"] == "swedencentral=eu;eastus2=us;francecentral=eu;westus3=us"
    assert values["geography-accounts"] == f"eu={','.join(EU)}|{','.join(US)};us={','.join(US)}|{','.join(EU)}"
    assert values["deployment-pools"].startswith("pool-eu=gpt-image-2;pool-eu-failover=gpt-4o-mini-transcribe;")
    assert "NO=eu" in values["client-countries"].split(";")


def test_the_policies_read_exactly_the_named_values_there_are(config: dict[str, Any]) -> None:
    used = {name for file in FILES for name in re.findall(r"\{\{([^}]+)\}\}", file.read_text("utf-8"))}

    assert used == set(named_values(config))


def test_the_readme_lists_every_named_value_and_fragment(config: dict[str, Any]) -> None:
    names = set(named_values(config)) | {file.stem for file in FILES[1:]}

    assert [name for name in sorted(names) if f"`{name}`" not in README] == []


def test_the_readme_lists_every_variable_that_is_written() -> None:
    written = {node.attrib["name"] for file in FILES for node in ET.parse(file).iter("set-variable")} | {"token"}

    assert [name for name in sorted(written) if f"`{name}`" not in README] == []


def test_every_fragment_is_included_somewhere() -> None:
    included = {node.attrib["fragment-id"] for node in ET.parse(FILES[0]).iter("include-fragment")}

    assert included == {file.stem for file in FILES[1:]}


@pytest.mark.parametrize("value", ["", 'a"b', "a<b", "a&amp;b;", "x" * 4097, "{{other}}"])
def test_a_value_that_the_gateway_or_an_expression_could_not_take_is_refused(
    config: dict[str, Any], value: str
) -> None:
    with pytest.raises(ValueError, match="audience"):
        named_values(config, audience=value)


def test_a_value_that_no_policy_reads_is_refused(config: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="'colour'"):
        named_values(config, colour="blue")


def test_a_deployment_that_an_account_lacks_gets_pools_of_those_that_have_it(config: dict[str, Any]) -> None:
    for account in US:
        config["deploymentSets"][account].append({"name": "sora"})

    members = {pool: [(each.account, each.priority) for each in found] for pool, found in pools(config).items()}

    assert members["pool-eu-failover-sora"] == [(US[0], 3), (US[1], 4)]
    assert "pool-eu-sora" not in members
    assert "pool-us-sora" not in members
    assert members["pool-us-failover-sora"] == [(US[0], 1), (US[1], 2)]
    served = named_values(config)["deployment-pools"].split(";")
    assert [each for each in served if each.endswith("=sora")] == ["pool-eu-failover=sora", "pool-us-failover=sora"]


def test_a_resident_pool_has_no_member_of_another_geography(config: dict[str, Any]) -> None:
    found = pools(config)

    assert [each.account for each in found["pool-eu"]] == list(EU)
    assert [each.account for each in found["pool-us"]] == list(US)
    assert [(each.account, each.priority) for each in found["pool-us-failover"]] == [
        (US[0], 1),
        (US[1], 2),
        (EU[0], 3),
        (EU[1], 4),
    ]


def test_a_geography_without_an_account_is_refused(config: dict[str, Any]) -> None:
    config["geographies"].append({"id": "asia", "name": "Asia", "failover": []})

    with pytest.raises(ValueError, match="'asia'"):
        named_values(config)


def test_every_default_is_a_named_value_of_its_own(config: dict[str, Any]) -> None:
    changed = named_values(config, **{name.replace("-", "_"): "x" for name in DEFAULTS})

    assert all(changed[name] == "x" for name in DEFAULTS)
