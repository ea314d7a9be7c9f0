"""What commands print with --json on the real stores: one document of the listed type, and nothing else."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from chargeback.cli.exit_codes import ExitCode
from chargeback.domain.time.calendar import previous_period
from chargeback.domain.time.months import Month
from stack.stack import Stack
from tests.support.builders import cloud_event, tokens, usage_event
from tests.support.command_line import chargeback
from tests.support.dead_letters import put_dead_letters
from tests.surface.documents import DOCUMENTS

pytestmark = pytest.mark.servers

CURRENT = Month(f"{datetime.now(UTC):%Y-%m}")
LAST = previous_period(CURRENT)


def printed(command: str, *arguments: str, stdin: bytes = b"", ends: ExitCode = ExitCode.DONE) -> Any:
    code, output, errors = chargeback(*command.split(), *arguments, "--json", stdin=stdin)
    assert code == ends, errors
    return msgspec.json.decode(output, type=DOCUMENTS[command])


def test_a_month_from_its_events_to_its_closed_files(clean_stores: Stack, tmp_path: Path) -> None:
    event = usage_event(time=f"{LAST}-10T10:00:00Z", usage=tokens(1_000_000, 0))

    taken = printed("ingest", "-", stdin=event + b"\nno json", ends=ExitCode.FINDINGS)
    replayed = printed("replay", ends=ExitCode.FINDINGS)
    posted = printed("post")
    audited = printed("audit", ends=ExitCode.FINDINGS)
    listed = printed("periods list")
    published = printed("publish", LAST, "--out-dir", str(tmp_path / "new"))
    explained = printed("explain", LAST, "--cost-centre", "product/search")
    closed = printed("periods close", LAST, "--by", "ann")
    shown = printed("periods show", LAST)
    corrected = printed("periods correct", LAST, "--by", "ann", "--reason", "nothing")
    refused = chargeback("publish", LAST, "--out-dir", str(tmp_path / "new"))

    assert (taken.accepted, taken.quarantined, taken.late) == (1, 1, 1)
    assert [each.reason for each in taken.reasons] == ["not-json"]
    assert (replayed.accepted, replayed.quarantined) == (0, 1)
    assert posted.days == ()
    (day,) = audited.days
    assert (day.day, day.calls, day.drift_lines, day.currency) == (f"{LAST}-10", 1, 1, "USD")
    assert [(each.month, each.state) for each in listed.periods] == [(LAST, "open"), (CURRENT, "open")]
    assert (published.totals, explained.cost, explained.currency) == ({"USD": "2.750000"}, "2.75", "USD")
    assert (published.state, published.unpriced_rows) == ("open", 0)
    assert (tmp_path / "new" / LAST / "manifest.json").is_file()
    assert (closed.state, closed.was_closed, closed.manifest) == ("closed", False, shown.manifest)
    assert {each.path for each in shown.files} >= {f"{LAST}/manifest.json"}
    assert (corrected.lines, corrected.corrected_in) == (0, CURRENT)
    assert refused[0] == ExitCode.USAGE
    assert "exists already: add --overwrite" in refused[2]


def test_a_configuration_is_applied_once(clean_stores: Stack) -> None:
    applied, again = (printed("config apply", "--by", "ann") for _ in range(2))

    assert (applied.is_changed, again.is_changed) == (True, False)
    assert applied.digest == again.before


def test_dead_letters_and_the_index_of_objects_are_told_as_documents(clean_stores: Stack) -> None:
    event = cloud_event(time=f"{LAST}-10T10:00:00Z", objectId="file-1") | {"deadLetterReason": "x"}
    for name, body in (("a.json", b"[{"), ("b.json", msgspec.json.encode([event]))):
        put_dead_letters(clean_stores, name, body)

    replayed = printed("replay", "--dead-letters", ends=ExitCode.FINDINGS)
    rebuilt = printed("objects rebuild")

    assert (replayed.accepted, replayed.duplicate, replayed.quarantined) == (1, 0, 1)
    assert (rebuilt.objects, rebuilt.days) == (1, 1)
