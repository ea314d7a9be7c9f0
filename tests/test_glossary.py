"""The glossary explains everything that the reports print and nothing else, and it says nothing twice."""

import re
from collections import Counter
from pathlib import Path

from chargeback.domain.catalogue.prices import Verified
from chargeback.domain.reports import focus_columns
from chargeback.domain.reports.manifest import CHARGEBACK_COLUMNS, SUMMARY_COLUMNS, SUMMARY_METERS
from chargeback.domain.reports.rows import KINDS, Reason
from chargeback.domain.terms.shared_costs import Basis
from chargeback.domain.usage.meters import Meter
from chargeback.domain.usage.states import LineState
from chargeback.services.reconciling.render_reconciliation import RECONCILIATION_COLUMNS

GLOSSARY = (Path(__file__).parents[1] / "docs" / "glossary.md").read_text()


def explained(heading: str) -> list[str]:
    section = GLOSSARY.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    first_cells = re.findall(r"^\| (`.*?) \|", section, re.M)
    return [name for cell in first_cells for name in re.findall(r"`(\w+)`", cell)]


def values(column: str) -> set[str]:
    """What the chargeback file may hold in a column, as its row of the glossary says."""
    (meaning,) = re.findall(rf"^\| `{column}` \| (.+?) \|$", GLOSSARY, re.M)
    return set(re.findall(r"`([\w-]+)`", meaning))


def repeated(items: list[str]) -> list[str]:
    return [item for item, times in Counter(item.casefold() for item in items).items() if times > 1]


def test_every_column_of_the_chargeback_file_is_explained_in_its_order() -> None:
    assert explained("The columns of `chargeback-<period>.csv`") == list(CHARGEBACK_COLUMNS)


def test_every_column_of_the_summary_is_explained_in_its_order() -> None:
    own = [column for column in SUMMARY_COLUMNS if column not in SUMMARY_METERS]

    assert explained("The columns of `summary-<period>.csv`") == own


def test_every_meter_is_explained() -> None:
    assert sorted(explained("Meters")) == sorted(Meter)


def test_every_column_of_ours_in_the_focus_file_is_explained_in_its_order() -> None:
    own = [column for column in focus_columns.FOCUS_COLUMNS if column.startswith("x_")]

    assert explained("Our own columns of the FOCUS files") == own


def test_every_column_of_the_reconciliation_is_explained_in_its_order() -> None:
    assert explained("The columns of `reconciliation-<period>.csv`") == list(RECONCILIATION_COLUMNS)


def test_no_word_is_defined_twice() -> None:
    words = re.findall(r"^\| \*\*(.+?)\*\* \|", GLOSSARY, re.M)

    assert words
    assert repeated(words) == []


def test_no_definition_is_given_twice() -> None:
    sections = [re.findall(r"^\| .* \| (.+?) \|$", section, re.M) for section in GLOSSARY.split("\n## ")]
    words = re.findall(r"^\| \*\*.+?\*\* \| (.+?) \|$", GLOSSARY, re.M)

    assert words
    assert [repeated(definitions) for definitions in (words, *sections) if repeated(definitions)] == []


def test_no_sentence_stands_twice() -> None:
    lines = [line for line in GLOSSARY.splitlines() if line and not line.startswith(("|", "#"))]

    assert lines
    assert repeated(lines) == []


def test_every_line_state_is_explained() -> None:
    assert explained("Line states") == list(LineState)


def test_every_reason_of_a_correction_is_explained() -> None:
    assert values("correction_reason") == set(Reason)


def test_every_way_to_know_a_price_is_explained() -> None:
    assert values("price_verified") == {*Verified, "price_id"}


def test_every_kind_of_row_is_explained() -> None:
    assert values("kind") == set(KINDS)


def test_every_basis_of_an_allocation_is_explained() -> None:
    assert values("allocation_basis") == set(Basis)
