"""Agreements are read from their file, and a faulty one is named with its place."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from chargeback.adapters.config.catalogue import FILES, load_catalogue, to_documents
from chargeback.adapters.config.folders import path_of
from chargeback.domain.errors import InvalidConfig
from chargeback.domain.usage.meters import Meter
from stack.example import EXAMPLE_CONFIG
from tests.support.config_files import config_folder

CONFIG = EXAMPLE_CONFIG

CARD = """\
currency: USD
prices:
  - provider: azure-openai
    model: gpt-4o
    deploymentTypes: [GlobalStandard, GlobalBatch]
    effectiveFrom: 2024-11-20T00:00:00Z
    source: "a price list"
    perMillion: {input_tokens: "2.50", output_tokens: "10.00"}
"""
ADJUSTMENTS = """\
adjustments:
  - id: ea
    source: agreement 7
    effectiveFrom: 2026-01-01T00:00:00Z
    effectiveTo: 2027-01-01T00:00:00Z
    when: {provider: azure-openai, model: GPT-4o, deploymentTypes: [GlobalBatch], meters: [input_tokens]}
    discount: "50"
  - id: letter
    source: letter of 2026-02-02
    effectiveFrom: 2026-03-01T00:00:00Z
    when: {deploymentTypes: [GlobalStandard]}
    contractedPerMillion: {output_tokens: "9.123456789012"}
  - id: platform
    source: board
    effectiveFrom: 2026-01-01T00:00:00Z
    markup: "5"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    config_folder(tmp_path, *FILES)
    path_of(tmp_path, "rate-card.yaml").write_text(CARD)
    path_of(tmp_path, "adjustments.yaml").write_text(ADJUSTMENTS)
    return tmp_path


def test_the_card_says_what_was_agreed_and_from_when(folder: Path) -> None:
    prices = load_catalogue(folder).prices

    by_id = {price.price_id.partition("any/")[2]: price for dated in prices.values() for price in dated}
    batch = by_id["GlobalBatch/default/input_tokens@2026-01-01T00Z"]
    assert (batch.list_per_million, batch.contracted_per_million, batch.per_million) == (
        Decimal("2.50"),
        Decimal("1.25"),
        Decimal("1.3125"),
    )
    letter = by_id["GlobalStandard/default/output_tokens@2026-03-01T00Z"]
    # 9.123456789012 and 5 % = 9.5796296284626
    assert (letter.contracted_per_million, letter.per_million) == (Decimal("9.123456789012"), Decimal("9.579629628463"))
    assert letter.adjustments == ("letter: letter of 2026-02-02", "platform: board")
    assert by_id["GlobalStandard/default/output_tokens@2024-11-20T00Z"].per_million == Decimal("10.00")
    assert len(prices) == 4
    assert {price.meter for price in by_id.values()} == {Meter.INPUT, Meter.OUTPUT}


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('"50"', "50", "adjustments.yaml:7: adjustments[0].discount: expected `str | null`, got `int`"),
        ('"50"', '"101"', "adjustments.yaml:7: adjustments[0].discount: '101' is not a quoted percentage"),
        ('"50"', '"0"', "adjustments[0].discount: '0' is not a quoted percentage above 0"),
        ('    discount: "50"\n', "", "adjustments[0].id: has to have one of discount, markup"),
        ('"50"\n', '"50"\n    markup: "5"\n', "adjustments[0].id: has to have one of discount, markup"),
        ("id: letter", "id: ea", "adjustments.yaml:8: adjustments[1].id: 'ea' is empty or there twice"),
        ("source: board", 'source: ""', "adjustments[2].source: is empty"),
        ("2027-01-01T00", "2025-01-01T00", "adjustments[0].effectiveTo: is not after effectiveFrom"),
        ("2026-03-01T00:00", "2026-03-01T00:30", "adjustments[1].effectiveFrom: 2026-03-01T00:30:00+00:00 is"),
        ("meters: [input_tokens]", "meters: []", "adjustments[0].when.meters: names none"),
        ("meters: [input_tokens]", "meters: [tokens]", "adjustments[0].when.meters[0]: invalid enum value 'tokens'"),
        ("meters: [input_tokens]", "serviceTier: fast", "adjustments[0].when.serviceTier: 'fast' is not one of"),
        ("meters: [input_tokens]", "colour: red", "adjustments[0].when: object contains unknown field `colour`"),
        ("{deploymentTypes: [GlobalStandard]}", "{meters: [output_tokens]}", "adjustments[1].when.meters: contracted"),
        ("{output_tokens: ", "{outputs: ", "adjustments[1].contractedPerMillion.outputs: no such meter"),
        ('"9.123456789012"', '"9.1234567890123"', "'9.1234567890123' is not a quoted decimal of at most 12"),
        ('"9.123456789012"', '"10000"', "yaml:12: adjustments[1].contractedPerMillion.output_tokens: 10000 is 1000"),
        ("model: GPT-4o", "model: gpt-4", "adjustments.yaml:2: adjustments[0].id: ea changes no price"),
        ("2026-01-01T00:00:00Z\n    effectiveTo: 2027", "2020-01-01T00:00:00Z\n    effectiveTo: 2021", "ea changes no"),
    ],
)  # fmt: skip
def test_a_faulty_agreement_is_named_with_its_place(folder: Path, old: str, new: str, fault: str) -> None:
    assert old in ADJUSTMENTS
    path_of(folder, "adjustments.yaml").write_text(ADJUSTMENTS.replace(old, new, 1))

    with pytest.raises(InvalidConfig) as caught:
        load_catalogue(folder)

    assert any(fault in found for found in caught.value.faults), caught.value.faults


def test_an_agreement_that_an_earlier_one_always_precedes_is_a_fault(folder: Path) -> None:
    general = '  - {id: general, source: s, effectiveFrom: 2024-11-20T00:00:00Z, discount: "10"}\n'
    path_of(folder, "adjustments.yaml").write_text(ADJUSTMENTS.replace("adjustments:\n", f"adjustments:\n{general}"))

    with pytest.raises(InvalidConfig) as caught:
        load_catalogue(folder)

    assert [fault.split(": ")[2].split()[0] for fault in caught.value.faults] == ["ea", "letter"]


def test_agreements_in_the_rate_card_are_refused_with_their_new_file(folder: Path) -> None:
    path_of(folder, "adjustments.yaml").unlink()
    path_of(folder, "rate-card.yaml").write_text(CARD + ADJUSTMENTS)

    with pytest.raises(InvalidConfig) as caught:
        load_catalogue(folder)

    assert caught.value.faults == [
        "rate-card.yaml:9: adjustments: this section is now in adjustments.yaml, among the files of your company"
    ]


def test_agreements_are_stored_as_a_section_of_the_rate_card(folder: Path) -> None:
    documents = to_documents(folder)

    card: Any = documents["rate-card.yaml"]
    assert "adjustments.yaml" not in documents
    assert [one["id"] for one in card["adjustments"]] == ["ea", "letter", "platform"]
    path_of(folder, "adjustments.yaml").write_text("adjustments: []\n")
    assert set(to_documents(folder)["rate-card.yaml"]) == {"currency", "prices"}  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("text", "fault"),
    [("agreements: []", "adjustments: is missing"), ("adjustments: 1", "adjustments: expected a list")],
)
def test_a_file_of_agreements_without_a_list_of_them_is_refused(folder: Path, text: str, fault: str) -> None:
    path_of(folder, "adjustments.yaml").write_text(text)

    with pytest.raises(InvalidConfig) as caught:
        load_catalogue(folder)

    assert f"adjustments.yaml:1: {fault}" in caught.value.faults
