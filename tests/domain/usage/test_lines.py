"""A line's identity depends on its dimensions and on nothing else."""

from hypothesis import given
from hypothesis import strategies as st

from chargeback.domain.usage.lines import Line, from_json, line_id, to_json
from chargeback.domain.usage.states import LineState
from tests.support.catalogues import usage_line

texts = [st.text(max_size=8)] * (len(Line._fields) - 1)
lines = st.tuples(*texts, st.sampled_from([*LineState])).map(Line._make)


@given(lines)
def test_a_line_s_text_reads_back_as_the_line(line: Line) -> None:
    assert from_json(to_json(line)) == line
    assert from_json(to_json(line).encode()) == line


@given(lines, lines)
def test_lines_share_an_identity_only_if_they_are_equal(one: Line, other: Line) -> None:
    assert (line_id(one) == line_id(other)) == (one == other)


def test_moving_text_between_dimensions_makes_another_line() -> None:
    assert line_id(usage_line(user="ab", company="c")) != line_id(usage_line(user="a", company="bc"))


def test_identities_never_change_between_versions() -> None:
    assert line_id(Line(*[""] * 17)) == "0594adbfd83e8718661c4eadfd786550"
