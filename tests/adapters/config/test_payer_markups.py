"""A markup may depend on who pays, and be put on shared costs."""

from decimal import Decimal
from pathlib import Path

import pytest

from chargeback.adapters.config.catalogue import from_documents, load_catalogue, to_documents
from chargeback.adapters.config.folders import path_of
from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.catalogue.changes import changes
from chargeback.domain.errors import InvalidConfig
from chargeback.domain.price_list.provider_meters import skus_of_prices
from chargeback.domain.rating.effective_catalogues import EffectiveCatalogues
from chargeback.domain.rating.rating import picodollars_per_unit, rate
from chargeback.domain.rating.usage_record import RecordPart
from chargeback.domain.usage.meters import Meter
from tests.support.catalogues import START, usage_line
from tests.support.config_files import config_folder

FILES = {
    "rate-card.yaml": """\
currency: USD
prices:
  - {provider: azure-openai, model: gpt-4o, deploymentTypes: [GlobalStandard], effectiveFrom: 2024-01-01T00:00:00Z,
     source: page, perMillion: {input_tokens: "2.50", output_tokens: "10.00"}}
""",
    "adjustments.yaml": """\
adjustments:
  - {id: subsidiary, source: transfer pricing, effectiveFrom: 2026-03-01T00:00:00Z,
     when: {costCentres: [research], meters: [input_tokens]}, markup: "8"}
  - {id: shared, source: transfer pricing, effectiveFrom: 2026-03-01T00:00:00Z,
     when: {costCentres: [research]}, markup: "10", sharedCosts: [fee, provisioned]}
  - {id: platform, source: board, effectiveFrom: 2026-01-01T00:00:00Z, markup: "5"}
""",
    "deployments.yaml": """\
accounts: [{account: oai-eastus2, region: eastus2, priority: 1, weight: 1, deployments: s}]
deploymentSets: {s: [{name: gpt-4o, model: gpt-4o, version: "1", type: GlobalStandard, capacity: 1}]}
""",
    "cost-centres.yaml": """\
costCentres:
  - {path: product, name: Product}
  - {path: research, name: Research}
  - {path: research/lab, name: Lab}
  - {path: research-two, name: Another}
rules:
  - {id: search, when: {subscription: search}, costCentre: product}
  - {id: lab, when: {subscription: lab}, costCentre: research/lab}
  - {id: two, when: {subscription: two}, costCentre: research-two}
""",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    config_folder(tmp_path)
    for name, content in FILES.items():
        path_of(tmp_path, name).write_text(content)
    return tmp_path


def billed(of: Catalogue, subscription: str, day: str = "2026-03-20", meter: Meter = Meter.INPUT) -> RecordPart:
    (part,) = rate(day, usage_line(subscription=subscription), {9: {meter: 1_000_000}}, EffectiveCatalogues(of)).parts
    return part


def test_a_markup_is_put_on_what_its_cost_centres_pay_and_all_below_them(folder: Path) -> None:
    of = load_catalogue(folder)

    parts = {name: billed(of, name) for name in ("search", "lab", "two")}

    # 2.50 and 8 % for research and below, 5 % for everybody else; a name that merely begins alike is another one.
    costs = {name: part.charges[0].cost for name, part in parts.items()}
    assert costs == {"search": Decimal("2.625"), "lab": Decimal("2.70"), "two": Decimal("2.625")}
    assert billed(of, "lab", "2026-02-28").charges[0].cost == Decimal("2.625")
    # The first markup that matches the output is the one for shared costs and prices alike: 10 %.
    assert billed(of, "lab", meter=Meter.OUTPUT).charges[0].cost == Decimal(11)


def test_a_price_of_a_payer_has_an_id_of_its_own_that_leads_to_its_source(folder: Path) -> None:
    of = load_catalogue(folder)

    (charge,) = billed(of, "lab").charges

    (price,) = (found for _, found in of.every_price() if found.price_id == charge.price_id)
    assert price.price_id == "azure-openai/gpt-4o/any/GlobalStandard/default/input_tokens@2026-03-01T00Z/research"
    assert price.adjustments == ("subsidiary: transfer pricing",)
    assert price.contracted_per_million == Decimal("2.50")
    assert charge.contracted_per_million == Decimal("2.50")
    assert skus_of_prices(of)[price.price_id].model == "gpt-4o"
    assert picodollars_per_unit(usage_line(), price.effective.first, of, "research/lab")[Meter.INPUT] == 2_700_000


def test_stored_markups_read_back_the_same_and_change_the_digest(folder: Path) -> None:
    of = load_catalogue(folder)
    stored = from_documents(to_documents(folder))
    card = path_of(folder, "adjustments.yaml")
    card.write_text(card.read_text().replace('markup: "8"', 'markup: "9"'))
    dearer = load_catalogue(folder)
    (change,) = changes(of, dearer).prices

    assert stored.digest == of.digest != dearer.digest
    assert str(change) == (
        "azure-openai/gpt-4o/GlobalStandard/default/input_tokens for research: 2.7 (list 2.5, contracted 2.5) →"
        " 2.725 (list 2.5, contracted 2.5), from 2026-03-01T00Z on"
    )


def test_a_markup_on_shared_costs_is_for_its_kinds_payers_and_time(folder: Path) -> None:
    payers = load_catalogue(folder).payers
    march = START.replace(year=2026, month=3)

    found = payers.markup("fee", "research/lab", march)

    assert found is not None
    assert (found.id, found.on(Decimal(525))) == ("shared", Decimal("577.5"))
    assert payers.markup("hosting", "research/lab", march) is None
    assert payers.markup("fee", "product", march) is None
    assert payers.markup("fee", "research", march.replace(month=2)) is None


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("[research], meters", "[nobody], meters", "[0].when.costCentres: 'nobody' is not under costCentres"),
        (
            "costCentres: [research], meters",
            "costCentres: [], meters",
            "[0].when.costCentres: names none, or one twice",
        ),
        ('markup: "8"', 'discount: "8"', "[0].when.costCentres: belongs to a markup"),
        ("sharedCosts: [fee, provisioned]", "sharedCosts: [fee, fee]", "[1].sharedCosts: names none, or one twice"),
        (
            "costCentres: [research]}, markup",
            "model: gpt-4o}, markup",
            "[1].sharedCosts: belongs to a markup for cost centres or for everybody, which names no prices in `when`",
        ),
    ],
)
def test_a_fault_of_a_markup_is_named_with_its_line(folder: Path, old: str, new: str, fault: str) -> None:
    card = path_of(folder, "adjustments.yaml")
    assert old in card.read_text()
    card.write_text(card.read_text().replace(old, new))

    with pytest.raises(InvalidConfig) as refused:
        load_catalogue(folder)

    line = 3 if fault.startswith("[0]") else 5
    assert refused.value.faults == [f"adjustments.yaml:{line}: adjustments{fault}"]
