"""What is said to keep a month open is what a closing refuses it for; and to look changes nothing."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from chargeback.domain.errors import ClosingRefused
from chargeback.domain.periods.obstacles import ObstacleKind
from chargeback.domain.terms.approvals import ApprovalSetting
from chargeback.domain.terms.terms import ClosingRules, Terms
from chargeback.services.closing.find_obstacles import ClosingOutlook, Obstacle
from chargeback.services.reconciling.reconciled_documents import Compared, Comparisons
from chargeback.services.running.set_aside import SetAside, Stage
from tests.support.builders import tokens, usage_event
from tests.support.closing_march import AFTER_GRACE, APRIL, march
from tests.support.closing_product import ClosingProduct

pytestmark = pytest.mark.anyio

PENDING = usage_event(id="s", type="pending", stream=True, time="2026-03-20T11:00:00Z")
UNPRICED = usage_event(id="u", time="2026-03-20T10:00:00Z", usage=tokens(5, 7))
NEEDS_APPROVAL = (ApprovalSetting("2026-01", True),)


async def outlook(in_memory: ClosingProduct, closer: str | None = "ann", now: Any = AFTER_GRACE) -> list[Obstacle]:
    return await ClosingOutlook(in_memory.closing_books, in_memory.reports).of("2026-03", now, closer)


async def refused(in_memory: ClosingProduct) -> list[str]:
    with pytest.raises(ClosingRefused) as found:
        await in_memory.close("2026-03", AFTER_GRACE)
    return found.value.reasons


def said(found: list[Obstacle]) -> list[str]:
    return [f"{each.fact}; {each.remedy}" if each.remedy else each.fact for each in found]


async def troubled(terms: Terms | None = None) -> ClosingProduct:
    """A March with usage of every kind that keeps it open, all audited."""
    in_memory = await march(ClosingProduct(terms=terms or Terms()))
    await in_memory.ingest([UNPRICED, PENDING], APRIL - timedelta(minutes=1))
    await in_memory.poster.post(APRIL)
    await in_memory.auditor.audit(AFTER_GRACE)
    await SetAside(in_memory.control).note(Stage.PUBLISH, "2026-03", {"a file": "no room"})
    await Comparisons(in_memory.control).keep(Compared("2026-03", "run-1", False, "9", "8", "8", "USD"))
    return in_memory


@pytest.mark.parametrize(
    ("terms", "kinds"),
    [
        (Terms(), {"setAside", "unsettled", "unpriced", "invoice"}),
        (Terms(approvals=NEEDS_APPROVAL), {"approval", "setAside", "unsettled", "unpriced", "invoice"}),
        (Terms(closing=ClosingRules(unpriced_percent=Decimal(100), unsettled_percent=Decimal(100))),
         {"setAside", "invoice"}),
    ],
)  # fmt: skip
async def test_what_is_told_is_what_a_closing_refuses_it_for(terms: Terms, kinds: set[str]) -> None:
    in_memory = await troubled(terms)

    found = await outlook(in_memory)

    assert {each.kind.value for each in found} == kinds
    assert sorted(said(found)) == sorted(await refused(in_memory))


async def test_a_month_that_nothing_keeps_open_closes() -> None:
    in_memory = await march()
    await in_memory.auditor.audit(AFTER_GRACE)

    assert await outlook(in_memory) == []
    await in_memory.close("2026-03", AFTER_GRACE)
    assert await outlook(in_memory) == []


async def test_days_that_a_closing_audits_itself_are_told_and_keep_nobody_from_closing() -> None:
    in_memory = await march()

    [found] = await outlook(in_memory)

    assert (found.kind, found.is_firm) == (ObstacleKind.UNAUDITED, False)
    assert "2026-03-05, 2026-03-20, 2026-03-31" in found.fact
    await in_memory.close("2026-03", AFTER_GRACE)


async def test_a_month_under_way_ends_first() -> None:
    in_memory = await march()

    [found] = await outlook(in_memory, now=APRIL - timedelta(minutes=1))

    assert (found.kind, found.is_firm) == (ObstacleKind.NOT_OVER, True)


async def test_to_look_changes_no_record_and_posts_nothing() -> None:
    in_memory = await march()
    await in_memory.ledger.append("2026-03-05", [usage_event(id="late", time="2026-03-05T10:00:00Z")])
    await in_memory.ledger.mark("2026-03-05")
    before = await _records(in_memory)

    await outlook(in_memory)

    assert await _records(in_memory) == before
    assert in_memory.reports.files == {}


async def _records(in_memory: ClosingProduct) -> list[Any]:
    kinds = ("period", "audit", "set-aside", "draft")
    return [await in_memory.ledger.marks(), *[await in_memory.control.all(kind) for kind in kinds]]


async def test_what_comes_later_is_told_although_the_day_was_looked_at_before() -> None:
    in_memory = await march()
    await in_memory.auditor.audit(AFTER_GRACE)
    looking = ClosingOutlook(in_memory.closing_books, in_memory.reports)
    before = await looking.of("2026-03", AFTER_GRACE, "ann")

    await in_memory.ledger.append("2026-03-20", [UNPRICED])
    await in_memory.auditor.audit_day("2026-03-20", AFTER_GRACE)
    after = await looking.of("2026-03", AFTER_GRACE, "ann")

    assert before == []
    assert [each.kind for each in after] == [ObstacleKind.UNPRICED]
    assert "1 of 7 requests" in after[0].fact


async def test_a_month_that_is_looked_at_again_is_not_read_again() -> None:
    in_memory = await troubled()
    read = WatchedBooks(in_memory.books)
    looking = ClosingOutlook(replace(in_memory.closing_books, books=read), in_memory.reports)

    before = await looking.of("2026-03", AFTER_GRACE, "ann")
    first, read.days = read.days, []
    after = await looking.of("2026-03", AFTER_GRACE, "ann")

    assert "2026-03-20" in first
    assert (after, read.days) == (before, [])


async def test_days_that_have_not_begun_are_not_asked_for() -> None:
    in_memory = await march()
    asked = WatchedBooks(in_memory.books)
    looking = ClosingOutlook(replace(in_memory.closing_books, books=asked), in_memory.reports)

    await looking.of("2026-03", datetime(2026, 3, 6, 12, tzinfo=UTC))

    assert asked.fences == [f"2026-03-{day:02}" for day in range(1, 8)]


class WatchedBooks:
    """Books that say which days' records and fences were asked for."""

    def __init__(self, books: Any) -> None:
        self._books = books
        self.days: list[str] = []
        self.fences: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._books, name)

    def records(self, day: str) -> Any:
        self.days.append(day)
        return self._books.records(day)

    async def postings_of(self, days: Any) -> Any:
        self.fences += days
        return await self._books.postings_of(days)
