"""Views of the months say what the published files say, and are made again whenever the books change."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from chargeback.adapters.memory.settled import MemorySettledFiles
from chargeback.domain.costs.cost_query import CostQuery, Granularity
from chargeback.domain.costs.dimension import Dimension
from chargeback.domain.periods.lifecycle import PeriodState
from chargeback.domain.reports.settled import view_folder
from chargeback.domain.time.days import BookDate
from chargeback.services.costs.grains import VIEW_FILE_NAMES
from chargeback.services.costs.keep_views import ViewKeeper
from chargeback.services.costs.view_pointers import ViewPointers
from chargeback.services.periods.periods import Periods
from tests.support.builders import tokens, usage_event
from tests.support.closing_march import AFTER_GRACE, march
from tests.support.closing_product import ClosingProduct, Killed, published_for_real
from tests.support.cost_views import EVERYTHING, YEAR, ViewedProduct, answered, printed_rows, sums_of

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("folders_in_memory")]

BY = (Dimension.COST_CENTRE, Dimension.METER, Dimension.KIND, Dimension.STATE)
MARCH = "2026-03"
LATE_MARCH = datetime(2026, 3, 31, 12, tzinfo=UTC)


def daily(last: str = "2026-12-31") -> CostQuery:
    return CostQuery(YEAR.first, BookDate(last), group_by=BY, granularity=Granularity.DAY)


async def open_march(**stores: Any) -> ViewedProduct:
    product = await march(published_for_real(ClosingProduct(**stores)))
    await product.poster.post(LATE_MARCH)
    return ViewedProduct(product)


async def drafted(viewed: ViewedProduct, now: datetime = LATE_MARCH) -> dict[Any, Any]:
    """What the drafts say that would be published now."""
    await viewed.product.publish_drafts(now)
    return sums_of(printed_rows(viewed.product.reports.files, MARCH), daily(), EVERYTHING)


async def test_closed_months_say_what_their_files_say(viewed: ViewedProduct) -> None:
    rows = [row for month in ("2026-02", MARCH) for row in printed_rows(viewed.product.closed.files, month)]

    answer = await viewed.ask(daily("2026-03-31"))

    assert answered(answer) == sums_of(rows, daily("2026-03-31"), EVERYTHING)
    assert (answer.standing.final, answer.standing.state) == (True, PeriodState.CLOSED)


async def test_an_open_month_says_what_its_draft_would_say() -> None:
    viewed = await open_march()

    await viewed.refresh(LATE_MARCH)

    answer = await viewed.ask(daily())
    assert answered(answer) == await drafted(viewed)
    assert not answer.standing.final
    assert answer.standing.as_of == LATE_MARCH


async def test_books_that_did_not_change_are_not_read_again() -> None:
    viewed = await open_march()
    assert await viewed.refresh(LATE_MARCH) == [MARCH]
    before = (await viewed.ask()).standing

    made = await viewed.refresh(LATE_MARCH + timedelta(minutes=15))

    after = (await viewed.ask()).standing
    assert made == []
    assert after.version == before.version
    assert after.as_of == LATE_MARCH + timedelta(minutes=15)


async def test_a_call_that_is_posted_is_in_the_figures_of_the_next_run() -> None:
    viewed = await open_march()
    await viewed.refresh(LATE_MARCH)
    before = (await viewed.ask()).standing.version
    call = usage_event(id="one-more", time="2026-03-31T11:00:00Z", usage=tokens(5_000_000, 0))
    await viewed.product.ingest([call], LATE_MARCH)
    await viewed.product.poster.post(LATE_MARCH)

    await viewed.refresh(LATE_MARCH)

    answer = await viewed.ask(daily())
    assert answered(answer) == await drafted(viewed)
    assert answer.standing.version != before


async def test_a_month_that_closes_becomes_final_without_another_figure() -> None:
    viewed = await open_march()
    await viewed.refresh(LATE_MARCH)
    await viewed.product.close(MARCH, AFTER_GRACE)

    await viewed.refresh(AFTER_GRACE)

    answer = await viewed.ask(CostQuery(YEAR.first, BookDate("2026-03-31")))
    assert answer.standing.final
    assert answer.standing.as_of == AFTER_GRACE
    (row,) = answer.rows
    assert [row.cost] == [
        sum(each[0] for each in sums_of(printed_rows(viewed.product.closed.files, MARCH), daily(), EVERYTHING).values())
    ]


async def test_what_comes_after_closing_is_a_correction_on_the_first_of_the_next_month() -> None:
    viewed = await open_march()
    await viewed.product.close(MARCH, AFTER_GRACE)
    late = usage_event(id="late", time="2026-03-20T11:00:00Z", usage=tokens(5_000_000, 0))
    await viewed.product.ingest([late], AFTER_GRACE)
    await viewed.product.auditor.audit(AFTER_GRACE)

    await viewed.refresh(AFTER_GRACE)

    answer = await viewed.ask(
        CostQuery(BookDate("2026-04-01"), BookDate("2026-04-30"), group_by=BY, granularity=Granularity.DAY)
    )
    assert {(row.date, row.dimensions[Dimension.KIND]) for row in answer.rows} == {("2026-04-01", "correction")}
    assert (await viewed.ask(CostQuery(YEAR.first, BookDate("2026-03-31")))).standing.final


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:-1] + bytes([content[-1] ^ 1]),
        lambda content: b"",
        None,
    ],
    ids=["one other byte", "empty", "gone"],
)
async def test_a_damaged_file_is_never_believed_and_made_again(damage: Callable[[bytes], bytes] | None) -> None:
    viewed = await open_march()
    await viewed.refresh(LATE_MARCH)
    expected = answered(await viewed.ask(daily()))
    files = viewed.product.settled_files.files
    for path, (content, _) in list(files.items()):
        if damage is None:
            del files[path]
        else:
            files[path] = damage(content), "another token"
    viewed.reader = viewed.another_reader()

    meanwhile = await viewed.ask(daily())
    await viewed.refresh(LATE_MARCH)

    assert (list(meanwhile.rows), meanwhile.missing, meanwhile.is_complete) == ([], [MARCH], False)
    assert answered(await viewed.ask(daily())) == expected


async def test_a_month_that_waits_for_its_figures_is_missing() -> None:
    viewed = await open_march()
    viewed.reader = viewed.another_reader()
    before = await viewed.ask()

    await viewed.keeper._announce(["2026-03"])
    viewed.reader = viewed.another_reader()
    waiting = await viewed.ask()

    assert len(before.missing) == 12  # nobody knows of any month
    assert waiting.missing == [MARCH]
    assert waiting.rows == []


@dataclass
class DyingFiles:
    """Files of which only so many are written before the process ends."""

    files: MemorySettledFiles
    left: int

    def __getattr__(self, name: str) -> Any:
        return getattr(self.files, name)

    async def put(self, path: str, file: Path, after: str | None) -> str:
        if not self.left:
            raise Killed
        self.left -= 1
        return await self.files.put(path, file, after)


@dataclass
class DyingControl:
    """Control documents of which none is written before the process ends."""

    control: Any

    def __getattr__(self, name: str) -> Any:
        return getattr(self.control, name)

    async def swap(self, *_: object) -> str:
        raise Killed


@pytest.mark.parametrize("written", [0, len(VIEW_FILE_NAMES) - 1, len(VIEW_FILE_NAMES)])
async def test_a_kill_at_any_write_leaves_the_older_figures_and_the_next_run_makes_the_new_ones(written: int) -> None:
    viewed = await open_march()
    await viewed.refresh(LATE_MARCH)
    older = answered(await viewed.ask(daily()))
    call = usage_event(id="one-more", time="2026-03-31T11:00:00Z", usage=tokens(5_000_000, 0))
    await viewed.product.ingest([call], LATE_MARCH)
    await viewed.product.poster.post(LATE_MARCH)
    whole, keeper = viewed.product.settled_files, viewed.keeper
    periods = Periods(DyingControl(viewed.product.control), viewed.product.ledger)

    with pytest.raises(Killed):
        await ViewKeeper(replace(keeper.versions, periods=periods), DyingFiles(whole, written)).refresh(LATE_MARCH)
    viewed.reader = viewed.another_reader()

    assert answered(await viewed.ask(daily())) == older
    await viewed.refresh(LATE_MARCH)
    assert answered(await viewed.ask(daily())) == await drafted(viewed)


async def test_a_run_that_read_older_books_replaces_nothing_of_a_newer_one() -> None:
    viewed = await open_march()
    await viewed.refresh(LATE_MARCH)
    slow, keeper = viewed.product.settled_files, viewed.keeper
    call = usage_event(id="one-more", time="2026-03-31T11:00:00Z", usage=tokens(5_000_000, 0))
    await viewed.product.ingest([call], LATE_MARCH)
    await viewed.product.poster.post(LATE_MARCH)
    overtaken = []

    class Overtaken:
        """Files between whose reading and writing another instance does all of its work."""

        def __getattr__(self, name: str) -> Any:
            return getattr(slow, name)

        async def put(self, path: str, file: Path, after: str | None) -> str:
            if not overtaken:
                overtaken.append(path)
                another = usage_event(id="two-more", time="2026-03-31T11:00:00Z", usage=tokens(7_000_000, 0))
                await viewed.product.ingest([another], LATE_MARCH)
                await viewed.product.poster.post(LATE_MARCH)
                await viewed.keeper.refresh(LATE_MARCH)
            return await slow.put(path, file, after)

    await ViewKeeper(keeper.versions, cast(Any, Overtaken())).refresh(LATE_MARCH)

    viewed.reader = viewed.another_reader()
    assert answered(await viewed.ask(daily())) == await drafted(viewed)
    pointer, _ = await ViewPointers(viewed.product.control).get(MARCH)
    tokens_now = await slow.tokens(view_folder(MARCH))
    assert all(tokens_now[file.path] == file.token for file in pointer.files.values())


async def test_books_that_change_while_they_are_read_are_read_again() -> None:
    viewed = await open_march()
    product, posted = viewed.product, []
    build = viewed.keeper.versions.publisher.inputs

    async def inputs_then_post(*given: Any, **named: Any) -> Any:
        found = await build(*given, **named)
        if not posted:
            posted.append(given)
            call = usage_event(id="meanwhile", time="2026-03-31T11:00:00Z", usage=tokens(9_000_000, 0))
            await product.ingest([call], LATE_MARCH)
            await product.poster.post(LATE_MARCH)
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            type(viewed.keeper.versions.publisher),
            "inputs",
            lambda _, *given, **named: inputs_then_post(*given, **named),
        )
        await viewed.refresh(LATE_MARCH)

    assert answered(await viewed.ask(daily())) == await drafted(viewed)


async def test_one_month_that_cannot_be_made_keeps_no_other_from_its_figures() -> None:
    viewed = await open_march()
    await viewed.product.close(MARCH, AFTER_GRACE)
    path = next(path for path in viewed.product.closed.files if path.endswith(f"charges-{MARCH}.parquet"))
    viewed.product.closed.files[path] = b"no parquet"

    with pytest.raises(Exception, match=MARCH):
        await viewed.keeper.refresh(AFTER_GRACE)

    viewed.reader = viewed.another_reader()
    answer = await viewed.ask()
    assert answer.missing == [MARCH]
    assert [each.month for each in await viewed.reader.months()] == ["2026-04"]
