"""Settled days follow the books also where their month is closed; nothing of the closed month changes by that."""

import pytest

from chargeback.domain.periods.lifecycle import PeriodState
from chargeback.domain.reports.settled import records_path
from chargeback.services.running.set_aside import SetAside, Stage
from chargeback.services.settled.keep_settled import SettledUpkeep
from tests.support.builders import usage_event
from tests.support.closing_march import AFTER_GRACE, march
from tests.support.closing_product import ClosingProduct

pytestmark = pytest.mark.anyio

DAY = "2026-03-31"


async def closed_march() -> tuple[ClosingProduct, SettledUpkeep]:
    """March, closed after its last day was settled."""
    in_memory = await march()
    upkeep = SettledUpkeep(in_memory.books, in_memory.settled_files, in_memory.control)
    closed = await in_memory.close("2026-03", AFTER_GRACE)
    assert closed.state is PeriodState.CLOSED
    assert await upkeep.settle(DAY)
    return in_memory, upkeep


async def test_a_late_call_changes_the_settled_day_and_no_closed_file() -> None:
    in_memory, upkeep = await closed_march()
    billed, settled = dict(in_memory.closed.files), in_memory.settled_files.files[records_path(DAY)]
    await in_memory.ingest([usage_event(id="late", time=f"{DAY}T11:00:00Z")], AFTER_GRACE)
    await in_memory.auditor.audit_day(DAY, AFTER_GRACE)

    assert await upkeep.settle(DAY)

    assert in_memory.settled_files.files[records_path(DAY)] != settled
    assert in_memory.closed.files == billed


async def test_a_day_without_a_file_keeps_no_month_open() -> None:
    in_memory = await march()
    await SetAside(in_memory.control).note(Stage.PACK, DAY, {"file": "a cost has more than 20 digits"})

    assert (await in_memory.close("2026-03", AFTER_GRACE)).state is PeriodState.CLOSED
