"""The named values, tables, fragments and README fit one another and what API Management takes."""

import re
import xml.etree.ElementTree as ET
from copy import deepcopy
from typing import Any

import pytest

from chargeback.adapters.config.gateway_tables import MAX_FRAGMENT, fragments, tables
from stack.gateway.named_values import DEFAULTS, load_config, named_values
from tests.policies.engines import ROOT
from tests.policies.one_region import EU
from tests.support.company import CONFIG

POLICIES = ROOT / "apim-policies"
README = (POLICIES / "README.md").read_text("utf-8")
FRAGMENTS = sorted((POLICIES / "fragments").glob("*.xml"))
FILES = [POLICIES / "api.xml", POLICIES / "decisions.xml", *FRAGMENTS]


@pytest.fixture
def config() -> dict[str, Any]:
    """The repository's definition, free to change."""
    return deepcopy(load_config(CONFIG))


def test_the_tables_say_what_the_definition_says(config: dict[str, Any]) -> None:
    values = named_values(config)

    assert values["default-product"] == "standard"
    assert values["gateway-regions"] == "swedencentral=europe;eastus2=america;francecentral=europe;westus3=america"
    assert values["geographies"] == "europe=america;america=europe"
    assert "NO=europe" in values["client-countries"].split(";")


def test_the_policies_read_exactly_the_named_values_there_are(config: dict[str, Any]) -> None:
    used = {name for file in FILES for name in re.findall(r"\{\{([^}]+)\}\}", file.read_text("utf-8"))}

    assert used == set(named_values(config))


def test_the_readme_lists_every_named_value_and_fragment(config: dict[str, Any]) -> None:
    names = set(named_values(config)) | {file.stem for file in FRAGMENTS}

    assert [name for name in sorted(names) if f"`{name}`" not in README] == []


def test_the_readme_lists_every_variable_that_is_written() -> None:
    written = {node.attrib["name"] for file in FILES for node in ET.parse(file).iter("set-variable")} | {"token"}

    assert [name for name in sorted(written) if f"`{name}`" not in README] == []


def test_every_fragment_is_included_somewhere() -> None:
    included = {node.attrib["fragment-id"] for node in ET.parse(FILES[0]).iter("include-fragment")}

    assert included == {file.stem for file in FRAGMENTS} | set(fragments(load_config(CONFIG)))


@pytest.mark.parametrize("value", ["", 'a"b', "a<b", "a&amp;b;", "x" * 4097, "{{other}}"])
def test_a_value_that_the_gateway_or_an_expression_could_not_take_is_refused(
    config: dict[str, Any], value: str
) -> None:
    with pytest.raises(ValueError, match="audience"):
        named_values(config, audience=value)


def test_a_value_that_no_policy_reads_is_refused(config: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="'colour'"):
        named_values(config, colour="blue")


def test_a_record_is_found_by_its_key_and_read_by_the_names_of_its_fields(config: dict[str, Any]) -> None:
    parts = tables(config)

    products = "".join(parts["products"])
    assert ";europe-resident:residency=europe|" in products
    assert "|requestsPerMinute=300|tokensPerMinute=100000|" in products
    assert f";0:name={EU[0]}|geography=europe|priority=1|weight=100|batch=-;" in parts["accounts"][0]
    assert ";gpt-4o:DataZoneStandard=0,1|GlobalStandard=2,3;" in "".join(parts["deployments"])


def test_a_large_company_fits(config: dict[str, Any]) -> None:
    names = [f"team-of-department-{n:02}-gpt-5.4-mini" for n in range(50)]
    config["deploymentSets"] = {"all": [{"name": name, "type": "DataZoneProvisionedManaged"} for name in names]}
    account = {**config["accounts"][0], "deployments": "all"}
    config["accounts"] = [{**account, "account": f"oai-switzerlandnorth-{n:02}"} for n in range(50)]
    product = {**config["products"][1], "models": names[:6], "operations": ["chat.completions", "responses"]}
    config["products"] = [{**product, "id": f"department-{n:03}-resident"} for n in range(200)]

    sizes = {name: len(text.encode()) for name, text in fragments(config).items()}

    assert max(sizes.values()) <= MAX_FRAGMENT, sizes


def test_a_geography_without_an_account_is_refused(config: dict[str, Any]) -> None:
    config["geographies"].append({"id": "asia", "name": "Asia", "regions": ["japaneast"], "failover": []})

    with pytest.raises(ValueError, match="'asia'"):
        named_values(config)


def test_every_default_is_a_named_value_of_its_own(config: dict[str, Any]) -> None:
    changed = named_values(config, **{name.replace("-", "_"): "x" for name in DEFAULTS})

    assert all(changed[name] == "x" for name in DEFAULTS)
