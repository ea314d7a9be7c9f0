"""The timer of the audit log concludes, verifies and anchors, and says loudly where the log is not whole."""

import asyncio
import json
import logging
from types import SimpleNamespace
from typing import Any, cast

import pytest

from chargeback.adapters.memory.audit_entries import MemoryAuditEntries
from chargeback.adapters.memory.reports import MemoryReports
from chargeback.adapters.memory.stores import MemoryControl
from chargeback.adapters.recording.control import RecordedControl
from chargeback.functions import anchor_audit_log
from chargeback.services.audit_log.anchors import Anchors
from chargeback.services.audit_log.audit_log import AuditLog
from chargeback.services.audit_log.key_versions import KeyVersions
from tests.services.audit_log.test_key_versions import Vault
from tests.support.audit_log import chain, log_of, ticking


def lines_of_a_run(entries: MemoryAuditEntries, anchors: Anchors, caplog: pytest.LogCaptureFixture) -> list[Any]:
    """What a run of the timer logs."""
    container = SimpleNamespace(
        audit_log=AuditLog(entries, ticking()),
        audit_entries=entries,
        anchors=anchors,
        control=RecordedControl(MemoryControl()),
        key_versions=KeyVersions(MemoryControl(), Vault()),
        key_names=(),
    )
    (function,) = anchor_audit_log.blueprint(cast(Any, container))._function_builders
    timer = function._function.get_user_function()
    caplog.clear()
    with caplog.at_level(logging.INFO):
        asyncio.run(timer(cast(Any, SimpleNamespace(past_due=False)), cast(Any, SimpleNamespace(invocation_id="run"))))
    return [json.loads(record.message) for record in caplog.records]


def test_a_run_anchors_the_log_and_the_next_one_sees_what_was_rewritten(caplog: pytest.LogCaptureFixture) -> None:
    anchors, kept = Anchors(MemoryReports()), list(chain(3))

    first = lines_of_a_run(log_of(kept), anchors, caplog)
    second = lines_of_a_run(log_of(kept[:2]), anchors, caplog)

    by_event = {each["event"]: each for each in first}
    assert by_event["audit_log_anchored"]["hash"] == kept[-1].hash
    assert "audit_log_broken" not in by_event
    assert {each["event"]: each for each in second}["audit_log_broken"]["found"].startswith("entry 3: missing")
