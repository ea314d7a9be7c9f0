"""What a timer changes is in the audit log as the timer's, whichever timer it is."""

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from chargeback import functions
from chargeback.adapters.memory.audit_entries import MemoryAuditEntries
from chargeback.adapters.memory.stores import MemoryControl
from chargeback.adapters.recording.control import RecordedControl
from chargeback.functions.timer_run import timer_run
from chargeback.services.audit_log.audit_log import AuditLog
from tests.support.audit_log import entries_in, ticking

pytestmark = pytest.mark.anyio

MODULES = sorted(Path(functions.__file__).parent.glob("*.py"))
RUN = SimpleNamespace(invocation_id="run-1")


def test_every_timer_runs_as_one() -> None:
    timers = {path.stem: path.read_text() for path in MODULES if "timer_trigger(" in path.read_text()}

    assert len(timers) >= 10
    assert {name: re.findall(r'timer_run\(container, "(\w+)"', text) for name, text in timers.items()} == {
        name: [name] for name in timers
    }


async def test_what_a_timer_changes_is_recorded_with_its_run() -> None:
    entries, control = MemoryAuditEntries(), RecordedControl(MemoryControl())
    container = cast(Any, SimpleNamespace(audit_log=AuditLog(entries, ticking())))

    async with timer_run(container, "close_periods", cast(Any, RUN)):
        await control.swap("audit", "2026-03-04", {}, None)
        await control.swap("period", "2026-03", {"state": "closing"}, None)

    begun, changing, _ = await entries_in(entries)
    assert begun.actor is not None
    assert (begun.actor.id, begun.actor.source.request_id) == ("system:close_periods", "run-1")
    assert (begun.target, changing.document) == ("timer:close_periods", "period/2026-03")


async def test_a_timer_that_changes_nothing_leaves_no_entry() -> None:
    entries = MemoryAuditEntries()

    async with timer_run(
        cast(Any, SimpleNamespace(audit_log=AuditLog(entries, ticking()))), "tell_alerts", cast(Any, RUN)
    ):
        pass

    assert entries.documents == {}
