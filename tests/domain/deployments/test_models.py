"""A model has a replacement, and its deployments are named before it retires."""

from datetime import date
from typing import Any

import pytest

from chargeback.domain.deployments.models import Models, deployed, models_of, retiring
from chargeback.domain.errors import InvalidConfig
from tests.support.model_entries import entry

TODAY = date(2026, 11, 29)


def models(*entries: dict[str, Any]) -> Models:
    return models_of({"models": list(entries)})


def replacement(*others: dict[str, Any], **where: str) -> str:
    known = models(entry(retires="2026-12-15"), *others)
    found = known.replacement(known.all[0], where.get("type", "Standard"), where.get("region", "here"), TODAY)
    return str(found)


def test_the_longest_lived_model_of_the_family_replaces_the_others() -> None:
    assert replacement(entry(version="2", retires="2027-06-01"), entry(version="3", retires="2028-01-01")) == "chat 3"


@pytest.mark.parametrize(
    "other",
    [
        entry(version="2", family="embedding"),
        entry(version="2", retires="2026-12-01"),
        entry(version="2", lifecycle="Deprecated"),
        entry(version="2", offered={"Standard": ["elsewhere"]}),
        entry(version="2", offered={"GlobalStandard": ["here"]}),
    ],
)
def test_a_model_that_cannot_be_had_there_or_lives_no_longer_replaces_nothing(other: dict[str, Any]) -> None:
    assert replacement(other) == "None"


@pytest.mark.parametrize(
    ("changes", "closed"),
    [
        ({}, False),
        ({"lifecycle": "Legacy"}, False),
        ({"lifecycle": "Deprecated"}, True),
        ({"lifecycle": "Retired"}, True),
        ({"retires": "2026-11-29"}, True),
        ({"retires": "2026-11-30"}, False),
    ],
)
def test_a_model_is_closed_once_it_is_deprecated_or_its_day_has_come(changes: dict[str, str], closed: object) -> None:
    assert models(entry(**changes)).all[0].is_closed(TODAY) is closed


def test_deployments_are_named_ninety_days_before_their_model_retires() -> None:
    known = models(entry(retires="2027-02-27"), entry(model="later", retires="2027-02-28"), entry(version="2"))
    here = [
        {"name": name, "model": name, "version": "1", "type": "Standard"} for name in ("chat", "later", "nobody-knows")
    ]
    document = {
        "accounts": [{"account": "a", "region": "here", "deployments": "set"}],
        "deploymentSets": {"set": here},
    }

    assert [str(each) for each in retiring(known, document, TODAY)] == [
        "a/chat: chat 1 retires on 2027-02-27: take chat 2"
    ]
    assert len(list(deployed(document))) == 3


@pytest.mark.parametrize(
    ("document", "fault"),
    [
        ({}, "models: expected a list"),
        ({"models": ["x"]}, "models[0]: expected a mapping"),
        ({"models": [entry(retires="soon")]}, "models[0].retires: expected a day such as 2027-01-31"),
        ({"models": [entry(lifecycle="New")]}, "models[0].lifecycle: expected one of Preview, GA, Legacy"),
        ({"models": [entry(regions=[])]}, "models[0].regions: no such key"),
        ({"models": [{**entry(), "tiers": "default"}]}, "models[0].tiers: expected a list"),
        ({"models": [entry(version=1)]}, "models[0].version: expected text"),
        ({"models": [entry(), entry()]}, "models: chat 1 is there twice"),
    ],
)
def test_a_fault_is_told_with_its_place(document: dict[str, Any], fault: str) -> None:
    with pytest.raises(InvalidConfig) as caught:
        models_of(document)

    assert caught.value.faults[0].startswith(fault)


def test_what_is_missing_is_named() -> None:
    with pytest.raises(InvalidConfig, match=r"models\[0\]\.family: is missing"):
        models_of({"models": [{key: value for key, value in entry().items() if key != "family"}]})
