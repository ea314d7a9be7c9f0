"""posting.yaml is read strictly: what is wrong is named with file, line and what to do."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from chargeback.adapters.config.catalogue import FILES, load_catalogue
from chargeback.adapters.config.folders import path_of
from chargeback.adapters.config.posting import notes_on_posting
from chargeback.adapters.config.terms import load_terms
from chargeback.domain.errors import InvalidConfig
from chargeback.domain.journals.posting_rules import PostingRules
from chargeback.domain.terms.changes import terms_changes
from chargeback.domain.terms.terms import Terms
from tests.support.config_files import config_folder
from tests.support.shared_fees import fee

CENTRES = """\
costCentres:
  - {path: product, name: Product}
  - {path: product/search, name: Search}
  - {path: research, name: Research}
rules:
  - {id: search, when: {subscription: search}, costCentre: product/search}
  - {id: research, when: {subscription: research}, costCentre: research}
"""
POSTING = """\
issuing:
  - companyCode: "1000"
    receivable: "140100"
    recovery: {account: "695000", objectType: CC, object: "9000"}
    smallestAmount: {EUR: "5.00"}
companies:
  - {companyCode: "2000", payable: "240100"}
costCentres:
  - {costCentre: product, companyCode: "2000", objectType: CC, object: "4711", accounts: {usage: "625100"}, taxCode: V0}
  - {costCentre: unallocated, companyCode: "1000", objectType: CC, object: "1009", accounts: {usage: "625100"}}
"""
NOW = datetime(2026, 3, 20, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    config_folder(tmp_path, *FILES)
    path_of(tmp_path, "rate-card.yaml").write_text("currency: USD\nprices: []\n")
    path_of(tmp_path, "cost-centres.yaml").write_text(CENTRES)
    path_of(tmp_path, "posting.yaml").write_text(POSTING)
    return tmp_path


def posting_of(folder: Path, old: str = "", new: str = "") -> PostingRules:
    path_of(folder, "posting.yaml").write_text(POSTING.replace(old, new))
    found = load_terms(folder, load_catalogue(folder)).posting
    assert found is not None
    return found


def test_what_is_left_out_has_its_default(folder: Path) -> None:
    rules = posting_of(folder)

    search = rules.entry("product/search", NOW)
    assert search is not None
    assert (search.object, search.account("shared", is_correction=True)) == ("4711", "625100")
    assert (rules.issuing[0].accrued_receivable, rules.companies[0].accrued_payable) == ("140100", "240100")


def test_the_example_of_the_documentation_is_valid(folder: Path) -> None:
    page = Path(__file__).parents[3] / "docs" / "posting.md"
    example = page.read_text("utf-8").partition("```yaml\n")[2].partition("```")[0]

    assert [each.cost_centre for each in posting_of(folder, POSTING, example).centres] == ["product", "unallocated"]


def test_without_the_file_nothing_is_posted(folder: Path) -> None:
    path_of(folder, "posting.yaml").unlink()

    assert load_terms(folder, load_catalogue(folder)).posting is None


@pytest.mark.parametrize(
    ("old", "new", "place", "fault"),
    [
        ("costCentre: product,", "costCentre: produkt,", "9: costCentres[0].costCentre", "'produkt' is not in cost-"),
        ('object: "4711"', "object: 4711", "9: costCentres[0].object", "expected `str`, got `int`: put it in quotes"),
        ('object: "4711"', 'object: ""', "9: costCentres[0].object", "' ' has blanks around it"),
        ("{usage:", "{usgae:", "9: costCentres[0].accounts.usgae", "no such kind; there are usage, shared"),
        ("{usage:", "{shared:", "9: costCentres[0].accounts.usage", "is missing"),
        ('"5.00"', '"5.005"', "5: issuing[0].smallestAmount.EUR", "'5.005' is not a quoted decimal of at most 2"),
        ('"2000", payable', '"20/0", payable', "7: companies[0].companyCode", "'20/0' is not 1 to 20 letters"),
        ('"2000", obj', '"3000", obj', "9: costCentres[0].companyCode", "'3000' is not always the issuing company"),
        ("taxCode: V0", "successor: research", "9: costCentres[0].successor", "'research' has no entry here"),
        ("taxCode: V0", "successor: unallocated", "9: costCentres[0].successor", "this entry has no effectiveTo"),
        ("taxCode: V0", "effectiveFrom: May", "9: costCentres[0].effectiveFrom", "'May' is neither a date such as"),
        ("taxCode", "taxkode", "9: costCentres[0]", "object contains unknown field `taxkode`"),
        ("companies:", "firms:", "6: firms", "no such key; there are issuing, costCentres, companies"),
    ],
)
def test_a_fault_has_its_line_and_says_what_is_wrong(folder: Path, old: str, new: str, place: str, fault: str) -> None:
    with pytest.raises(InvalidConfig) as caught:
        posting_of(folder, old, new)

    assert caught.value.faults[0].startswith(f"posting.yaml:{place}: {fault}")


@pytest.mark.parametrize(
    ("until", "since", "fault"),
    [
        ("2026-03-01", "2026-03-15", "has no entry between 2026-03-01T00Z, where costCentres[0] ends, and"),
        ("2026-03-15", "2026-03-01", "overlaps costCentres[0]: give that one an effectiveTo"),
    ],
)
def test_the_entries_of_a_cost_centre_follow_each_other(folder: Path, until: str, since: str, fault: str) -> None:
    entry = POSTING.splitlines()[8]
    two = [
        entry.replace("taxCode: V0", f"effectiveTo: {until}"),
        entry.replace("taxCode: V0", f"effectiveFrom: {since}"),
    ]

    with pytest.raises(InvalidConfig) as caught:
        posting_of(folder, entry, "\n".join(two))

    assert caught.value.faults[0].startswith("posting.yaml:10: costCentres[1].effectiveFrom: 'product' ")
    assert fault in caught.value.faults[0]


def test_a_gap_that_a_cost_centre_above_fills_is_none(folder: Path) -> None:
    entry = POSTING.splitlines()[8]
    own = entry.replace("costCentre: product", "costCentre: product/search")
    three = [
        entry,
        own.replace("taxCode: V0", "effectiveTo: 2026-03-01"),
        own.replace("taxCode: V0", "effectiveFrom: 2026-04-01"),
    ]

    assert len(posting_of(folder, entry, "\n".join(three)).centres) == 4


def test_a_centre_that_may_be_charged_without_an_entry_is_noted(folder: Path) -> None:
    notes = notes_on_posting(posting_of(folder), load_catalogue(folder).allocation, [fee(among=("legal",))], NOW)

    assert [note.partition(" may be charged")[0] for note in notes] == [
        "costCentres: 'legal'",
        "costCentres: 'research'",
    ]


def test_another_entry_is_a_change_of_the_terms_that_changes_no_amount(folder: Path) -> None:
    before = Terms(posting=posting_of(folder))
    after = Terms(posting=posting_of(folder, "4711", "4712"))

    assert list(terms_changes(before, after)) == ["posting of product changed"]
    assert before.digest == after.digest
