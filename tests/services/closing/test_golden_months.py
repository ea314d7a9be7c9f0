"""Two months whose every figure is worked out by hand: from configuration files and events to the files of finance.

The books are kept in Europe/Berlin and EUR, prices are in USD. A dollar is 0.90 EUR in March and 0.80 EUR in April.

List prices per million tokens, input and output, of the standard deployment; what is agreed is 10 % off, what is
billed 5 % more than that, so a price times 0.9 * 1.05 = 0.945:

    before 16 March      2.00    8.00    billed 1.89     7.56
    from 16 March        3.00   12.00    billed 2.835   11.34
    from April (applied when March was closed; it would have doubled all of March, too)
                         6.00   24.00    billed 5.67    22.68

March, in USD and in EUR (* 0.90):

    search    10 March, 1 000 000 in, 100 000 out    1.89  + 0.756 = 2.646    2.3814
    search    20 March, 1 000 000 in, 100 000 out    2.835 + 1.134 = 3.969    3.5721
    nomads    last µs of 14 March in Berlin, 1 000 000 in     1.89            1.701     still paid by product/support
    nomads    first moment of 15 March in Berlin, the same    1.89            1.701     paid by research from now on
    stranger  20 March, 1 000 000 in                          2.835           2.5515    unallocated
    reserved  search 3 000 000 tokens, support 1 000 000: nothing by themselves
    capacity  1 000 a month, 3/4 and 1/4 by tokens            750, 250        675, 225
    platform  100 a month, even among three                   33.33…          30, 30, 30

    product/search   2.3814 + 3.5721 + 675 + 30 = 710.9535
    product/support  1.701 + 225 + 30           = 256.701
    research         1.701 + 30                 =  31.701
    unallocated                                     2.5515
    total                                       1 001.907

April, a draft, after a call of 21 March that came late and a new rate card (* 0.80, the correction * 0.90):

    search    correction of March: 1 000 000 in at the frozen 2.835     2.5515
    nomads    2 April, 1 000 000 in at the new 5.67                     4.536     research
    capacity  1 000, used by nobody                                     800       unallocated
    platform  100 even among three: 80 / 3, ratios 0.333333333334 for the first, 0.333333333333 for the others

    exact                search 29.21816666672, support 26.66666666664, research 31.20266666664, unallocated 800
    total                887.0875; rounded down to 6 places the four sum to 887.087498, so two get a millionth more:
                         the largest remainder is search's; support's and research's are equal, and support is first
"""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from chargeback.adapters.config.catalogue import load_catalogue
from chargeback.adapters.config.folders import path_of
from chargeback.adapters.config.terms import load_terms
from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.terms.terms import Terms
from chargeback.domain.time.months import Month
from chargeback.services.closing.file_period import files_of
from chargeback.services.journals.make_postings import JournalMaker
from tests.support.builders import tokens, usage_event
from tests.support.closing_product import ClosingProduct, published_for_real
from tests.support.config_files import config_folder
from tests.support.csv_rows import rows

pytestmark = pytest.mark.anyio

APRIL_5 = datetime(2026, 4, 5, 6, tzinfo=UTC)
APRIL_6 = datetime(2026, 4, 6, 6, tzinfo=UTC)

FILES = {
    "books.yaml": """
books: [{from: "2026-01", timeZone: Europe/Berlin, currency: EUR}]
exchangeRates:
  - {from: USD, to: EUR, rate: "0.90", date: 2026-03-31, source: the bank in March}
  - {from: USD, to: EUR, rate: "0.80", date: 2026-04-30, source: the bank in April}
""",
    "deployments.yaml": """
accounts:
  - {account: oai-swedencentral, region: swedencentral, priority: 1, weight: 1, deployments: eu}
deploymentSets:
  eu:
    - {name: gpt-4o, model: gpt-4o, version: "2024-11-20", type: DataZoneStandard, capacity: 1}
    - {name: gpt-4o-ptu, model: gpt-4o, version: "2024-11-20", type: ProvisionedManaged, capacity: 50}
""",
    "cost-centres.yaml": """
costCentres:
  - {path: product, name: Product}
  - {path: product/search, name: Search}
  - {path: product/support, name: Support}
  - {path: research, name: Research}
rules:
  - {id: search, when: {subscription: search}, costCentre: product/search}
  - {id: support, when: {subscription: support}, costCentre: product/support}
  - {id: nomads, when: {subscription: nomads}, costCentre: product/support, effectiveTo: 2026-03-15}
  - {id: nomads-moved, when: {subscription: nomads}, costCentre: research, effectiveFrom: 2026-03-15}
""",
    "adjustments.yaml": """
adjustments:
  - {id: agreement, source: contract 1, effectiveFrom: 2026-01-01T00:00:00Z, discount: "10"}
  - {id: markup, source: decision 2, effectiveFrom: 2026-01-01T00:00:00Z, markup: "5"}
""",
    "shared-costs.yaml": """
sharedCosts:
  - {id: capacity, name: Reserved capacity, kind: provisioned, perMonth: "1000.00", currency: USD, basis: usage,
     measure: tokens, of: {deployments: [gpt-4o-ptu]}, source: reservation 7}
  - {id: platform, name: Platform, kind: fee, perMonth: "100.00", currency: USD, basis: even,
     among: [product/search, product/support, research], source: agreed}
""",
    "posting.yaml": """
issuing:
  - {companyCode: "1000", receivable: "140100", recovery: {account: "695000"}, markupAccount: "845000"}
companies:
  - {companyCode: "2000", payable: "240100"}
costCentres:
  - {costCentre: product, companyCode: "2000", objectType: CC, object: "4711",
     accounts: {usage: "625100", shared: "625110"}}
  - {costCentre: research, companyCode: "1000", objectType: CC, object: "1001", accounts: {usage: "625100"}}
  - {costCentre: unallocated, companyCode: "1000", objectType: CC, object: "1009", accounts: {usage: "625100"}}
""",
}
RATE_CARD = """
currency: USD
prices:
  - {{provider: azure-openai, model: gpt-4o, deploymentTypes: [DataZoneStandard], effectiveFrom: 2024-01-01T00:00:00Z,
     effectiveTo: 2026-03-16T00:00:00Z, source: page, perMillion: {{input_tokens: "{0}", output_tokens: "{1}"}}}}
  - {{provider: azure-openai, model: gpt-4o, deploymentTypes: [DataZoneStandard], effectiveFrom: 2026-03-16T00:00:00Z,
     source: page, perMillion: {{input_tokens: "{2}", output_tokens: "{3}"}}}}
"""


def configuration(folder: Path, *prices: str) -> tuple[Catalogue, Terms]:
    config_folder(folder)
    for name, content in FILES.items():
        path_of(folder, name).write_text(content)
    path_of(folder, "rate-card.yaml").write_text(RATE_CARD.format(*prices))
    catalogue = load_catalogue(folder)
    return catalogue, load_terms(folder, catalogue)


def call(team: str, time: str, prompt: int = 1_000_000, completion: int = 0, deployment: str = "gpt-4o") -> bytes:
    usage = tokens(prompt, completion)
    return usage_event(subscriptionId=team, productId="p", deployment=deployment, time=time, usage=usage)


MARCH = [
    call("search", "2026-03-10T10:00:00Z", completion=100_000),
    call("search", "2026-03-20T10:00:00Z", completion=100_000),
    call("nomads", "2026-03-14T22:59:59.999999Z"),
    call("nomads", "2026-03-14T23:00:00Z"),
    call("stranger", "2026-03-20T10:00:00Z"),
    call("search", "2026-03-11T10:00:00Z", 3_000_000, deployment="gpt-4o-ptu"),
    call("support", "2026-03-12T10:00:00Z", 1_000_000, deployment="gpt-4o-ptu"),
]
LATE = call("search", "2026-03-21T10:00:00Z")
APRIL = call("nomads", "2026-04-02T10:00:00Z")


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def in_memory(tmp_path_factory: pytest.TempPathFactory) -> ClosingProduct:
    """March is closed; then come a late call, April's first call and a new rate card. Tests change none of it."""
    folder = tmp_path_factory.mktemp("golden")
    catalogue, terms = configuration(folder / "march", "2.00", "8.00", "3.00", "12.00")
    in_memory = published_for_real(ClosingProduct(catalogue, terms))
    await in_memory.ingest(MARCH, APRIL_5)
    await in_memory.close("2026-03", APRIL_5)
    in_memory.catalogues.catalogue, in_memory.catalogues.settled_by = configuration(
        folder / "april", "4.00", "16.00", "6.00", "24.00"
    )
    await in_memory.ingest([LATE, APRIL], APRIL_6)
    await in_memory.poster.post(APRIL_6)
    await in_memory.auditor.audit(APRIL_6)
    await in_memory.publish_drafts(APRIL_6)
    return in_memory


def amounts(content: bytes) -> dict[str, str]:
    return {row["cost_centre"]: row["cost"] for row in rows(content)}


async def test_march_is_what_it_was_worked_out_to_be(in_memory: ClosingProduct) -> None:
    march = in_memory.closed.files

    assert amounts(march["2026-03/summary-2026-03.csv"]) == {
        "product/search": "710.953500",
        "product/support": "256.701000",
        "research": "31.701000",
        "unallocated": "2.551500",
    }
    billed = rows(march["2026-03/chargeback-2026-03.csv"])
    assert sum(Decimal(row["cost"]) for row in billed) == Decimal("1001.907000")
    assert {row["state"] for row in billed} == {"exact"}


async def test_every_charge_of_march_is_there_with_its_prices(in_memory: ClosingProduct) -> None:
    usage = [row for row in rows(in_memory.closed.files["2026-03/chargeback-2026-03.csv"]) if row["kind"] == "usage"]

    tokens_charged = [
        (row["charge_date"], row["cost_centre"], row["meter"], row["list_unit_price"], row["contracted_unit_price"],
         row["unit_price"], row["cost"])
        for row in usage if row["meter"] != "requests"
    ]  # fmt: skip
    assert tokens_charged == [
        ("2026-03-10", "product/search", "input_tokens", "2", "1.8", "1.89", "1.701000"),
        ("2026-03-10", "product/search", "output_tokens", "8", "7.2", "7.56", "0.680400"),
        ("2026-03-11", "product/search", "input_tokens", "0", "0", "0", "0.000000"),
        ("2026-03-12", "product/support", "input_tokens", "0", "0", "0", "0.000000"),
        ("2026-03-14", "product/support", "input_tokens", "2", "1.8", "1.89", "1.701000"),
        ("2026-03-15", "research", "input_tokens", "2", "1.8", "1.89", "1.701000"),
        ("2026-03-20", "product/search", "input_tokens", "3", "2.7", "2.835", "2.551500"),
        ("2026-03-20", "product/search", "output_tokens", "12", "10.8", "11.34", "1.020600"),
        ("2026-03-20", "unallocated", "input_tokens", "3", "2.7", "2.835", "2.551500"),
    ]
    assert {(row["exchange_rate"], row["exchange_rate_date"], row["exchange_rate_source"]) for row in usage} == {
        ("0.9", "2026-03-31", "the bank in March")
    }
    assert {row["allocation_rule"] for row in usage if row["cost_centre"] == "research"} == {"nomads-moved"}


async def test_the_shared_costs_of_march_are_split(in_memory: ClosingProduct) -> None:
    shared = [row for row in rows(in_memory.closed.files["2026-03/chargeback-2026-03.csv"]) if row["kind"] == "shared"]

    assert sorted((row["shared_cost"], row["cost_centre"], row["allocated_ratio"], row["cost"]) for row in shared) == [
        ("capacity", "product/search", "0.75", "675.000000"),
        ("capacity", "product/support", "0.25", "225.000000"),
        ("platform", "product/search", "0.333333333334", "30.000000"),
        ("platform", "product/support", "0.333333333333", "30.000000"),
        ("platform", "research", "0.333333333333", "30.000000"),
    ]


async def test_april_holds_the_correction_of_march_at_the_terms_of_march(in_memory: ClosingProduct) -> None:
    april = rows(in_memory.reports.files["2026-04/chargeback-2026-04.csv"])

    corrections = [row for row in april if row["kind"] == "correction" and row["meter"] != "requests"]
    assert [
        (row["corrects_period"], row["charge_date"], row["cost_centre"], row["quantity"], row["unit_price"],
         row["exchange_rate"], row["cost"])
        for row in corrections
    ] == [("2026-03", "2026-03-21", "product/search", "1000000", "2.835", "0.9", "2.551500")]  # fmt: skip


async def test_april_is_what_it_was_worked_out_to_be(in_memory: ClosingProduct) -> None:
    april = in_memory.reports.files

    assert amounts(april["2026-04/summary-2026-04.csv"]) == {
        "product/search": "29.218167",
        "product/support": "26.666667",
        "research": "31.202666",
        "unallocated": "800.000000",
    }
    parts = {
        row["cost_centre"]: (row["usage_cost"], row["shared_cost"], row["corrections"])
        for row in rows(april["2026-04/summary-2026-04.csv"])
    }
    assert parts["product/search"] == ("0.000000", "26.666667", "2.551500")
    assert parts["research"] == ("4.536000", "26.666666", "0.000000")


async def test_march_stays_as_it_was_closed(in_memory: ClosingProduct) -> None:
    before = dict(in_memory.closed.files)

    again = await in_memory.close("2026-03", APRIL_6)

    assert in_memory.closed.files == before
    assert {file.path for file in await files_of(again, in_memory.closed)} == set(before)


async def test_march_is_booked_to_the_cent_with_the_markup_of_each_line(in_memory: ClosingProduct) -> None:
    """The total is 1 001.907, so 1 001.91. The cents below it sum to 1 001.90, and search has the largest remainder.

    A markup of 5 % is a 21st of what is billed: 0.2835, 0.081, 0.081 and 0.1215, together 0.57; shared costs have none.
    """
    journals = JournalMaker(in_memory.control, in_memory.catalogues, in_memory.closed)

    lines = await journals.lines(await journals.make(Month("2026-03"), APRIL_6))

    assert [(one.company, one.account, one.cost_centre, one.partner, str(one.amount)) for one in lines] == [
        ("2000", "625110", "product/search", "1000", "705.00"),
        ("2000", "625100", "product/search", "1000", "5.96"),
        ("2000", "625110", "product/support", "1000", "255.00"),
        ("2000", "625100", "product/support", "1000", "1.70"),
        ("2000", "240100", "", "1000", "-967.66"),
        ("1000", "625100", "research", "", "30.00"),
        ("1000", "625100", "research", "", "1.70"),
        ("1000", "625100", "unallocated", "", "2.55"),
        ("1000", "140100", "", "2000", "967.66"),
        ("1000", "695000", "", "2000", "-967.29"),
        ("1000", "845000", "", "2000", "-0.37"),
        ("1000", "695000", "", "", "-34.25"),
    ]
    assert [str(one.markup) for one in lines if one.kind == "usage"] == ["0.29", "0.08", "0.08", "0.12"]
