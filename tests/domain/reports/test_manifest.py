"""Cells that no spreadsheet takes for a formula, and that give back the text they were made of."""

import csv
import io

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargeback.domain.reports.manifest import FORMULA, GUARD, LEADING, cell, csv_line, guarded, unguarded

FULL_WIDTH = ["\uff1d", "\uff0b", "\uff0d", "\uff20"]
SIGNS = ["=", "+", "-", "@", *FULL_WIDTH]
BLANKS = ["", " ", "\u00a0", "\u3000", "\u200b", "\ufeff", "  "]
letters = st.sampled_from(["'", "a", "1", ";", "|", "\t", "\r", "\n", ",", '"', *SIGNS, *BLANKS[1:6]])
texts = st.text(letters, max_size=12)


@pytest.mark.parametrize("sign", SIGNS)
@pytest.mark.parametrize("blank", BLANKS)
def test_a_formula_is_guarded_where_a_cell_begins_and_after_each_separator(sign: str, blank: str) -> None:
    formula = f"{blank}{sign}1+1"

    assert guarded(formula) == f"'{formula}"
    for separator in (";", "|", "\t", "\n"):
        assert guarded(f"x{separator}{formula}") == f"x{separator}'{formula}"


@pytest.mark.parametrize("text", ["a-b", "x; y", "1+1", "mail@example.org", "a, -b", "", "x;y=1", "two\r\nlines"])
def test_other_texts_stay_as_they_are(text: str) -> None:
    assert guarded(text) == text


@given(texts)
def test_a_guarded_text_comes_back_as_it_was(text: str) -> None:
    assert unguarded(guarded(text)) == text


@given(texts)
def test_no_part_of_a_guarded_text_begins_a_formula(text: str) -> None:
    for part in guarded(text).replace("|", ";").replace("\t", ";").split(";"):
        assert not part.lstrip("".join(BLANKS) + "\r\n").startswith(tuple(SIGNS))


@pytest.mark.parametrize("separator", [",", ";", "|", "\t"])
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_NONE])
@pytest.mark.parametrize("quotes", ["", '"', '""', '"""', '" "', "'\""])
def test_no_program_finds_a_formula_behind_a_quote(separator: str, quoting: int, quotes: str) -> None:
    text = f"x{separator}{quotes}=1+1{separator}y" if separator != "," else f"{quotes}=1+1"
    line = csv_line(("2026-03", cell(text), cell("plain"))).decode()

    (found,) = csv.reader(io.StringIO(line), delimiter=separator, quoting=quoting)  # type: ignore[arg-type]

    assert not [each for each in found if each.lstrip(' "').startswith("=")]
    assert unguarded(guarded(text)) == text


@given(st.lists(texts, min_size=1, max_size=4), st.sampled_from([";", "|", "\t"]))
def test_no_line_read_with_any_separator_has_a_formula(words: list[str], separator: str) -> None:
    line = csv_line(("2026-03", *map(cell, words))).decode()

    for row in csv.reader(io.StringIO(line, newline=""), delimiter=separator):
        for each in row:
            assert not each.lstrip("".join(BLANKS) + "\r\n").startswith(tuple(SIGNS))


def test_the_database_guards_as_python_does() -> None:
    @given(st.lists(texts, min_size=1, max_size=50))
    def check(found: list[str]) -> None:
        query = "SELECT regexp_replace(regexp_replace(unnest($texts), $formula, $guard, 'g'), $leading, $guard)"
        values = {"texts": found, "formula": FORMULA, "leading": LEADING, "guard": GUARD}
        rows = engine.execute(query, values).fetchall()
        assert [row[0] for row in rows] == [guarded(text) for text in found]

    with duckdb.connect() as engine:
        check()


def test_a_cell_is_quoted_where_it_has_to_be() -> None:
    assert cell('x;=HYPERLINK("http://evil.example")') == '"x;\'=HYPERLINK(""http://evil.example"")"'
    assert cell("plain") == "plain"
