"""Entries of the audit log are created once and come back as they are: in memory as in Cosmos DB."""

import asyncio

import pytest

from chargeback.adapters.azure import audit_entries as cosmos
from chargeback.domain.audit_log.acts import Act
from chargeback.domain.audit_log.entry import AuditEntry, EntryPhase, entry_id, keep
from chargeback.services.audit_log.audit_log import AuditLog
from chargeback.services.audit_log.chain_writer import ChainWriter
from chargeback.services.ports.audit_entries import AuditEntries
from tests.support.audit_log import KIM, NOW, chain, entries_in, faults_in, ticking

pytestmark = pytest.mark.anyio


async def test_an_entry_comes_back_as_it_was_written(audit_entries: AuditEntries) -> None:
    (kept,) = chain(1)

    assert await audit_entries.last() is None
    assert await audit_entries.get(1) is None
    assert await audit_entries.create(kept)
    assert await audit_entries.get(1) == {"id": kept.id, "text": kept.text, "hash": kept.hash}
    assert await audit_entries.last() == await audit_entries.get(1)


async def test_an_entry_is_created_once_and_stays(audit_entries: AuditEntries) -> None:
    (kept,) = chain(1)
    await audit_entries.create(kept)

    assert not await audit_entries.create(type(kept)(kept.id, "other", "other"))

    assert await audit_entries.get(1) == {"id": kept.id, "text": kept.text, "hash": kept.hash}


@pytest.mark.parametrize("length", [1, 2, 3, 17, 40])
async def test_all_come_in_their_order_and_backwards(
    audit_entries: AuditEntries, length: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cosmos, "PART", 3)
    kept = list(chain(length))
    for each in kept:
        await audit_entries.create(each)

    forwards = [document["id"] async for page in audit_entries.forwards() for document in page]
    backwards = [document["id"] async for page in audit_entries.backwards() for document in page]

    later = [document["id"] async for page in audit_entries.backwards(length) for document in page]

    assert forwards == [each.id for each in kept]
    assert later == backwards[1:]
    assert backwards == forwards[::-1]
    last = await audit_entries.last()
    assert last is not None
    assert last["id"] == forwards[-1]


async def test_entries_of_some_phases_are_found_among_others(audit_entries: AuditEntries) -> None:
    written = [
        AuditEntry(number=number, previous="", at=NOW, writer="w", phase=phase, reason='a "phase":"begun" in words')
        for number, phase in enumerate([*EntryPhase, *EntryPhase], 1)
    ]
    for each in written:
        await audit_entries.create(keep(each))
    phases = (EntryPhase.BEGUN, EntryPhase.CONCLUDED)

    found = [document["id"] async for page in audit_entries.backwards(phases=phases) for document in page]
    before = [document["id"] async for page in audit_entries.backwards(5, phases) for document in page]

    assert found == [entry_id(each.number) for each in reversed(written) if each.phase in phases]
    assert before == found[2:]


async def test_several_processes_write_one_chain(audit_entries: AuditEntries) -> None:
    logs = [AuditLog(audit_entries, ticking()) for _ in range(3)]

    async def write(log: AuditLog) -> None:
        for number in range(5):
            async with log.acting(KIM, Act.TIMER, f"t-{number}") as act:
                await act.note(EntryPhase.CHANGING)

    await asyncio.gather(*map(write, logs))

    assert await faults_in(audit_entries) == []
    assert len(await entries_in(audit_entries)) == 15


async def test_a_process_that_starts_goes_on_where_the_log_ends(audit_entries: AuditEntries) -> None:
    for kept in chain(3):
        await audit_entries.create(kept)
    log = AuditLog(audit_entries, ticking())

    entry = await log.write(EntryPhase.BEGUN)

    assert entry.number == 4
    assert await faults_in(audit_entries) == []
    assert ChainWriter(audit_entries).name != ChainWriter(audit_entries).name
