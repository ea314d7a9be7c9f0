"""config/provider/models.yaml as it is shipped, and what validation says of a folder's deployments."""

import shutil
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from chargeback.adapters.config.folders import path_of
from chargeback.adapters.config.models import find_retiring, load_models, notes_on_models
from chargeback.domain.deployments.deployment import DeploymentType
from chargeback.domain.deployments.models import deployed
from chargeback.domain.deployments.regions import zone_of
from chargeback.domain.errors import InvalidConfig
from chargeback.domain.usage.meters import Meter
from chargeback.domain.usage.tiers import TIERS
from stack.example import EXAMPLE_CONFIG

SHIPPED_ON = date(2026, 11, 29)
"""The day for which the shipped deployments were chosen; choose again when this is moved."""

MODELS = load_models(EXAMPLE_CONFIG)
DEPLOYED = list(deployed(yaml.safe_load(path_of(EXAMPLE_CONFIG, "deployments.yaml").read_text())))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(EXAMPLE_CONFIG, tmp_path / "config"))


@pytest.mark.parametrize(("account", "item"), DEPLOYED, ids=lambda each: each.get("account") or each.get("name"))
def test_a_shipped_deployment_can_be_made_and_nothing_of_its_family_there_lives_longer(
    account: dict[str, Any], item: dict[str, Any]
) -> None:
    model = MODELS.find(item["model"], item["version"])

    assert model is not None
    assert model.is_offered(item["type"], account["region"])
    assert not model.is_closed(SHIPPED_ON)
    assert MODELS.replacement(model, item["type"], account["region"], SHIPPED_ON) is None
    assert model.retires > SHIPPED_ON + timedelta(days=183)


def test_every_account_has_a_set_of_its_own() -> None:
    document = yaml.safe_load(path_of(EXAMPLE_CONFIG, "deployments.yaml").read_text())
    names = [account["deployments"] for account in document["accounts"]]

    assert sorted(names) == sorted(set(names)) == sorted(document["deploymentSets"])


def test_what_a_resident_call_may_use_never_leaves_the_eu() -> None:
    resident = {
        item["name"]
        for account, item in DEPLOYED
        if zone_of(account["region"]) == "eu" and "Global" not in item["type"]
    }

    assert {"gpt-5.4", "gpt-5.5", "text-embedding-3-large"} <= resident


def test_the_facts_use_the_words_of_the_rate_card() -> None:
    for model in MODELS.all:
        assert {Meter(meter) for meter in model.meters}
        assert set(model.tiers) <= set(TIERS)
        assert {DeploymentType(kind) for kind in model.offered} or model.offered == {}


def test_validation_names_a_model_that_retires_and_what_to_take_instead(folder: Path) -> None:
    deployments = path_of(folder, "deployments.yaml")
    text = deployments.read_text()
    new = 'model: gpt-4o-mini-transcribe, version: "2025-12-15", type: GlobalStandard'
    deployments.write_text(text.replace(new, 'model: whisper, version: "001", type: Standard', 1))

    notes = list(notes_on_models(folder, SHIPPED_ON))

    assert notes == [
        "oai-swedencentral/gpt-4o-mini-transcribe: whisper 001 retires on 2026-12-15:"
        " nothing of its family is offered there"
    ]
    assert [each.replacement for each in find_retiring(folder, SHIPPED_ON)] == [None]


def test_validation_names_what_the_facts_do_not_know_or_do_not_offer(folder: Path) -> None:
    deployments = path_of(folder, "deployments.yaml")
    text = deployments.read_text().replace('version: "2026-04-24"', 'version: "2030-01-01"', 1)
    deployments.write_text(
        text.replace(
            'gpt-5.4-mini, version: "2026-03-17", type: GlobalStandard',
            'gpt-5.4-mini, version: "2026-03-17", type: DataZoneStandard',
            1,
        )
    )

    assert list(notes_on_models(folder, SHIPPED_ON)) == [
        "oai-swedencentral/gpt-5.4-mini: gpt-5.4-mini 2026-03-17 as DataZoneStandard is not offered in swedencentral,"
        " as models.yaml has it",
        "oai-swedencentral/gpt-5.5: models.yaml does not know gpt-5.5 2030-01-01: add it, with its source",
    ]


def test_a_fault_of_the_facts_is_told_with_its_line(folder: Path) -> None:
    facts = path_of(folder, "models.yaml")
    text = facts.read_text().replace("lifecycle: GA", "lifecycle: New", 1)
    facts.write_text(text)
    line = next(number for number, each in enumerate(text.splitlines(), 1) if "lifecycle: New" in each)

    with pytest.raises(InvalidConfig, match=rf"^models\.yaml:{line}: models\[0\]\.lifecycle: expected one of"):
        load_models(folder)
