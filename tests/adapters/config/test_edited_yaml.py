"""An edit adds what it should and moves no other character."""

from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from chargeback.adapters.config.edited_yaml import EditedYaml, flow
from chargeback.domain.errors import InvalidConfig
from tests.support.examples import few

FILE = """# head
centres:
  # first
  - {path: a, name: A}   # of Ann
  - path: b
    name: B
    # its end

rules: []
sets:
  one:
    - {name: x}

  two: []
empty:
last: {eu: [a, b], us: []} # here
"""


def edited(*edits: tuple[str, tuple[Any, ...], dict[str, Any]]) -> str:
    text = EditedYaml(FILE)
    for name, place, values in edits:
        getattr(text, name)(*place, **values)
    return text.text


@pytest.mark.parametrize(
    ("place", "before", "after"),
    [
        (("centres",), "    name: B\n", "    name: B\n  - {id: n}\n"),
        (("rules",), "rules: []\n", "rules:\n  - {id: n}\n"),
        (("sets", "one"), "    - {name: x}\n", "    - {name: x}\n    - {id: n}\n"),
        (("sets", "two"), "  two: []\n", "  two: [{id: n}]\n"),
        (("empty",), "empty:\n", "empty:\n  - {id: n}\n"),
        (("last", "eu"), "[a, b]", "[a, b, {id: n}]"),
        (("last", "us"), "us: []", "us: [{id: n}]"),
        (("new",), "# here\n", "# here\n\nnew:\n  - {id: n}\n"),
    ],
)
def test_an_entry_is_added_at_the_end_of_its_list(place: tuple[str, ...], before: str, after: str) -> None:
    assert edited(("append", place, {"entry": {"id": "n"}})) == FILE.replace(before, after)


@pytest.mark.parametrize(
    ("place", "before", "after"),
    [
        (("centres", 0), "name: A}", "name: A, to: 1}"),
        (("centres", 1), "    name: B\n", "    name: B\n    to: 1\n"),
        (("last",), "us: []}", "us: [], to: 1}"),
    ],
)
def test_a_key_is_set_at_the_end_of_its_mapping(place: tuple[Any, ...], before: str, after: str) -> None:
    assert edited(("put", place, {"key": "to", "value": 1})) == FILE.replace(before, after)


def test_a_list_of_entries_is_set_in_lines_of_its_own() -> None:
    text = EditedYaml("sets: {}\n")

    text.put("sets", key="one", value=[{"name": "x"}])
    text.put("sets", key="two", value=[{"name": "y"}, {"name": "z"}])

    assert text.text == "sets:\n  one:\n    - {name: x}\n  two:\n    - {name: y}\n    - {name: z}\n"


def test_a_key_is_taken_away_with_nothing_else() -> None:
    text = EditedYaml("# head\na: {x: 1, y: 2, z: 3}\nb:\n  - 1\n  - 2 # two\n\n# of c\nc: 4\n")

    text.remove("a", "y")
    text.remove("a", "z")
    text.remove("b")

    assert text.text == "# head\na: {x: 1}\n\n# of c\nc: 4\n"


def test_what_is_no_yaml_is_refused() -> None:
    with pytest.raises(InvalidConfig):
        EditedYaml("a: [")


TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=20)


@settings(max_examples=few(30))
@given(st.lists(TEXTS | st.integers() | st.dictionaries(TEXTS, TEXTS, max_size=3), min_size=1, max_size=4))
def test_any_value_is_read_as_it_was_written(entries: list[Any]) -> None:
    text = EditedYaml(FILE)
    for entry in entries:
        text.append("centres", entry=entry)
        text.append("rules", entry=entry)

    read = yaml.safe_load(text.text)

    assert read["rules"] == entries
    assert read["centres"][2:] == entries
    assert text.value("last", "eu") == ["a", "b"]


def test_a_name_that_yaml_would_read_as_something_else_is_quoted() -> None:
    assert flow({"id": "no", "amount": "15", "name": "a: b"}) == "{id: 'no', amount: '15', name: 'a: b'}"
