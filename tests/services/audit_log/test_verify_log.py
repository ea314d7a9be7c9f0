"""The anchors lie where nobody can replace them, so they show what the chain alone cannot."""

import pytest

from chargeback.adapters.memory.reports import MemoryReports
from chargeback.domain.audit_log.entry import entry_id
from chargeback.domain.errors import PeriodClosed
from chargeback.services.audit_log.anchors import Anchors
from chargeback.services.audit_log.verify_log import anchor_log, verify_log
from tests.support.audit_log import NOW, chain, log_of

pytestmark = pytest.mark.anyio


async def test_a_log_is_verified_up_to_its_end_and_anchored_there() -> None:
    anchors, kept = Anchors(MemoryReports()), list(chain(5))

    first = await verify_log(log_of(kept[:3]), anchors, NOW)
    path = await anchor_log(first, anchors)
    second = await verify_log(log_of(kept), anchors, NOW)

    assert path == "audit-log/2026/03/2026-03-14T060000Z-3.json"
    assert (first.entries, first.anchors, first.anchored, first.faults) == (3, 0, 0, ())
    assert (second.entries, second.anchors, second.anchored, second.anchored_at) == (5, 1, 3, NOW)
    assert second.faults == ()


async def test_an_empty_log_has_nothing_to_anchor() -> None:
    anchors = Anchors(MemoryReports())

    assert await anchor_log(await verify_log(log_of([]), anchors, NOW), anchors) is None


async def test_a_log_that_was_rewritten_or_emptied_differs_from_its_anchor() -> None:
    anchors, kept = Anchors(MemoryReports()), list(chain(4))
    await anchor_log(await verify_log(log_of(kept), anchors, NOW), anchors)
    cut = log_of(kept)
    del cut.documents[entry_id(4)]

    (fault,) = (await verify_log(cut, anchors, NOW)).faults
    (emptied,) = (await verify_log(log_of([]), anchors, NOW)).faults

    assert fault == "entry 4: missing: removed, or never written"
    assert emptied == "entries 1 to 4: missing: removed, or never written"


async def test_an_anchor_stays_as_it_is_and_one_that_cannot_be_read_is_told() -> None:
    closed = MemoryReports()
    anchors, kept = Anchors(closed), list(chain(4))
    verified = await verify_log(log_of(kept), anchors, NOW)
    await anchor_log(verified, anchors)
    await anchor_log(verified, anchors)
    other = await verify_log(log_of(list(chain(4))[:4]), anchors, NOW)
    async with closed.create("audit-log/x.json", "application/json") as file:
        await file.write(b"{}")

    assert other.last is not None
    forged = type(other.last)(number=4, hash="0" * 64, at=NOW)
    with pytest.raises(PeriodClosed):
        await anchors.write(forged)
    assert "anchor audit-log/x.json" in (await verify_log(log_of(kept), anchors, NOW)).faults[0]
