"""The paths of published files: each has one spelling, and only the layout knows it."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import chargeback
from chargeback.domain.reports import layout
from chargeback.domain.reports.layout import (
    PublishedKind,
    centre_of_statement,
    chargeback_path,
    evidence_index_path,
    evidence_usage_path,
    export_part_path,
    folder_of_statement,
    journal_path,
    manifest_path,
    period_of_charges,
    plan_path,
    plan_variance_path,
    published_kind,
    reconciliation_path,
    staged_path,
    statement_folder,
    statement_path,
    unstaged_path,
)
from chargeback.domain.time.days import UtcDay
from chargeback.domain.time.months import Month

PACKAGE = Path(chargeback.__file__).parent
OTHERS_MANIFEST = "adapters/azure/cost_exports.py"  # the provider's exports have a manifest, too

# Parts of published paths; {} stands for what an f-string puts in.
PARTS = re.compile(
    r"(charges|chargeback|summary|focus|statement|reconciliation)-\{\}\.|manifest\.json|statements/|closing-|finops-hub"
    r"|chargeback__costs|reconciliation/|^\{[\w.]*period\}/"
)

components = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/"), min_size=1, max_size=12)
paths = st.lists(components, min_size=1, max_size=4).map("/".join)


def strings(tree: ast.Module) -> Iterator[str]:
    """Every string that code makes, without the docstrings."""
    prose = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    within = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose | within:
            yield node.value
        elif isinstance(node, ast.JoinedStr):
            yield "".join(text_of(part) for part in node.values)


def text_of(part: ast.expr) -> str:
    if isinstance(part, ast.Constant):
        return str(part.value)
    assert isinstance(part, ast.FormattedValue)
    name = ast.unparse(part.value)
    return f"{{{name}}}" if name.endswith("period") else "{}"


def spelled(text: str) -> list[str]:
    """The parts of published paths in a module."""
    found = strings(ast.parse(text))
    return [each for each in found if PARTS.search(each) or PARTS.search(re.sub(r"\{.*?\}", "{}", each))]


def test_only_the_layout_spells_the_path_of_a_published_file() -> None:
    others = {
        path.relative_to(PACKAGE).as_posix(): found
        for path in PACKAGE.rglob("*.py")
        if path != Path(layout.__file__) and (found := spelled(path.read_text(encoding="utf-8")))
    }

    assert others == {OTHERS_MANIFEST: ["manifest.json"]}


def test_the_parts_that_are_looked_for_are_those_of_the_layout() -> None:
    assert len(spelled(Path(layout.__file__).read_text(encoding="utf-8"))) > 10
    assert spelled('a = f"{known.period}/" + f"charges-{known.period}.parquet"') == [
        "{known.period}/",
        "charges-{known.period}.parquet",
    ]
    assert spelled('"""In closing-ab."""\nb = f"chargeback-{x}"') == []


def test_the_period_of_charges_is_read_from_their_path_alone() -> None:
    assert period_of_charges(layout.charges_path("2026-03")) == "2026-03"
    assert period_of_charges(staged_path(layout.charges_path("2026-03"), "2026-03", "ab")) is None
    assert period_of_charges("2026-03/charges-2026-04.parquet") is None


def test_a_staged_path_leads_back_to_that_of_the_file() -> None:
    path = statement_path("a/2026-03/b", "2026-03", "csv")

    staged = staged_path(path, "2026-03", "ab")

    assert staged == "2026-03/closing-ab/statements/a/2026-03/b/statement-2026-03.csv"
    assert unstaged_path(staged, "2026-03", "ab") == path
    assert layout.is_staged(staged, "2026-03")
    assert not layout.is_staged(path, "2026-03")
    assert staged_path("2026-04/manifest.json", "2026-03", "ab") == "2026-04/manifest.json"


def test_statements_are_known_by_their_folder() -> None:
    assert folder_of_statement(statement_path("a/b", "2026-03", "html")) == "2026-03/statements/"
    assert folder_of_statement(layout.summary_path("2026-03")) is None


@pytest.mark.parametrize(
    ("path", "folder"),
    [
        ("product/search", "product/search"),
        ("R&D/v1.2", "R~26D/v1~2e2"),
        ("../secrets", "~2e~2e/secrets"),
        ("a b\\c", "a~20b~5cc"),
        ("Größe/研究", "Größe/研究"),
        ("x~26y", "x~7e26y"),
    ],
)
def test_a_folder_is_readable_and_cannot_leave_its_place(path: str, folder: str) -> None:
    assert statement_folder(path) == folder


def test_what_is_too_long_for_the_name_of_a_blob_becomes_a_digest() -> None:
    long, longer = "x" * 300, "x" * 301

    assert re.fullmatch("~~[0-9a-f]{64}", statement_folder(long))
    assert statement_folder(long) != statement_folder(longer)
    assert len(statement_folder("/".join(["component"] * 100))) == 66


@given(st.lists(paths, min_size=2, max_size=2, unique=True))
@example(["a/b", "a~2fb"])
@example(["~~" + "0" * 64, "x" * 300])
@example(["Search", "search"])
def test_no_two_cost_centres_share_a_folder(two: list[str]) -> None:
    assert statement_folder(two[0]) != statement_folder(two[1])


@given(paths)
def test_a_name_is_safe_as_a_blob_and_as_a_file(path: str) -> None:
    name = statement_path(path, "2026-03", "csv")

    assert len(name) < 900
    for component in name.split("/")[1:-1]:
        assert re.fullmatch(r"[\w~-]+", component)


MARCH = Month("2026-03")


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        (chargeback_path(MARCH), PublishedKind.CHARGEBACK),
        (manifest_path(MARCH), PublishedKind.MANIFEST),
        (journal_path(MARCH), PublishedKind.JOURNAL),
        (plan_path(MARCH), PublishedKind.PLAN),
        (plan_variance_path(MARCH, "v1"), PublishedKind.PLAN_VARIANCE),
        (reconciliation_path(MARCH, "csv"), PublishedKind.RECONCILIATION_ROWS),
        (reconciliation_path(MARCH, "json"), PublishedKind.RECONCILIATION_SUMS),
        (export_part_path(MARCH, "aa"), PublishedKind.EXPORT_PART),
        (evidence_index_path(MARCH), PublishedKind.EVIDENCE),
        (evidence_usage_path(MARCH, UtcDay("2026-03-01")), PublishedKind.EVIDENCE_USAGE),
        ("2026-03/statement.csv", PublishedKind.OTHER),
    ],
)
def test_a_path_says_what_the_file_is(path: str, kind: PublishedKind) -> None:
    assert published_kind(path, MARCH) is kind


@given(paths)
@example("a b/ü~/-_")
def test_a_statement_says_whose_it_is_unless_its_folder_was_shortened(centre: str) -> None:
    path = statement_path(centre, MARCH, "html")

    assert published_kind(path, MARCH) is PublishedKind.STATEMENT_PAGE
    assert centre_of_statement(path, MARCH) in (centre, statement_folder(centre))
    assert centre_of_statement(path, MARCH) == centre or "~~" in path
    assert centre_of_statement(chargeback_path(MARCH), MARCH) == ""
