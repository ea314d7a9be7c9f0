"""A month is closed, shown and corrected from the command line, on the real stores, and refusals say what to do."""

import csv
import io
from datetime import UTC, datetime
from pathlib import Path

import pytest

from chargeback.cli.exit_codes import ExitCode
from chargeback.domain.time.calendar import previous_period
from stack.stack import Stack
from tests.support.builders import tokens, usage_event
from tests.support.command_line import chargeback, found_by, output_of

pytestmark = pytest.mark.servers

CURRENT = f"{datetime.now(UTC):%Y-%m}"
LAST = previous_period(CURRENT)
FIRST = previous_period(LAST)


@pytest.fixture
def months(clean_stores: Stack) -> None:
    """A call in each of the last two months, and in the first of them one of a deployment that nobody knows."""
    known, unknown = tokens(1_000_000, 0), {"deployment": "mystery", "model": "mystery-1"}
    events = [
        usage_event(id="a", time=f"{FIRST}-10T10:00:00Z", usage=known),
        usage_event(id="b", time=f"{FIRST}-11T10:00:00Z", usage=known, **unknown),
        usage_event(id="c", time=f"{LAST}-10T10:00:00Z", usage=known),
    ]
    output_of("ingest", "-", stdin=b"\n".join(events))
    found_by("audit")


def refused(*arguments: str, ends: ExitCode = ExitCode.FAILED) -> str:
    code, _, errors = chargeback(*arguments)
    assert code == ends
    assert "Traceback" not in errors
    return errors


def test_a_refusal_names_every_reason_and_what_to_do(months: None) -> None:
    too_early = refused("periods", "close", CURRENT, "--by", "ann")
    unpriced = refused("periods", "close", FIRST, "--by", "ann")

    assert f"{CURRENT} cannot be closed:" in too_early
    assert "; until then it is open" in too_early
    assert f"{FIRST} is not closed yet, and periods close in order: close {FIRST} first" in too_early
    assert "1 of 2 requests (50.000 %) is unpriced: mystery (mystery-1): 1 rows; allowed are 0 %" in unpriced
    assert "--override --reason TEXT" in unpriced


def test_a_month_is_closed_shown_published_again_and_not_reopened(months: None, tmp_path: Path) -> None:
    found_by("publish", FIRST)
    before = output_of("periods", "list")
    closed = output_of("periods", "close", FIRST, "--by", "ann", "--override", "--reason", "agreed with finance")
    again = output_of("periods", "close", FIRST, "--by", "bob")
    shown = output_of("periods", "show", FIRST)
    published = found_by("publish", FIRST, "--out-dir", str(tmp_path))
    after = output_of("periods", "list")
    reopened = refused("periods", "reopen", FIRST)

    assert after.splitlines()[0] == closed.splitlines()[0]
    assert before.split() == [FIRST, "open", LAST, "open", CURRENT, "open"]
    assert closed.startswith(f"{FIRST}  closed  closed by ann at ")
    assert f"closed/{FIRST}/manifest.json: sha256 " in closed
    assert again.startswith("it was closed before; nothing changed\n")
    assert again.splitlines()[1:] == closed.splitlines()
    assert "because: agreed with finance" in shown
    assert "overridden: 1 of 2 requests (50.000 %) is unpriced" in shown
    assert "it is closed, and every file is as it was closed:" in published
    assert closed.splitlines()[1] in published
    assert closed.splitlines()[1].split("sha256 ")[1] in shown
    assert (tmp_path / FIRST / "manifest.json").exists()
    assert "cannot be reopened" in reopened
    assert f"periods correct {FIRST} --by NAME --reason TEXT" in reopened


def test_a_closed_month_is_corrected_and_nothing_else_is(months: None, tmp_path: Path) -> None:
    output_of("periods", "close", FIRST, "--by", "ann", "--override", "--reason", "agreed")

    unchanged = output_of("periods", "correct", FIRST, "--by", "ann", "--reason", "nothing")
    still_open = refused("periods", "correct", LAST, "--by", "ann", "--reason", "wrong price")
    unnamed = chargeback("periods", "close", LAST)

    assert "no line differs" in unchanged
    assert f"{LAST} is open, not closed" in still_open
    assert unnamed[0] == 2
    assert "--by" in unnamed[2]


def test_late_usage_of_a_closed_month_is_a_correction_in_the_oldest_open_one(months: None, tmp_path: Path) -> None:
    output_of("periods", "close", FIRST, "--by", "ann", "--override", "--reason", "agreed")
    closed = found_by("publish", FIRST)
    output_of("ingest", "-", stdin=usage_event(id="d", time=f"{FIRST}-10T12:00:00Z", usage=tokens(2_000_000, 0)))
    found_by("audit")

    output_of("publish", LAST, "--out-dir", str(tmp_path))
    output_of("periods", "close", LAST, "--by", "ann")
    output_of("publish", CURRENT, "--out-dir", str(tmp_path))

    assert found_by("publish", FIRST) == closed
    assert corrections(tmp_path, LAST) == {"input_tokens": (FIRST, "2000000"), "requests": (FIRST, "1")}
    assert corrections(tmp_path, CURRENT) == {}


def corrections(folder: Path, period: str) -> dict[str, tuple[str, str]]:
    """Meter → period that is corrected, quantity."""
    text = (folder / period / f"chargeback-{period}.csv").read_text()
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    return {row["meter"]: (row["corrects_period"], row["quantity"]) for row in rows if row["kind"] == "correction"}


def test_what_is_no_period_is_named(clean_stores: Stack) -> None:
    for command in (("show",), ("reopen",), ("close", "--by", "ann"), ("correct", "--by", "a", "--reason", "b")):
        assert "period '2026-13' is not a month such as 2026-03" in refused(
            "periods", *command, "2026-13", ends=ExitCode.USAGE
        )


@pytest.mark.parametrize("period", ["", "9999-12", "../closed", "2026-3"])
def test_what_is_no_period_is_named_by_every_command_that_takes_one(clean_stores: Stack, period: str) -> None:
    for command in (("explain", "--cost-centre", "a"), ("reconcile",), ("audit",), ("publish",)):
        reason = "between 1970-01 and 2199-12" if period == "9999-12" else "a month such as 2026-03"
        assert f"period {period!r} is not {reason}" in refused(*command, period, ends=ExitCode.USAGE)
