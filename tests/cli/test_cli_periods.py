"""A month is closed, shown and corrected from the command line, on the real stores, and refusals say what to do."""

import csv
import io
import json
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
    too_early = refused("periods", "close", CURRENT)
    unpriced = refused("periods", "close", FIRST)
    unasked = refused("periods", "approve", LAST)
    nothing = refused("periods", "approve", FIRST, "--withdraw")

    assert f"{CURRENT} cannot be closed:" in too_early
    assert "; until then it is open" in too_early
    assert f"{FIRST} is not closed yet, and periods close in order: close {FIRST} first" in too_early
    assert "1 of 2 requests (50.000 %) is unpriced: mystery (mystery-1): 1 rows; allowed are 0 %" in unpriced
    assert "--override --reason TEXT" in unpriced
    assert f"{LAST} cannot be approved:" in unasked
    assert "books.yaml asks for no approval of it" in unasked
    assert f"{FIRST} is the oldest open period" in unasked
    assert f"it has no draft: `chargeback publish {LAST}`" in unasked
    assert "nobody has approved it" in nothing


def test_a_month_is_closed_shown_published_again_and_not_reopened(months: None, tmp_path: Path) -> None:
    found_by("publish", FIRST)
    before = output_of("periods", "list")
    closed = output_of("periods", "close", FIRST, "--override", "--reason", "agreed with finance")
    again = output_of("periods", "close", FIRST)
    shown = output_of("periods", "show", FIRST)
    published = found_by("publish", FIRST, "--out-dir", str(tmp_path))
    verified = output_of("periods", "verify", FIRST)
    downloaded = output_of("periods", "verify", FIRST, "--from", str(tmp_path / FIRST))
    after = output_of("periods", "list")
    reopened = refused("periods", "reopen", FIRST)
    acts = json.loads(output_of("audit-log", "list", "--target", f"period:{FIRST}", "--json"))["entries"]
    closings = [each for each in acts if each["act"] == "period.close"]
    entry = output_of("audit-log", "show", str(closings[-1]["entry"]))
    whole = output_of("audit-log", "verify")

    publication, closing = ("job.run", "done"), ("period.close", "done")
    assert [(each["act"], each["outcome"]) for each in acts] == [publication, closing, closing, publication]
    assert {each["actor"].partition(":")[0] for each in acts} == {"person"}
    assert '"state": "closed"' in entry
    assert '"reason": "agreed with finance"' in entry
    assert whole.splitlines()[-1] == "nothing was changed, removed or inserted"
    assert after.splitlines()[0] == closed.splitlines()[0]
    assert before.split() == [FIRST, "open", LAST, "open", CURRENT, "open"]
    assert closed.startswith(f"{FIRST}  closed  closed by Ada Novak [")
    assert f"closed/{FIRST}/manifest.json: sha256 " in closed
    assert again.startswith("it was closed before; nothing changed\n")
    assert again.splitlines()[1:] == closed.splitlines()
    assert "because: agreed with finance" in shown
    assert "overridden: 1 of 2 requests (50.000 %) is unpriced" in shown
    assert "it is closed, and every file is as it was closed:" in published
    assert closed.splitlines()[1] in published
    assert closed.splitlines()[1].split("sha256 ")[1] in shown
    assert (tmp_path / FIRST / "manifest.json").exists()
    assert "; 0 findings" in verified
    assert "rows and sums computed again are the bytes that were closed; 0 findings" in downloaded
    assert "cannot be reopened" in reopened
    assert f"periods correct {FIRST} --reason TEXT" in reopened


def test_a_closed_month_is_corrected_and_nothing_else_is(months: None, tmp_path: Path) -> None:
    output_of("periods", "close", FIRST, "--override", "--reason", "agreed")

    unchanged = output_of("periods", "correct", FIRST, "--reason", "nothing")
    still_open = refused("periods", "correct", LAST, "--reason", "wrong price")
    misnamed = chargeback("periods", "close", LAST, "--by", "Ann Lee")

    assert "no line differs" in unchanged
    assert f"{LAST} is open, not closed" in still_open
    assert misnamed[0] == ExitCode.USAGE
    assert "--by says 'Ann Lee', and you are signed in as Ada Novak (ada.novak@contoso.example)" in misnamed[2]


def test_late_usage_of_a_closed_month_is_a_correction_in_the_oldest_open_one(months: None, tmp_path: Path) -> None:
    output_of("periods", "close", FIRST, "--override", "--reason", "agreed")
    closed = found_by("publish", FIRST)
    output_of("ingest", "-", stdin=usage_event(id="d", time=f"{FIRST}-10T12:00:00Z", usage=tokens(2_000_000, 0)))
    found_by("audit")

    output_of("publish", LAST, "--out-dir", str(tmp_path))
    output_of("periods", "close", LAST)
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
    for command in (("show",), ("reopen",), ("close",), ("correct", "--reason", "b")):
        assert "period '2026-13' is not a month such as 2026-03" in refused(
            "periods", *command, "2026-13", ends=ExitCode.USAGE
        )


@pytest.mark.parametrize("period", ["", "9999-12", "../closed", "2026-3"])
def test_what_is_no_period_is_named_by_every_command_that_takes_one(clean_stores: Stack, period: str) -> None:
    for command in (("explain", "--cost-centre", "a"), ("reconcile",), ("audit",), ("publish",)):
        reason = "between 1970-01 and 2199-12" if period == "9999-12" else "a month such as 2026-03"
        assert f"period {period!r} is not {reason}" in refused(*command, period, ends=ExitCode.USAGE)
