"""A configuration of the earlier layout is brought forward: every amount, every comment and every name stays."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from chargeback.adapters.config.catalogue import from_documents, load_catalogue
from chargeback.adapters.config.earlier_layout import bring_forward
from chargeback.adapters.config.folders import places
from chargeback.adapters.config.terms import load_terms, terms_from_documents
from chargeback.adapters.config.yaml_files import read
from chargeback.cli.exit_codes import ExitCode
from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.errors import InvalidConfig
from chargeback.domain.rating.effective_catalogues import EffectiveCatalogues
from chargeback.domain.rating.rating import rate
from chargeback.domain.terms.terms import Terms
from chargeback.domain.time.days import UtcDay
from chargeback.domain.time.months import Month
from chargeback.domain.usage.meters import Meter
from chargeback.settings import DEPLOYED_CONFIG
from tests.companies.folders import HERE
from tests.support.catalogues import usage_line
from tests.support.command_line import chargeback, output_of
from tests.support.published_files import published
from tests.surface.documents import DOCUMENTS

EARLIER = HERE / "earlier"
PERIOD = Month("2026-10")
TEXT = {Meter.INPUT: 1_234_567, Meter.CACHED_INPUT: 100_003, Meter.OUTPUT: 76_543}
CALLS: list[tuple[str, str, str, dict[Meter, int]]] = [
    ("gpt-4o", "gpt-4o-2024-11-20", "chat.completions", TEXT),
    ("gpt-4o-mini", "gpt-4o-mini-2024-07-18", "chat.completions", TEXT),
    ("gpt-4o-old", "gpt-4o-2024-08-06", "chat.completions", TEXT),
    ("text-embedding-3-large", "text-embedding-3-large", "embeddings", {Meter.INPUT: 999_999}),
    ("whisper", "whisper", "audio.transcriptions", {Meter.AUDIO_SECONDS: 12_345}),
    ("tts", "tts", "audio.speech", {Meter.CHARACTERS: 54_321}),
]
WHO = [
    ("search", "standard", ""),
    ("support", "premium", "VOICE"),
    ("legal", "eu-resident", ""),
    ("new", "standard", ""),
]


@pytest.fixture(scope="module")
def upgraded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("upgraded") / "config"
    output_of("config", "upgrade", str(EARLIER), "--out-dir", str(folder))
    return folder


def as_stored() -> tuple[Catalogue, Terms]:
    """The earlier files as they were once stored and are still read, for months that they rated."""
    documents: dict[str, object] = {path.name: read(path) for path in EARLIER.glob("*.yaml")}
    catalogue = from_documents(documents)
    return catalogue, terms_from_documents(documents, catalogue)


async def csv_of(catalogue: Catalogue, terms: Terms) -> list[dict[str, str]]:
    in_force = EffectiveCatalogues(catalogue)
    records = [
        rate(UtcDay(f"{PERIOD}-{day:02}"), line, {day % 24: meters}, in_force)
        for day, account in enumerate(["swedencentral", "francecentral", "eastus2", "westus3"] * 2, 1)
        for deployment, model, operation, meters in CALLS
        for line in [
            usage_line(
                subscription=WHO[day % 4][0],
                product=WHO[day % 4][1],
                billing_code=WHO[day % 4][2],
                operation=operation,
                model=model,
                deployment=deployment,
                backend=f"oai-{account}-x1.openai.azure.com",
            )
        ]
    ]
    _, files = await published(records, period=PERIOD, catalogue=catalogue, terms=terms)
    text = files[f"{PERIOD}/chargeback-{PERIOD}.csv"].decode()
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


@pytest.mark.anyio
async def test_a_month_of_usage_has_the_same_csv_before_and_after(upgraded: Path) -> None:
    catalogue = load_catalogue(upgraded)

    before = await csv_of(*as_stored())
    after = await csv_of(catalogue, load_terms(upgraded, catalogue))

    assert len(before) > 90
    assert {row["state"] for row in before} == {"exact", "unpriced"}
    assert any(row["list_unit_price"] != row["contracted_unit_price"] for row in before)
    assert any(row["contracted_unit_price"] != row["unit_price"] for row in before)
    assert {row["cost_centre"] for row in before} > {"product/support/voice", "corporate/legal", "unallocated"}
    # A price of regional deployments has the zone in its id now; the charge that names it has another id for that.
    named = {"price_id", "charge_id"}
    assert [{k: v for k, v in row.items() if k not in named} for row in after] == [
        {k: v for k, v in row.items() if k not in named} for row in before
    ]


def test_what_the_catalogue_and_the_terms_mean_stays(upgraded: Path) -> None:
    catalogue, (earlier, terms) = load_catalogue(upgraded), as_stored()
    now = load_terms(upgraded, catalogue)

    assert catalogue.deployments == earlier.deployments
    assert catalogue.dated == earlier.dated
    assert (catalogue.allocation.rules, catalogue.allocation.centres) == (
        earlier.allocation.rules,
        earlier.allocation.centres,
    )
    assert (now.budgets, now.shared_costs) == (terms.budgets, terms.shared_costs)


def test_no_comment_and_no_entry_of_the_files_is_lost(upgraded: Path) -> None:
    for path in EARLIER.glob("*.yaml"):
        text = (upgraded / places()[path.name]).read_text("utf-8")
        comments = [line for line in path.read_text("utf-8").splitlines() if line.startswith("#")]
        assert [line for line in comments if line not in text.splitlines()] == [], path.name
        assert text.startswith(f"# yaml-language-server: $schema=../schemas/{path.stem}.json\n")
    for name in ("cost-centres.yaml", "shared-costs.yaml", "books.yaml"):
        assert read(EARLIER / name) == read(upgraded / "company" / name)


def test_order_becomes_marks(upgraded: Path) -> None:
    gateway: Any = read(upgraded / "company/gateway.yaml")

    assert [each.get("primary", False) for each in gateway["gateways"]] == [True, False]
    assert [each["id"] for each in gateway["products"] if each.get("default")] == ["standard"]
    assert [each["id"] for each in gateway["subscriptions"] if each.get("smokeTest")] == ["search"]
    assert {each["id"]: each["regions"] for each in gateway["geographies"]} == {
        "eu": ["swedencentral", "francecentral"],
        "us": ["eastus2", "westus3"],
    }


def test_the_present_layout_stays_as_it_is(upgraded: Path) -> None:
    again = bring_forward(upgraded, DEPLOYED_CONFIG)

    assert again.notes == []
    assert {place: (upgraded / place).read_text("utf-8") for place in again.texts} == again.texts


def test_it_writes_over_nothing_and_takes_no_other_folder(upgraded: Path, tmp_path: Path) -> None:
    refused = chargeback("config", "upgrade", str(EARLIER), "--out-dir", str(upgraded))
    empty = chargeback("config", "upgrade", str(tmp_path), "--out-dir", str(tmp_path / "new"))

    assert (refused[0], empty[0]) == (ExitCode.USAGE, ExitCode.FAILED)
    assert "exists already" in refused[2]
    assert "has no deployments.yaml and rate-card.yaml" in empty[2]
    assert not (tmp_path / "new").exists()


def test_what_stays_wrong_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    for path in EARLIER.glob("*.yaml"):
        (tmp_path / path.name).write_text(path.read_text("utf-8"), "utf-8")
    centres = yaml.safe_load((tmp_path / "cost-centres.yaml").read_text("utf-8"))
    centres["rules"][0]["costCentre"] = "nowhere"
    (tmp_path / "cost-centres.yaml").write_text(yaml.safe_dump(centres), "utf-8")

    code, _, errors = chargeback("config", "upgrade", str(tmp_path), "--out-dir", str(tmp_path / "new"))

    assert code == ExitCode.FAILED
    assert "nowhere" in errors
    assert not (tmp_path / "new").exists()


def test_it_answers_in_json(tmp_path: Path) -> None:
    answered = output_of("config", "upgrade", str(EARLIER), "--out-dir", str(tmp_path / "new"), "--json")

    assert set(json.loads(answered)) == set(DOCUMENTS["config upgrade"].__struct_encode_fields__)
    assert "company/adjustments.yaml" in json.loads(answered)["files"]


def test_a_file_that_is_no_yaml_is_named(tmp_path: Path) -> None:
    (tmp_path / "rate-card.yaml").write_text("prices: [")
    (tmp_path / "deployments.yaml").write_text("accounts: []")

    with pytest.raises(InvalidConfig, match=r"rate-card\.yaml: "):
        bring_forward(tmp_path, DEPLOYED_CONFIG)
