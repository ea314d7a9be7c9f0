import re
from collections import Counter

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chargeback.domain.reports.manifest import COLUMNS as CHARGEBACK_COLUMNS
from chargeback.domain.reports.rows import COLUMNS as ROW_COLUMNS
from chargeback.domain.reports.statement import COLUMNS, Rows, covered, cut, folder_of, listed, name_of

components = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/"), min_size=1, max_size=12)
paths = st.lists(components, min_size=1, max_size=4).map("/".join)
counts = st.lists(st.tuples(st.integers(0, 6), st.integers(1, 31), st.integers(1, 60)), max_size=40).map(
    lambda drawn: [
        Rows(f"centre-{centre}", f"2026-03-{day:02}", rows)
        for (centre, day), rows in sorted({(centre, day): rows for centre, day, rows in drawn}.items())
    ]
)


def test_a_statement_has_the_columns_of_the_chargeback_file_and_what_tells_its_rows_apart() -> None:
    assert set(CHARGEBACK_COLUMNS) <= set(COLUMNS) <= {"billing_period", *ROW_COLUMNS}
    assert len(COLUMNS) == len(set(COLUMNS))


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
    assert folder_of(path) == folder


def test_what_is_too_long_for_the_name_of_a_blob_becomes_a_digest() -> None:
    long, longer = "x" * 300, "x" * 301

    assert re.fullmatch("~~[0-9a-f]{64}", folder_of(long))
    assert folder_of(long) != folder_of(longer)
    assert len(folder_of("/".join(["component"] * 100))) == 66


@given(st.lists(paths, min_size=2, max_size=2, unique=True))
@example(["a/b", "a~2fb"])
@example(["~~" + "0" * 64, "x" * 300])
@example(["Search", "search"])
def test_no_two_cost_centres_share_a_folder(two: list[str]) -> None:
    assert folder_of(two[0]) != folder_of(two[1])


@given(paths)
def test_a_name_is_safe_as_a_blob_and_as_a_file(path: str) -> None:
    name = name_of(path, "2026-03", "csv")

    assert len(name) < 900
    for component in name.split("/")[1:-1]:
        assert re.fullmatch(r"[\w~-]+", component)


def test_what_is_charged_has_a_statement_and_all_above_it_and_the_unallocated() -> None:
    assert covered(["a/b/c", "d"]) == ["a", "a/b", "a/b/c", "d", "unallocated"]
    assert covered([]) == ["unallocated"]


def test_deep_levels_are_left_to_the_statements_in_between() -> None:
    descendants = ["a/b", "a/b/c", "a/b/d", "a/e"]

    assert listed(descendants, 4) == descendants
    assert listed(descendants, 3) == listed(descendants, 1) == ["a/b", "a/e"]
    assert listed([], 3) == []


@given(counts, st.integers(1, 100))
def test_pieces_hold_every_count_once_and_in_order(listed_counts: list[Rows], limit: int) -> None:
    pieces = cut(listed_counts, limit)

    assert [each for piece in pieces for each in piece] == listed_counts
    days = Counter(each.centre for each in listed_counts)
    for piece in pieces:
        assert sum(each.rows for each in piece) <= limit or len(piece) == 1
        inside = Counter(each.centre for each in piece)
        assert len(inside) == 1 or all(days[centre] == number for centre, number in inside.items())
