"""A key that was set has an entry in the audit log: its name and its version, and never its value."""

import asyncio
import logging

import pytest

from chargeback.adapters.memory.audit_entries import MemoryAuditEntries
from chargeback.adapters.memory.stores import MemoryControl
from chargeback.adapters.recording.control import RecordedControl
from chargeback.domain.audit_log.actor import Actor
from chargeback.domain.audit_log.acts import Act
from chargeback.domain.audit_log.entry import AuditEntry, EntryPhase
from chargeback.domain.errors import StoreUnavailable
from chargeback.services.audit_log.audit_log import AuditLog
from chargeback.services.audit_log.key_versions import KeyVersion, KeyVersions
from tests.support.audit_log import entries_in, ticking


class Vault:
    """Secrets by name with their versions; those that are None cannot be read."""

    def __init__(self, **versions: str | None) -> None:
        self.versions = versions

    async def newest(self, name: str) -> KeyVersion:
        """The version of a secret."""
        if (found := self.versions.get(name, "")) is None:
            raise StoreUnavailable("the vault is away")
        return KeyVersion(name, found, "2026-03-14T06:00:00+00:00" if found else "")


def changes(*days: Vault) -> list[AuditEntry]:
    """The changes that a run each day records."""
    entries, control = MemoryAuditEntries(), RecordedControl(MemoryControl())

    async def run() -> list[AuditEntry]:
        log = AuditLog(entries, ticking())
        for vault in days:
            async with log.acting(Actor.system("anchor_audit_log", "run"), Act.TIMER, "timer:anchor_audit_log"):
                await KeyVersions(control, vault).note(("events", "teams"))
        return [each for each in await entries_in(entries) if each.phase is EntryPhase.CHANGING]

    return asyncio.run(run())


def test_a_key_that_was_set_is_recorded_once_with_the_version_before() -> None:
    made, changed = changes(Vault(events="1"), Vault(events="1"), Vault(events="2"), Vault(events="2"))

    assert (made.document, made.before) == ("key-version/events", None)
    assert made.after == {"name": "events", "version": "1", "created": "2026-03-14T06:00:00+00:00"}
    assert changed.actor is not None
    assert changed.actor.id == "system:anchor_audit_log"
    assert ((changed.before or {})["version"], (changed.after or {})["version"]) == ("1", "2")


def test_a_key_that_is_gone_is_recorded_and_one_that_never_was_is_not() -> None:
    _, gone = changes(Vault(events="1"), Vault())

    assert ((gone.before or {})["version"], (gone.after or {})["version"]) == ("1", "")


def test_a_key_that_cannot_be_read_keeps_no_other_from_being_recorded(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        (found,) = changes(Vault(events=None, teams="1"))

    assert found.document == "key-version/teams"
    assert "key_version_unknown" in caplog.text
