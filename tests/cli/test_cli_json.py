"""What commands print with --json on the real stores: one document of the listed type, and nothing else."""

import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from chargeback.adapters.config.folders import path_of
from chargeback.cli.exit_codes import ExitCode
from chargeback.cli.periods import PeriodAfterClosing
from chargeback.domain.time.calendar import previous_period
from chargeback.domain.time.months import Month
from stack.example import EXAMPLE_CONFIG
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


def figures(closed: PeriodAfterClosing) -> tuple[object, ...]:
    return closed.totals, closed.charges_sha256, closed.unverified


def test_a_month_from_its_events_to_its_closed_files(clean_stores: Stack, tmp_path: Path) -> None:
    event = usage_event(time=f"{LAST}-10T10:00:00Z", usage=tokens(1_000_000, 0))

    taken = printed("ingest", "-", stdin=event + b"\nno json", ends=ExitCode.FINDINGS)
    replayed = printed("replay", ends=ExitCode.FINDINGS)
    posted = printed("post")
    audited = printed("audit", ends=ExitCode.FINDINGS)
    listed = printed("periods list")
    published = printed("publish", LAST, "--out-dir", str(tmp_path / "new"))
    explained = printed("explain", LAST, "--cost-centre", "product/search")
    rehearsed = printed("periods close", LAST, "--dry-run")
    still = printed("periods show", LAST)
    closed = printed("periods close", LAST)
    shown = printed("periods show", LAST)
    tried = printed("periods correct", LAST, "--reason", "nothing", "--dry-run")
    corrected = printed("periods correct", LAST, "--reason", "nothing")
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
    assert (rehearsed.is_dry_run, still.state, still.history) == (True, "open", ())
    assert figures(rehearsed) == figures(closed)
    assert closed.unverified == ()
    assert (closed.state, closed.was_closed, closed.manifest) == ("closed", False, shown.manifest)
    assert {each.path for each in shown.files} >= {f"{LAST}/manifest.json"}
    assert (tried.is_dry_run, replace(tried, is_dry_run=False)) == (True, corrected)
    assert (corrected.lines, corrected.corrected_in) == (0, CURRENT)
    assert refused[0] == ExitCode.USAGE
    assert "exists already: add --overwrite" in refused[2]


def test_a_configuration_is_applied_once(clean_stores: Stack) -> None:
    applied, again = (printed("config apply") for _ in range(2))

    assert (applied.is_changed, again.is_changed) == (True, False)
    assert applied.digest == again.before


def test_a_shared_cost_is_shown_before_it_is_applied(clean_stores: Stack, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(EXAMPLE_CONFIG, tmp_path / "config"))
    fee = f'{{id: gateway, name: Gateway, kind: fee, amount: "5", period: "{CURRENT}", basis: usage, source: us}}'
    path_of(folder, "shared-costs.yaml").write_text(f"sharedCosts:\n  - {fee}\n")

    found = printed("config diff", "--config-dir", str(folder), ends=ExitCode.FINDINGS)
    dry = chargeback("config", "apply", "--dry-run", "--json", "--config-dir", str(folder))[1]
    nothing = printed("config diff")

    (moved,) = found.moved
    assert (moved.period, moved.cost_centre, moved.before, moved.after) == (CURRENT, "unallocated", 0, 5)
    assert moved.shared_after == 5
    assert msgspec.json.decode(dry, type=DOCUMENTS["config diff"]) == found
    assert (nothing.changes, nothing.moved) == ((), ())


def test_dead_letters_and_the_index_of_objects_are_told_as_documents(clean_stores: Stack) -> None:
    event = cloud_event(time=f"{LAST}-10T10:00:00Z", objectId="file-1") | {"deadLetterReason": "x"}
    for name, body in (("a.json", b"[{"), ("b.json", msgspec.json.encode([event]))):
        put_dead_letters(clean_stores, name, body)

    replayed = printed("replay", "--dead-letters", ends=ExitCode.FINDINGS)
    rebuilt = printed("objects rebuild")

    assert (replayed.accepted, replayed.duplicate, replayed.quarantined) == (1, 0, 1)
    assert (rebuilt.objects, rebuilt.days) == (1, 1)
