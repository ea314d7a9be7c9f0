"""The settler over the stand-in of the gateway's log, whose rows come late, apart, twice or never, or which is busy."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from chargeback.adapters.azure.log_analytics import LogAnalytics
from chargeback.domain.errors import SomeFailed
from chargeback.domain.usage.meters import Meter
from chargeback.services.usage.settle import Settlement
from stack.gateway.log_analytics import Limits, application
from stack.gateway.log_arrivals import Arrivals
from stack.gateway.log_tables import LLM_TABLE, LogTables
from tests.support.log_queries import asked_of
from tests.support.settler import EARLIER, Books, pending

MINUTE = 60.0
WHOLE = {Meter.INPUT: 10, Meter.OUTPUT: 5, Meter.REQUESTS: 1}
ROW = {
    "CorrelationId": "call-1",
    "SequenceNumber": 0,
    "TimeGenerated": EARLIER.isoformat(),
    "DeploymentName": "gpt-4o",
    "ModelName": "gpt-4o-2024-11-20",
    "Region": "Sweden Central",
    "_ResourceId": "/providers/microsoft.apimanagement/service/gw",
    "PromptTokens": 10,
    "CompletionTokens": 5,
    "TotalTokens": 15,
    "IsStreamCompletion": True,
}


@dataclass
class Clock:
    """Minutes since the call was made; everything looks at it."""

    minutes: float = 0.0

    def __call__(self) -> float:
        return EARLIER.timestamp() + self.minutes * MINUTE


def settled(
    folder: Path, arrivals: Arrivals, minutes: Sequence[float], limits: Limits | None = None, **data: Any
) -> tuple[Books, list[Settlement | SomeFailed]]:
    """What runs so many minutes after one call did, and the books after them."""
    clock, books = Clock(), Books()
    LogTables(folder, arrivals, clock).add(LLM_TABLE, ROW)
    books.ingest(pending(**data))
    done: list[Settlement | SomeFailed] = []

    async def work(log: LogAnalytics) -> None:
        books.log = log  # type: ignore[assignment]
        settler = books.settler_with()
        for clock.minutes in minutes:
            now = datetime.fromtimestamp(clock(), UTC)
            await books.poster.post(now)
            try:
                done.append(await settler.settle(now))
            except SomeFailed as error:
                done.append(error)

    asked_of(application(folder, limits, clock), folder, work)
    return books, done


def counts(done: Sequence[Settlement | SomeFailed]) -> list[int | None]:
    return [each.settled if isinstance(each, Settlement) else None for each in done]


def test_rows_that_come_apart_and_twice_are_one_call_that_is_settled_once_and_whole(tmp_path: Path) -> None:
    """Rows after 1 and 5 minutes, again after 4 and 8; whole once 5 minutes were quiet."""
    arrivals = Arrivals(delay=1 * MINUTE, parts=2, apart=4 * MINUTE, repeated=3 * MINUTE)

    books, done = settled(tmp_path, arrivals, [2, 7, 12, 14, 15])

    assert counts(done) == [0, 0, 0, 1, 0]
    assert books.counted() == {("gpt-4o", "settled"): WHOLE}


def test_a_row_that_comes_again_after_its_call_was_settled_changes_nothing(tmp_path: Path) -> None:
    books, done = settled(tmp_path, Arrivals(delay=MINUTE, repeated=60 * MINUTE), [10, 62, 80])

    assert counts(done) == [1, 0, 0]
    assert books.counted() == {("gpt-4o", "settled"): WHOLE}


def test_a_row_that_comes_after_hours_settles_its_call_and_not_before(tmp_path: Path) -> None:
    books, done = settled(tmp_path, Arrivals(delay=180 * MINUTE), [60, 181, 186])

    assert counts(done) == [0, 0, 1]
    assert books.counted() == {("gpt-4o", "settled"): WHOLE}


def test_a_call_whose_row_never_comes_is_estimated_by_its_own_length(tmp_path: Path) -> None:
    never = Arrivals(lost=frozenset({(LLM_TABLE, 0)}))

    books, done = settled(tmp_path, never, [60, 25 * 60], requestCharacters=40, maxOutputTokens=7)

    assert counts(done) == [0, 0]
    assert books.counted() == {("gpt-4o", "estimated"): {Meter.INPUT: 10, Meter.OUTPUT: 7, Meter.REQUESTS: 1}}


def test_while_the_log_is_too_busy_nothing_is_settled_and_the_run_says_so(tmp_path: Path) -> None:
    busy = Limits(unanswered=(EARLIER.timestamp() + 5 * MINUTE, EARLIER.timestamp() + 20 * MINUTE))

    books, done = settled(tmp_path, Arrivals(), [10, 25], busy)

    assert isinstance(done[0], SomeFailed)
    assert "pending calls of 2026-03-14" in str(done[0])
    assert counts(done) == [None, 1]
    assert books.counted() == {("gpt-4o", "settled"): WHOLE}


@pytest.mark.parametrize("parts", [1, 2, 5])
def test_however_many_parts_a_row_has_they_sum_up_to_it(parts: int) -> None:
    rows = [row for _, row in Arrivals(parts=parts).of(LLM_TABLE, ROW, 0.0)]

    assert [row["SequenceNumber"] for row in rows] == list(range(parts))
    for name in ("PromptTokens", "CompletionTokens", "TotalTokens"):
        assert sum(row[name] for row in rows) == ROW[name]


def test_a_row_of_a_call_itself_is_never_in_parts() -> None:
    row = {"CorrelationId": "call-1"}

    assert list(Arrivals(delay=1, parts=3, repeated=2).of("ApiManagementGatewayLogs", row, 0.0)) == [(1, row), (3, row)]
