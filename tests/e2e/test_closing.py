"""Closing on the real stores: two at once, and a run that ends half way."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from chargeback.bootstrap import Container
from chargeback.domain.audit_log.acts import Act
from chargeback.domain.errors import Superseded
from chargeback.domain.periods.lifecycle import BillingPeriod
from chargeback.domain.time.calendar import previous_period
from chargeback.services.closing.file_period import files_of, sha256_of
from chargeback.services.closing.finish_days import ClosingRequest
from stack.stack import Stack
from tests.support.audit_log import KIM
from tests.support.broken_reports import Broken, Ended
from tests.support.builders import tokens, usage_event

pytestmark = [pytest.mark.anyio, pytest.mark.servers]

NOW = datetime.now(UTC)
LAST = previous_period(f"{NOW:%Y-%m}")
MILLION = tokens(1_000_000, 0)


@pytest.fixture
async def month(clean_stores: Stack, container: Container) -> Container:
    """Five calls of last month."""
    events = [usage_event(id=str(day), time=f"{LAST}-{day:02}T10:00:00Z", usage=MILLION) for day in range(3, 8)]
    await container.ingest.ingest(events, NOW)
    return container


async def close(container: Container, by: str) -> Any:
    async with container.audit_log.change(KIM, Act.CLOSE_PERIOD, f"period:{LAST}"):
        return await container.closer.close(LAST, ClosingRequest(by, NOW))


async def files(container: Container) -> dict[str, str]:
    paths = await container.closed_reports.paths("")
    return {path: await sha256_of(container.closed_reports.read(path)) for path in paths}


async def named(container: Container, period: BillingPeriod) -> dict[str, str]:
    return {file.path: file.sha256 for file in await files_of(period, container.closed_reports)}


async def test_if_two_close_at_once_one_closes_and_the_other_is_told(month: Container) -> None:
    outcomes = await asyncio.gather(*(close(month, by) for by in ("ann", "bob")), return_exceptions=True)

    closed, _ = await month.periods.get(LAST)
    assert [change.what for change in closed.history].count("closed") == 1
    assert {type(each) for each in outcomes} <= {type(closed), Superseded}
    assert await files(month) == await named(month, closed)
    assert await month.reports.paths("") == []


@pytest.mark.parametrize(("where", "at"), [("reports", 1), ("closed", 0), ("closed", 2)])
async def test_a_closing_that_ended_half_way_is_completed_with_the_same_bytes(
    month: Container, where: str, at: int
) -> None:
    closer = month.closer
    broken = replace(closer, **{where: Broken(getattr(closer, where), at)})
    with pytest.raises(Ended):
        async with month.audit_log.change(KIM, Act.CLOSE_PERIOD, f"period:{LAST}"):
            await broken.close(LAST, ClosingRequest("ann", NOW))

    before = await files(month)
    async with month.audit_log.acting(KIM, Act.TIMER, "timer:close_periods"):
        (completed,) = await closer.close_due(NOW) if where == "closed" else [await close(month, "bob")]

    after = await files(month)
    assert before.items() < after.items()
    assert f"{LAST}/manifest.json" not in before
    assert after == await named(month, completed)
    assert await month.drafts.publish(LAST, NOW) == await month.closer.verified(LAST)
    assert await month.reports.paths("") == []
