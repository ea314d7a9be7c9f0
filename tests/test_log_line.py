"""Lines of the log are JSON that no name from outside can break, and are joined by ids."""

import ast
import json
import logging
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargeback.log_line import MOST_CHARACTERS, log_line, one_run, to_line

PACKAGE = Path(__file__).parent.parent / "chargeback"
log = logging.getLogger("chargeback.tests")


@pytest.fixture(autouse=True)
def everything(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "chargeback")


def test_a_line_is_an_object_that_starts_with_its_event(caplog: pytest.LogCaptureFixture) -> None:
    with one_run("r1"):
        log_line(log, "spend", month="2026-11", cost=Decimal("1.50"), records=3, past_due=False, model=None)

    (line,) = caplog.messages
    assert line.startswith('{"event":"spend",')
    assert json.loads(line) == {
        "event": "spend",
        "correlation_id": "r1",
        "run_id": "r1",
        "month": "2026-11",
        "cost": "1.5",
        "records": 3,
        "past_due": False,
        "model": None,
    }


def test_what_a_line_is_about_is_its_correlation_id(caplog: pytest.LogCaptureFixture) -> None:
    with one_run("r1"):
        log_line(log, "closed", about="2026-10", period="2026-10")

    line = json.loads(caplog.messages[0])
    assert (line["correlation_id"], line["run_id"]) == ("2026-10", "r1")


def test_lines_of_a_run_share_an_id_and_runs_have_different_ones(caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(2):
        with one_run():
            log_line(log, "posted")
            log_line(log, "spend")
    log_line(log, "store_away")

    first, second, third, fourth, alone = (json.loads(line)["run_id"] for line in caplog.messages)
    assert (first, third) == (second, fourth)
    assert len({first, third, alone}) == 3


@pytest.mark.parametrize(
    "name",
    ["Customer Support", 'a"b', "a=b", "a\nposted day=1", "nul\0", "zero\u200bwidth", "{}", "%s %d", "\\", "é/日本"],
)
def test_a_hostile_name_comes_back_as_it_was_on_one_line(name: str, caplog: pytest.LogCaptureFixture) -> None:
    log_line(log, "spend", cost_centre=name)

    (line,) = caplog.messages
    assert json.loads(line)["cost_centre"] == name
    assert line.isascii()
    assert line.isprintable()


@given(st.text(st.characters(), max_size=40))
def test_any_text_makes_a_line_that_can_be_parsed_and_sent(text: str) -> None:
    line = to_line("spend", text, text, {"cost_centre": text})

    json.loads(line)["cost_centre"].encode("utf-8")  # raises for half of a surrogate pair
    assert "\n" not in line


def test_a_line_is_kept_whole_however_long_its_fields_are() -> None:
    line = to_line("closing_refused", "2026-10", "r1", {"reasons": "日" * 100_000, "more": "x" * 100_000})

    assert len(line) <= MOST_CHARACTERS
    assert json.loads(line)["reasons"].endswith("日…")


def test_the_product_logs_through_this_helper_alone() -> None:
    calls = [
        f"{path.relative_to(PACKAGE)}:{node.lineno}"
        for path in PACKAGE.rglob("*.py")
        if path.name != "log_line.py"
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in {"debug", "info", "warning", "error", "exception", "critical", "log"}
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id in {"log", "logging", "logger"}
    ]

    assert not calls
