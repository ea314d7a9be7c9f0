"""Each profile fits its type, the parameters file fits main.bicep, and the hooks read both as Bicep does."""

import json
import re
from typing import Any

import pytest
import yaml
from tree_sitter import Node

from stack.bicep.expressions import evaluate
from stack.bicep.files import INFRA, ROOT, File, Statement, read, statements, text, within
from stack.bicep.functions import shown

PROFILES = yaml.safe_load((INFRA / "profiles.yaml").read_text("utf-8"))
TYPES = statements(INFRA / "types.bicep", "type")
PARAMETERS = json.loads((INFRA / "main.parameters.json").read_text("utf-8"))["parameters"]
PRIMITIVES = {"string": str, "int": int, "bool": bool}


def members(declared: Statement) -> dict[str, tuple[str, dict[str, int]]]:
    """The properties of an object type: how each is declared, and its limits."""
    body = next(within(declared.node, "object"))
    found, limits = {}, {}
    for child in body.named_children:
        if child.type == "decorators":
            limits = {
                name: value for name, value in map(limit, child.named_children) if name.startswith(("min", "max"))
            }
        elif child.type == "object_property":
            found[text(child.named_children[0])] = (text(child).split(":", 1)[1].strip(), limits)
            limits = {}
    return found


def limit(decorator: Node) -> tuple[str, Any]:
    call = decorator.named_children[0]
    return text(call.named_children[0]), evaluate(text(call.named_children[1].named_children[0]), {})


def faults(value: Any, declared: str, limits: dict[str, int], place: str) -> list[str]:
    """Where a value does not fit a declaration."""
    if declared in TYPES:
        known = members(TYPES[declared])
        wrong = [f"{place}.{name} is not one of {sorted(known)}" for name in value.keys() - known.keys()]
        wrong += [f"{place}.{name} is missing" for name in known.keys() - value.keys()]
        return wrong + [
            fault
            for name in known.keys() & value.keys()
            for fault in faults(value[name], *known[name], f"{place}.{name}")
        ]
    if declared in PRIMITIVES:
        fits = type(value) is PRIMITIVES[declared]
        fits = fits and limits.get("minValue", value) <= value <= limits.get("maxValue", value)
        return [] if fits else [f"{place} is {value!r}, not {declared} within {limits}"]
    allowed = [evaluate(option.strip(), {}) for option in declared.strip("()?").split("|")]
    return [] if value in allowed else [f"{place} is {value!r}, not one of {allowed}"]


@pytest.mark.parametrize("profile", PROFILES)
def test_a_profile_fits_its_type(profile: str) -> None:
    assert faults(PROFILES[profile], "profileSettings", {}, profile) == []


def test_a_value_out_of_its_limits_is_a_fault() -> None:
    wrong = PROFILES["trial"] | {"gatewayUnits": 0, "redisSku": "Basic_C0", "zoneRedundant": "no", "colour": "red"}

    assert len(faults(wrong, "profileSettings", {}, "trial")) == 4


def test_every_setting_of_a_profile_can_be_overridden() -> None:
    for whole, partial in (("profileSettings", "profileOverrides"), ("retentionSettings", "retentionOverrides")):
        names = {
            name: kind.replace("retentionSettings", "retentionOverrides")
            for name, (kind, _) in members(TYPES[whole]).items()
        }

        assert {name: kind.removesuffix("?") for name, (kind, _) in members(TYPES[partial]).items()} == names
        assert all(kind.endswith("?") for kind, _ in members(TYPES[partial]).values())


def test_an_override_replaces_a_single_value() -> None:
    given = {"profile": "production", "overrides": {"gatewayUnits": 4, "retention": {"logs": 365}}}

    settings = File(INFRA / "main.bicep", given)["settings"]

    changed = PROFILES["production"]["retention"] | {"logs": 365}
    assert settings == PROFILES["production"] | {"gatewayUnits": 4, "retention": changed}


SIZES = {"gatewayUnits", "modelCapacityPercent", "cosmosMaxThroughput", "redisSku", "monthlyBudget"} | {
    "functionMemoryMB",
    "functionMaximumInstances",
    "functionAlwaysReady",
}


@pytest.mark.parametrize("profile", ["trial", "staging"])
def test_what_is_not_like_production_is_open_and_can_be_deleted_cleanly(profile: str) -> None:
    settings = PROFILES[profile]

    assert {settings[name] for name in ("privateNetwork", "zoneRedundant", "purgeProtection")} == {False}
    assert settings["retention"]["reportImmutability"] == 0


def test_a_rehearsal_differs_from_production_by_sizes_alone_and_can_be_removed() -> None:
    rehearsal, production = PROFILES["rehearsal"], PROFILES["production"]

    differ = {name for name in production if rehearsal[name] != production[name]}

    assert differ <= SIZES | {"logsDailyGB", "purgeProtection", "retention"}
    assert not rehearsal["purgeProtection"]
    assert all(rehearsal[name] <= production[name] for name in SIZES - {"redisSku"})
    assert 0 < rehearsal["retention"]["reportImmutability"] < production["retention"]["reportImmutability"]


@pytest.mark.parametrize("profile", PROFILES)
def test_a_copy_of_immutable_books_can_be_read(profile: str) -> None:
    """An account with such a policy cannot be failed over, so that its copy is of use only where it can be read.

    https://learn.microsoft.com/azure/storage/common/storage-disaster-recovery-guidance#unsupported-features-and-services
    """
    settings = PROFILES[profile]
    immutable = any(settings["retention"][name] for name in ("ledgerImmutability", "reportImmutability"))

    assert not immutable or settings["storageSku"].startswith("Standard_RA")


@pytest.mark.parametrize("profile", PROFILES)
def test_instances_fit_what_a_subscription_has_without_asking(profile: str) -> None:
    """https://learn.microsoft.com/azure/azure-functions/flex-consumption-plan#regional-subscription-memory-quotas"""
    settings = PROFILES[profile]

    assert settings["functionMaximumInstances"] * settings["functionMemoryMB"] <= 512_000


def test_every_profile_names_a_choice_of_main() -> None:
    allowed = re.findall(r"'(\w+)'", statements(INFRA / "main.bicep", "param")["profile"].type)

    assert allowed == list(PROFILES)


def test_the_parameters_file_gives_every_parameter_without_default_and_only_parameters() -> None:
    declared = statements(INFRA / "main.bicep", "param")

    assert PARAMETERS.keys() <= declared.keys()
    assert {name for name, item in declared.items() if not item.has_default} <= PARAMETERS.keys()


def test_defaults_in_the_parameters_file_are_those_of_main() -> None:
    main = File(INFRA / "main.bicep")
    written = {
        name: match[1]
        for name, item in PARAMETERS.items()
        if isinstance(item["value"], str) and (match := re.fullmatch(r"\$\{\w+=(.*)\}", item["value"]))
    }

    assert len(written) > 10
    assert written == {name: shown(main[name]) for name in written}


def test_azd_pipelines_pass_on_every_variable_of_the_parameters_file() -> None:
    pipeline = yaml.safe_load((ROOT / "azure.yaml").read_text("utf-8"))["pipeline"]
    passed = {*pipeline["variables"], *pipeline["secrets"]}
    read_by_bicep = {name for item in PARAMETERS.values() for name in re.findall(r"\$\{(\w+)", str(item["value"]))}

    found_by_preflight = {"BUDGET_START_DATE", "FUNCTIONS_DEPLOYED", "HELD_ROLES", "IMMUTABILITY_LOCKED"}
    assert passed == {n for n in read_by_bicep if not n.startswith("AZURE_")} - found_by_preflight


def test_every_parameter_and_output_is_described_and_required_ones_say_so() -> None:
    for path in [INFRA / "main.bicep", *(INFRA / "modules").glob("*.bicep")]:
        for item in read(path):
            if item.kind in ("param", "output"):
                assert "description" in item.decorators, f"{path.name}: {item.name}"
            if item.kind == "param":
                first = item.decorators["description"][0].split(".")[0]
                optional = item.has_default or item.type.endswith("?")
                assert first in (("Optional", "Conditional", "Required") if optional else ("Required",)), (
                    f"{path.name}: {item.name}"
                )
