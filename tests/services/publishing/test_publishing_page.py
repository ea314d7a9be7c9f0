"""The page about the tables of publishing says what the databases of a real publication have."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from chargeback.domain.reports.focus_columns import FOCUS_COLUMNS
from chargeback.domain.reports.rows import DIMENSIONS, ROW_COLUMNS
from chargeback.domain.terms.terms import Terms
from chargeback.services.focus.write_focus import write_focus
from chargeback.services.focus.write_hub import write_hub
from chargeback.services.statements.write_statements import write_statements
from chargeback.services.workbook.write_workbook import write_workbook
from tests.support.published_months import APRIL, MARCH, Ledger, of_march
from tests.support.shared_fees import fee
from tests.support.watched_engines import Watched, watched_engines

pytestmark = pytest.mark.anyio

PAGE = Path(__file__).parents[3] / "docs/publishing.md"
GROUPS = {
    "the columns of the rows": ROW_COLUMNS,
    "the columns of FOCUS": FOCUS_COLUMNS,
    "the dimensions": DIMENSIONS,
}
WRITERS = (write_focus, write_hub, write_workbook, partial(write_statements, workers=0))


async def watched_publications(monkeypatch: pytest.MonkeyPatch) -> Watched:
    """What two months have in their databases, the second with corrections of the first."""
    ledger = Ledger(terms=Terms(shared_costs=(fee(),)), writers=WRITERS)
    with watched_engines(monkeypatch) as watched:
        await ledger.publish(MARCH, [of_march(1000, "0.0025")])
        ledger.change(previous=ledger._charges(MARCH))
        await ledger.publish(APRIL, [of_march(3000, "0.0075")], {MARCH: ["2026-03-14"]})
    return watched


@dataclass(frozen=True, slots=True)
class Said:
    """What the page says of a table or view."""

    kind: str
    makers: frozenset[str]
    file: str
    readers: frozenset[str]
    columns: frozenset[str]


def said() -> Mapping[tuple[str, str], Said]:
    """The entries of the page, by package and name."""
    found = {}
    for name, entry in re.findall(r"^#### `(\w+)`\n(.*?)(?=^#|\Z)", PAGE.read_text("utf-8"), re.M | re.S):
        facts = dict(re.findall(r"^- ([\w ]+): (.*)$", entry, re.M))
        (file,) = re.findall(r"`(\w+/\w+\.sql)`", facts["Made by"])
        columns = set(re.findall(r"`(\w+)`", facts["Columns"]))
        for words, named in GROUPS.items():
            if facts["Columns"].endswith(words):
                columns |= set(named)
        found[file.split("/")[0], name] = Said(
            facts["Kind"],
            frozenset(re.findall(r"\*([^*]+)\*", facts["Made by"])),
            file,
            frozenset(re.findall(r"\*([^*]+)\*", facts["Read by"])),
            frozenset(columns),
        )
    return found


async def test_the_page_names_each_table_with_its_maker_its_columns_and_its_readers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    watched = await watched_publications(monkeypatch)

    made = {
        key: Said(
            each.kind,
            frozenset(statement for _, statement in each.makers),
            *{file for file, _ in each.makers},
            frozenset(watched.readers(*key)),
            frozenset(each.columns),
        )
        for key, each in watched.relations.items()
    }
    page = said()
    assert page.keys() == made.keys()
    for key, entry in page.items():
        assert entry == made[key], key


def test_each_entry_of_the_page_says_what_the_table_holds() -> None:
    entries = re.findall(r"^#### `\w+`\n\n(.*)$", PAGE.read_text("utf-8"), re.M)

    assert len(entries) == len(said())
    assert all(re.fullmatch(r"[A-Z].*\.", entry) for entry in entries)
