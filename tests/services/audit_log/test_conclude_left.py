"""Wherever a process dies, the next run says what became of its act; and the log is whole."""

from datetime import timedelta

import pytest

from chargeback.adapters.memory.audit_entries import MemoryAuditEntries
from chargeback.adapters.memory.stores import MemoryControl
from chargeback.adapters.recording.control import RecordedControl
from chargeback.domain.audit_log.acts import Act
from chargeback.domain.audit_log.entry import EntryPhase, KeptEntry
from chargeback.services.audit_log.audit_log import AuditLog
from chargeback.services.audit_log.conclude_left import DEAD_AFTER, conclude_left
from chargeback.services.ports.control import Document
from tests.support.audit_log import KIM, NOW, entries_in, faults_in, ticking

pytestmark = pytest.mark.anyio

LATER = NOW + DEAD_AFTER + timedelta(hours=1)


class Death(BaseException):
    """The process is gone: nothing of it runs any more."""


class Mortal:
    """Counts the steps of an act on its stores, and dies before one of them."""

    def __init__(self, dies_before: int) -> None:
        self.left = dies_before

    def step(self) -> None:
        if self.left == 0:
            raise Death
        self.left -= 1


class MortalEntries(MemoryAuditEntries):
    def __init__(self, of: MemoryAuditEntries, life: Mortal) -> None:
        self.documents, self.life = of.documents, life

    async def create(self, entry: KeptEntry) -> bool:
        self.life.step()
        return await super().create(entry)


class MortalControl(MemoryControl):
    def __init__(self, life: Mortal) -> None:
        super().__init__()
        self.life = life

    async def swap(self, kind: str, name: str, document: Document, after: str | None) -> str:
        self.life.step()
        return await super().swap(kind, name, document, after)


async def act(log: AuditLog, control: RecordedControl) -> None:
    async with log.change(KIM, Act.CLOSE_PERIOD, "period:2026-03"):
        token = await control.swap("period", "2026-03", {"state": "closing"}, None)
        await control.swap("journal", "2026-03", {"rows": 3}, None)
        await control.swap("period", "2026-03", {"state": "closed"}, token)


FATES = [
    # steps: begun, announced, closing, announced, journal, announced, closed, concluded
    None,
    {},
    {"period/2026-03": "kept"},
    {"period/2026-03": "replaced"},
    {"period/2026-03": "replaced", "journal/2026-03": "kept"},
    {"period/2026-03": "replaced", "journal/2026-03": "replaced"},
    {"period/2026-03": "kept", "journal/2026-03": "replaced"},
    {"period/2026-03": "replaced", "journal/2026-03": "replaced"},
]


@pytest.mark.parametrize("dies_before", range(len(FATES)))
async def test_whatever_step_a_process_dies_before_the_next_run_says_how_far_it_came(dies_before: int) -> None:
    kept, life = MemoryAuditEntries(), Mortal(dies_before)
    stored = MortalControl(life)
    with pytest.raises(Death):
        await act(AuditLog(MortalEntries(kept, life), ticking()), RecordedControl(stored))
    life.left = -1
    log = AuditLog(kept, ticking(LATER))

    left = await conclude_left(log, RecordedControl(stored).stored_digest, LATER)
    again = await conclude_left(log, RecordedControl(stored).stored_digest, LATER)

    found = await entries_in(kept)
    if FATES[dies_before] is None:
        assert found == []
    else:
        assert [each.number for each in left] == [1]
        assert (found[-1].phase, found[-1].outcome, found[-1].began) == (EntryPhase.CONCLUDED, "died", 1)
        assert found[-1].documents == FATES[dies_before]
        assert (found[-1].actor, found[-1].target) == (KIM, "period:2026-03")
    assert again == []
    assert await faults_in(kept) == []


async def test_what_others_replaced_since_is_unknown() -> None:
    kept, life = MemoryAuditEntries(), Mortal(3)
    stored = MortalControl(life)
    with pytest.raises(Death):
        await act(AuditLog(MortalEntries(kept, life), ticking()), RecordedControl(stored))
    life.left = -1
    _, token = await stored.get_versioned("period", "2026-03") or ({}, "")
    await stored.swap("period", "2026-03", {"state": "open"}, token)

    await conclude_left(AuditLog(kept, ticking(LATER)), RecordedControl(stored).stored_digest, LATER)

    assert (await entries_in(kept))[-1].documents == {"period/2026-03": "unknown"}


async def test_an_act_that_may_still_be_under_way_is_left_alone() -> None:
    kept = MemoryAuditEntries()
    log = AuditLog(kept, ticking())
    control = RecordedControl(MemoryControl())

    async with log.change(KIM, Act.REPLAY_EVENTS, "quarantine"):
        assert await conclude_left(log, control.stored_digest, NOW + DEAD_AFTER) == []
