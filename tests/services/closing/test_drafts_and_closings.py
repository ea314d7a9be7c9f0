"""Drafts and closings do not mix: whatever overlaps or dies, a closed month's drafts are gone and the hub is final."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from chargeback.adapters.memory.reports import MemoryReports
from chargeback.domain.errors import SomeFailed
from chargeback.domain.reports.manifest import Manifest
from chargeback.services.closing.publish_drafts import Drafts
from tests.support.builders import tokens, usage_event
from tests.support.closing_march import AFTER_GRACE, APRIL, march
from tests.support.closing_product import ClosingProduct, Killed

pytestmark = pytest.mark.anyio

HUB = "Costs/2026/03/chargeback"


class Paused(MemoryReports):
    """Reports of which one file waits for something else to happen, or dies, before or after it appears."""

    def __init__(self) -> None:
        super().__init__()
        self.at: tuple[str, str] | None = None
        self.meanwhile: Any = None

    @asynccontextmanager
    async def create(self, path: str, content_type: str, *, only_if_absent: bool = False) -> AsyncIterator[Any]:
        async with super().create(path, content_type, only_if_absent=only_if_absent) as file:
            yield file
            await self._pause(path, "appears")
        await self._pause(path, "is there")

    async def _pause(self, path: str, when: str) -> None:
        if self.at == (path, when):
            self.at = None
            await self.meanwhile()


def house_with_hub() -> ClosingProduct:
    in_memory = ClosingProduct()
    in_memory.reports = Paused()
    bill = replace(in_memory.bill, for_hub="finops-hub/Costs/{}/chargeback/manifest.json")
    in_memory.closer = replace(in_memory.closer, reports=in_memory.reports, publish=bill, hub=Paused())
    return in_memory


def in_hub(in_memory: ClosingProduct) -> bool:
    """Whether what the hub has is final."""
    return bool(in_memory.closer.hub.files[f"{HUB}/manifest.json"] == b"1")


def drafts_of_march(in_memory: ClosingProduct) -> list[str]:
    return [path for path in in_memory.reports.files if path.startswith("2026-03/")]


async def late_call_and_close(in_memory: ClosingProduct) -> None:
    event = usage_event(id="late", time="2026-03-31T22:00:00Z", usage=tokens(5_000_000, 0))
    await in_memory.ingest([event], APRIL)
    await in_memory.close("2026-03", AFTER_GRACE)


PLACES = [
    ("reports", "2026-03/bill-2026-03.json", "appears"),
    ("reports", "2026-03/bill-2026-03.json", "is there"),
    ("reports", "2026-03/manifest.json", "appears"),
    ("reports", "2026-03/manifest.json", "is there"),
    ("hub", f"{HUB}/manifest.json", "appears"),
    ("hub", f"{HUB}/manifest.json", "is there"),
]


@pytest.mark.parametrize(("store", "path", "when"), PLACES)
async def test_a_draft_that_is_overtaken_by_the_closing_leaves_nothing(store: str, path: str, when: str) -> None:
    in_memory = await march(house_with_hub())
    paused: Paused = in_memory.reports if store == "reports" else in_memory.closer.hub
    paused.at, paused.meanwhile = (path, when), lambda: late_call_and_close(in_memory)

    manifest = await Drafts(in_memory.closing_books, in_memory.closer).publish("2026-03", APRIL)

    assert manifest.billing_period == "2026-03"
    assert drafts_of_march(in_memory) == []
    assert in_hub(in_memory)


@pytest.mark.parametrize(("store", "path", "when"), PLACES)
async def test_a_draft_that_is_overtaken_and_then_dies_leaves_nothing_after_the_next_timer(
    store: str, path: str, when: str
) -> None:
    in_memory = await march(house_with_hub())
    paused: Paused = in_memory.reports if store == "reports" else in_memory.closer.hub

    async def overtake_and_die() -> None:
        await late_call_and_close(in_memory)
        # What was about to appear still does: the request was on its way.
        paused.files[path] = b"0"
        raise Killed

    paused.at, paused.meanwhile = (path, when), overtake_and_die
    with pytest.raises(Killed):
        await Drafts(in_memory.closing_books, in_memory.closer).publish("2026-03", APRIL)

    await in_memory.closer.close_due(AFTER_GRACE)

    assert drafts_of_march(in_memory) == []
    assert in_hub(in_memory)


async def test_the_hub_gets_nothing_final_from_an_attempt_that_does_not_conclude() -> None:
    in_memory = await march(house_with_hub())
    publish = in_memory.closer.publish

    async def publish_and_die(*arguments: Any, **named: Any) -> Any:
        await publish(*arguments, **named)
        raise Killed

    with suppress(Killed):
        await replace(in_memory.closer, publish=publish_and_die).close_due(AFTER_GRACE)

    assert in_memory.closer.hub.files == {}


async def test_a_closing_that_died_before_the_hub_had_it_is_delivered_by_the_next_timer() -> None:
    in_memory = await march(house_with_hub())
    hub: Paused = in_memory.closer.hub

    async def die() -> None:
        raise Killed

    hub.at, hub.meanwhile = (f"{HUB}/manifest.json", "appears"), die
    with pytest.raises(Killed):
        await in_memory.close("2026-03", AFTER_GRACE)
    assert hub.files == {}

    await in_memory.closer.close_due(AFTER_GRACE)

    assert in_hub(in_memory)


async def test_a_draft_takes_away_what_an_earlier_one_wrote_and_it_does_not_name() -> None:
    in_memory = await march(house_with_hub())
    gone = "2026-03/statements/team-that-pays-nothing-any-more.csv"
    others = ["2026-03/closing-12345678/bill-2026-03.json", "2026-04/bill-2026-04.json", "reconciliation/x.csv"]
    for path in (gone, *others):
        in_memory.reports.files[path] = b"500"

    await Drafts(in_memory.closing_books, in_memory.closer).publish("2026-03", APRIL)

    assert gone not in in_memory.reports.files
    assert {*others, "2026-03/bill-2026-03.json", "2026-03/manifest.json"} <= in_memory.reports.files.keys()


async def test_of_two_drafts_at_once_the_later_one_stands_whole() -> None:
    in_memory = await march(house_with_hub())
    more = usage_event(id="more", time="2026-03-31T22:00:00Z", usage=tokens(5_000_000, 0))
    later: list[Manifest] = []

    async def another_draft() -> None:
        await in_memory.ingest([more], APRIL)
        await in_memory.poster.post(APRIL)
        later.append(await Drafts(in_memory.closing_books, in_memory.closer).publish("2026-03", APRIL))

    in_memory.reports.at, in_memory.reports.meanwhile = ("2026-03/bill-2026-03.json", "appears"), another_draft

    manifest = await Drafts(in_memory.closing_books, in_memory.closer).publish("2026-03", APRIL)

    assert manifest.to_json() == in_memory.reports.files["2026-03/manifest.json"] == later[0].to_json()
    assert sum(quantity for quantity, _ in in_memory.read("2026-03").values()) == 7_000_000


async def test_a_run_that_died_is_forgotten_after_two_days() -> None:
    in_memory = await march(house_with_hub())
    attempts = in_memory.closer.draft_attempts
    await attempts.begin("2026-03", APRIL)
    await in_memory.close("2026-03", AFTER_GRACE)

    await in_memory.closer.close_due(APRIL + timedelta(days=2))
    kept = await attempts.unfinished()
    await in_memory.closer.close_due(APRIL + timedelta(days=2, seconds=1))

    assert list(kept) == ["2026-03"]
    assert await attempts.unfinished() == {}


async def test_files_that_cannot_be_filed_keep_no_other_month_from_closing() -> None:
    in_memory = await march()
    file_at = in_memory.closed.paths

    def die(prefix: str) -> Any:
        raise Killed

    in_memory.closed.paths = die
    with pytest.raises(Killed):
        await in_memory.close("2026-03", AFTER_GRACE)
    in_memory.closed.paths = file_at
    in_memory.closed.files["2026-03/bill-2026-03.json"] = b"something else"
    may = datetime.fromisoformat("2026-05-05T00:00:00+00:00")

    with pytest.raises(SomeFailed, match="holds other bytes than it was closed with"):
        await in_memory.closer.close_due(may)

    assert [period.month for period in await in_memory.periods.closed()] == ["2026-03", "2026-04"]
