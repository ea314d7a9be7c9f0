"""A change has an entry before it and one after it; nothing that people decide is changed without."""

import asyncio
from typing import Any

import pytest

from chargeback.adapters.memory.audit_entries import MemoryAuditEntries
from chargeback.adapters.memory.stores import MemoryControl
from chargeback.adapters.recording.control import RecordedControl, UnrecordedChangeError
from chargeback.domain.audit_log.acts import Act
from chargeback.domain.audit_log.entry import EntryPhase, KeptEntry
from chargeback.domain.errors import ClosingRefused, StoreUnavailable, Superseded
from chargeback.services.audit_log import audit_log
from chargeback.services.audit_log.audit_log import AuditLog
from tests.support.audit_log import KIM, NOW, entries_in, faults_in, ticking

pytestmark = pytest.mark.anyio


@pytest.fixture
def entries() -> MemoryAuditEntries:
    return MemoryAuditEntries()


@pytest.fixture
def log(entries: MemoryAuditEntries) -> AuditLog:
    return AuditLog(entries, ticking())


@pytest.fixture
def control() -> RecordedControl:
    return RecordedControl(MemoryControl())


async def test_a_change_has_an_entry_before_it_and_one_after_it(log: AuditLog, entries: MemoryAuditEntries) -> None:
    async with log.change(KIM, Act.REPLAY_EVENTS, "quarantine", before={"batches": 2}, reason="fixed") as act:
        (begun,) = await entries_in(entries)
        act.after = {"batches": 0}

    _, concluded = await entries_in(entries)
    assert (begun.phase, begun.actor, begun.act, begun.at) == (EntryPhase.BEGUN, KIM, "events.replay", NOW)
    assert (begun.target, begun.reason, begun.before, begun.began) == ("quarantine", "fixed", {"batches": 2}, None)
    assert (concluded.phase, concluded.began, concluded.outcome) == (EntryPhase.CONCLUDED, 1, "done")
    assert (concluded.actor, concluded.after) == (KIM, {"batches": 0})
    assert await faults_in(entries) == []


async def test_a_change_that_fails_says_why(log: AuditLog, entries: MemoryAuditEntries) -> None:
    with pytest.raises(ClosingRefused):
        async with log.change(KIM, Act.CLOSE_PERIOD, "period:2026-03"):
            raise ClosingRefused("2026-03", ["3 streams are unsettled"])

    _, concluded = await entries_in(entries)
    assert concluded.outcome == "failed"
    assert concluded.error == "ClosingRefused: 2026-03 cannot be closed:\n  - 3 streams are unsettled"


async def test_a_document_is_announced_before_it_is_replaced(
    log: AuditLog, entries: MemoryAuditEntries, control: RecordedControl
) -> None:
    async with log.change(KIM, Act.APPROVE_PERIOD, "period:2026-03"):
        token = await control.swap("period", "2026-03", {"state": "open", "n": 1}, None)
        await control.swap("period", "2026-03", {"state": "closed", "n": 1}, token)

    _, first, second, concluded = await entries_in(entries)
    assert (first.document, first.before, first.after) == ("period/2026-03", None, {"state": "open", "n": 1})
    assert (second.before, second.after, second.began) == ({"state": "open"}, {"state": "closed"}, 1)
    assert concluded.documents == {"period/2026-03": "replaced"}


async def test_what_people_decide_is_not_written_while_no_act_is_under_way(control: RecordedControl) -> None:
    with pytest.raises(UnrecordedChangeError):
        await control.swap("period", "2026-03", {}, None)

    assert await control.get("period", "2026-03") is None


async def test_what_the_product_works_out_has_no_entry(
    log: AuditLog, entries: MemoryAuditEntries, control: RecordedControl
) -> None:
    async with log.acting(KIM, Act.TIMER, "audit_ledger"):
        await control.swap("audit", "2026-03-04", {}, None)
        await control.swap("catalogue", "0f3c", {}, None)

    assert await entries_in(entries) == []


async def test_a_timer_that_changes_a_document_has_entries(
    log: AuditLog, entries: MemoryAuditEntries, control: RecordedControl
) -> None:
    async with log.acting(KIM, Act.TIMER, "close_periods"):
        await control.swap("period", "2026-03", {}, None)

    assert [each.phase.value for each in await entries_in(entries)] == ["begun", "changing", "concluded"]


async def test_a_document_that_another_run_replaced_first_is_kept_and_nothing_is_announced(
    log: AuditLog, entries: MemoryAuditEntries, control: RecordedControl
) -> None:
    with pytest.raises(Superseded):
        async with log.change(KIM, Act.APPROVE_PERIOD, "period:2026-03"):
            await control.swap("period", "2026-03", {}, "an old token")

    assert [each.phase.value for each in await entries_in(entries)] == ["begun", "concluded"]


async def test_a_race_that_is_lost_is_told(log: AuditLog, entries: MemoryAuditEntries) -> None:
    class Raced(MemoryControl):
        async def swap(self, kind: str, name: str, document: dict[str, Any], after: str | None) -> str:
            raise Superseded("another run was first")

    with pytest.raises(Superseded):
        async with log.change(KIM, Act.APPROVE_PERIOD, "period:2026-03"):
            await RecordedControl(Raced()).swap("period", "2026-03", {}, None)

    assert (await entries_in(entries))[-1].documents == {"period/2026-03": "kept"}


async def test_nothing_is_changed_while_the_log_cannot_be_written(control: RecordedControl) -> None:
    class Away(MemoryAuditEntries):
        async def create(self, entry: KeptEntry) -> bool:
            raise StoreUnavailable("away")

    log = AuditLog(Away(), ticking())

    with pytest.raises(StoreUnavailable):
        async with log.change(KIM, Act.APPROVE_PERIOD, "period:2026-03"):
            pytest.fail("it must not come here")
    with pytest.raises(StoreUnavailable):
        async with log.acting(KIM, Act.TIMER, "close_periods"):
            await control.swap("period", "2026-03", {}, None)
    assert await control.get("period", "2026-03") is None


async def test_a_change_whose_end_cannot_be_written_has_happened(entries: MemoryAuditEntries) -> None:
    log = AuditLog(entries, ticking())

    async with log.change(KIM, Act.REPLAY_EVENTS, "quarantine"):
        entries.create = _away  # type: ignore[method-assign]

    assert len(entries.documents) == 1


async def _away(entry: KeptEntry) -> bool:
    raise StoreUnavailable("away")


@pytest.mark.parametrize("is_kept", [True, False])
async def test_an_entry_whose_answer_was_lost_is_recognised_and_written_once(
    entries: MemoryAuditEntries, *, is_kept: bool
) -> None:
    lost = []

    class Losing(MemoryAuditEntries):
        async def create(self, entry: KeptEntry) -> bool:
            if lost:
                return await super().create(entry)
            lost.append(entry)
            if is_kept:
                await super().create(entry)
            raise StoreUnavailable("the answer was lost")

    losing = Losing()
    log = AuditLog(losing, ticking())

    if is_kept:
        async with log.change(KIM, Act.REPLAY_EVENTS, "quarantine"):
            pass
    else:
        with pytest.raises(StoreUnavailable):
            async with log.change(KIM, Act.REPLAY_EVENTS, "quarantine"):
                pytest.fail("it must not come here")
    await log.read(KIM, "getCostSummary", "everything")

    assert await faults_in(losing) == []
    assert [each.phase.value for each in await entries_in(losing)] == (
        ["begun", "concluded", "read"] if is_kept else ["read"]
    )


async def test_a_create_that_its_client_tried_twice_is_recognised_by_its_hash(entries: MemoryAuditEntries) -> None:
    class Twice(MemoryAuditEntries):
        async def create(self, entry: KeptEntry) -> bool:
            await super().create(entry)
            return await super().create(entry)

    twice = Twice()
    log = AuditLog(twice, ticking())

    async with log.change(KIM, Act.REPLAY_EVENTS, "quarantine"):
        pass

    assert await faults_in(twice) == []
    assert len(await entries_in(twice)) == 2


async def test_an_act_within_an_act_has_its_own_entries(
    log: AuditLog, entries: MemoryAuditEntries, control: RecordedControl
) -> None:
    async with log.change(KIM, Act.RUN_JOB, "operation"):
        async with log.change(KIM, Act.CLOSE_PERIOD, "period:2026-03"):
            await control.swap("period", "2026-03", {}, None)
        await control.swap("period", "2026-04", {}, None)

    announced = [(each.act, each.document) for each in await entries_in(entries) if each.document]
    assert announced == [("period.close", "period/2026-03"), ("job.run", "period/2026-04")]


async def test_reads_at_the_same_time_share_an_entry(log: AuditLog, entries: MemoryAuditEntries) -> None:
    await asyncio.gather(*(log.read(KIM, "getCostSummary", "everything", f"?q={number}") for number in range(20)))

    found = await entries_in(entries)
    assert len(found) <= 2
    assert [each.asked for entry in found for each in entry.reads] == [f"?q={number}" for number in range(20)]
    assert await faults_in(entries) == []


async def test_a_read_is_refused_where_the_log_hangs(
    entries: MemoryAuditEntries, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang(_: KeptEntry) -> bool:
        await asyncio.Event().wait()
        return True

    monkeypatch.setattr(audit_log, "LONGEST_WAIT", 0.01)
    monkeypatch.setattr(entries, "create", hang)

    with pytest.raises(StoreUnavailable, match="did not take a read within"):
        await AuditLog(entries, ticking()).read(KIM, "getCostSummary", "everything")
