"""Who gets a statement, what it lists, and how long lists are cut."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from chargeback.domain.reports.manifest import CHARGEBACK_COLUMNS
from chargeback.domain.reports.rows import ROW_COLUMNS
from chargeback.domain.reports.statement import STATEMENT_COLUMNS, DayRows, covered, cut, listed

components = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/"), min_size=1, max_size=12)
paths = st.lists(components, min_size=1, max_size=4).map("/".join)
counts = st.lists(st.tuples(st.integers(0, 6), st.integers(1, 31), st.integers(1, 60)), max_size=40).map(
    lambda drawn: [
        DayRows(f"centre-{centre}", f"2026-03-{day:02}", rows)
        for (centre, day), rows in sorted({(centre, day): rows for centre, day, rows in drawn}.items())
    ]
)


def test_a_statement_has_the_columns_of_the_chargeback_file_and_what_tells_its_rows_apart() -> None:
    assert set(CHARGEBACK_COLUMNS) <= set(STATEMENT_COLUMNS) <= {"billing_period", *ROW_COLUMNS}
    assert len(STATEMENT_COLUMNS) == len(set(STATEMENT_COLUMNS))


def test_what_is_charged_has_a_statement_and_all_above_it_and_the_unallocated() -> None:
    assert covered(["a/b/c", "d"]) == ["a", "a/b", "a/b/c", "d", "unallocated"]
    assert covered([]) == ["unallocated"]


def test_deep_levels_are_left_to_the_statements_in_between() -> None:
    descendants = ["a/b", "a/b/c", "a/b/d", "a/e"]

    assert listed(descendants, 4) == descendants
    assert listed(descendants, 3) == listed(descendants, 1) == ["a/b", "a/e"]
    assert listed([], 3) == []


@given(counts, st.integers(1, 100))
def test_pieces_hold_every_count_once_and_in_order(listed_counts: list[DayRows], limit: int) -> None:
    pieces = cut(listed_counts, limit)

    assert [each for piece in pieces for each in piece] == listed_counts
    days = Counter(each.centre for each in listed_counts)
    for piece in pieces:
        assert sum(each.rows for each in piece) <= limit or len(piece) == 1
        inside = Counter(each.centre for each in piece)
        assert len(inside) == 1 or all(days[centre] == number for centre, number in inside.items())
