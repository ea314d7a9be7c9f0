"""A company's own list prices count like those of the rate card, and a fault is told in the file that has it."""

import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from chargeback.adapters.config.catalogue import from_documents, load_catalogue, to_documents
from chargeback.adapters.config.folders import path_of
from chargeback.domain.catalogue.prices import price_at
from chargeback.domain.errors import InvalidConfig
from stack.example import EXAMPLE_CONFIG

NEW: dict[str, Any] = {
    "provider": "azure-openai",
    "model": "gpt-6",
    "deploymentTypes": ["GlobalStandard"],
    "effectiveFrom": "2026-12-01",
    "source": "a test",
    "perMillion": {"input_tokens": "3"},
}
DEAR = NEW | {"model": "gpt-5.4", "effectiveFrom": "2027-12-01"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(EXAMPLE_CONFIG, tmp_path / "config"))


def put(folder: Path, *entries: object) -> None:
    path_of(folder, "prices.yaml").write_text(yaml.safe_dump({"prices": [*entries]}), "utf-8")


def test_an_own_price_counts_and_is_stored_with_the_card(folder: Path) -> None:
    put(folder, NEW)

    catalogue = load_catalogue(folder)

    (dated,) = [prices for key, prices in catalogue.prices.items() if key.model == "gpt-6"]
    assert str(price_at(dated, datetime(2026, 12, 1, tzinfo=UTC)).list_per_million) == "3"  # type: ignore[union-attr]
    assert from_documents(to_documents(folder)).digest == catalogue.digest
    assert "prices.yaml" not in to_documents(folder)


def test_no_own_price_changes_nothing(folder: Path) -> None:
    before = load_catalogue(folder).digest
    path_of(folder, "prices.yaml").unlink()

    assert load_catalogue(folder).digest == before


@pytest.mark.parametrize(
    ("entry", "faults"),
    [
        (NEW | {"perMillion": {"input_tokens": "three"}}, ["prices[0].perMillion"]),
        (NEW | {"colour": "red"}, ["prices[0]", "colour"]),
        (DEAR, ["overlaps", "rate-card.yaml prices["]),
    ],
)
def test_a_fault_is_told_in_the_file_that_has_the_entry(folder: Path, entry: object, faults: list[str]) -> None:
    put(folder, entry)

    with pytest.raises(InvalidConfig) as refused:
        load_catalogue(folder)

    (told,) = refused.value.faults
    assert told.startswith("prices.yaml:")
    assert [part for part in faults if part not in told] == []


def test_what_is_no_list_is_refused(folder: Path) -> None:
    path_of(folder, "prices.yaml").write_text("prices: 3\n", "utf-8")

    with pytest.raises(InvalidConfig, match=r"prices\.yaml"):
        load_catalogue(folder)
