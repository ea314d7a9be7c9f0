"""What a posting works out of a day's documents says what the records do, whatever happens meanwhile."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chargeback.adapters.memory.stores import MemoryBooks
from chargeback.domain.errors import ChargebackError, SomeFailed, StoreUnavailable
from chargeback.domain.rating.usage_record import UsageRecord
from chargeback.domain.time.calendar import BooksSetting, Calendar
from chargeback.domain.time.days import UtcDay
from chargeback.domain.time.months import Month
from chargeback.domain.usage.meters import Meter
from chargeback.services.ports.books import BUDGETS, HOURS, Posting, View
from chargeback.services.ports.control import Document
from chargeback.services.running.day_fence import fence_of_day
from chargeback.services.usage import post_shards
from chargeback.services.usage.day_documents import no_sums
from chargeback.services.usage.watched_spend import DaySpend, read_spend
from tests.support.budgets import limited
from tests.support.builders import DAY, NOW, tokens, usage_event
from tests.support.catalogues import START, catalogue, dated
from tests.support.examples import few
from tests.support.product_in_memory import ProductInMemory, in_memory

pytestmark = pytest.mark.anyio

SCOPES = ("subscription:search", "cost-centre:unallocated", "all")


class Died(Exception):
    """The process ended."""


class TroubledBooks(MemoryBooks):
    """Books that give way to others at each call, and whose calls die or lose their answers as they are told."""

    def __init__(self) -> None:
        super().__init__()
        self.trouble: list[str] = []
        """What happens at each of the next writes: nothing, `die`, `lose` its answer, or `refuse` it."""
        self.reads = 0

    async def _suffer(self, *kinds: str) -> bool:
        """Whether the answer gets lost."""
        await asyncio.sleep(0)
        kind = self.trouble.pop(0) if self.trouble else ""
        if kind == "die":
            raise Died
        if kind == "refuse":
            raise StoreUnavailable("503")
        return kind == "lose"

    async def write(self, day: UtcDay, shard: int, *given: Any) -> Posting:
        is_lost = await self._suffer()
        written = await super().write(day, shard, *given)
        if is_lost:
            raise StoreUnavailable("no answer")
        return written

    async def put_summary(self, day: UtcDay, summary: Document, after: str | None, view: View = "summary") -> None:
        is_lost = await self._suffer()
        await super().put_summary(day, summary, after, view)
        if is_lost:
            raise StoreUnavailable("no answer")

    async def records(self, day: UtcDay) -> Any:
        self.reads += 1
        async for page in super().records(day):
            yield page

    async def records_of(self, day: UtcDay, line_ids: Sequence[str]) -> Sequence[UsageRecord]:
        if await self._suffer():
            raise StoreUnavailable("no answer")
        return await super().records_of(day, line_ids)


Spends = tuple[Mapping[str, Decimal], Mapping[str, int]]


def spends(of: DaySpend | None) -> Spends:
    """What a document says was spent, and which charges have no known cost."""
    assert of is None or of.unknown is not None
    return (of.costs, of.unknown or {}) if of else ({}, {})


def product() -> ProductInMemory:
    """A product in Auckland (UTC+13), where a million tokens of input cost a dollar and those of output nothing yet."""
    made = in_memory(
        catalogue(
            dated(Meter.INPUT, (START, "1")),
            account="oai-swedencentral",
            calendar=Calendar((BooksSetting(Month("2020-01"), "Pacific/Auckland", "USD"),)),
        )
    )
    made.books = TroubledBooks()
    made.catalogues.settled_by = limited(*SCOPES)
    return made


def used(user: int, hour: int, kind: str = "recorded", output: int = 0, call: str | None = None) -> bytes:
    usage = None if kind == "pending" else tokens(1_000, output)
    number = {} if call is None else {"id": call}
    return usage_event(
        type=kind,
        time=f"{DAY}T{hour:02}:00:00Z",
        usage=usage,
        username=f"user-{user}",
        subscriptionId=("search", "support")[user % 2],
        **number,
    )


async def made_again(of: ProductInMemory) -> tuple[Document, Document, Spends]:
    """What the documents have to say: the sums of the records."""
    sums = no_sums(DAY, of.catalogues.settled_by.watched)
    async for page in MemoryBooks.records(of.books, DAY):
        sums.add(page)
    fence = {"fence": await fence_of_day(of.books, DAY)}
    hours = sums.summary.hours_to_document() | fence
    return sums.summary.to_document() | fence, hours, spends(sums.watched.spend("", None))


async def stored(of: ProductInMemory) -> tuple[Document, Document, Spends] | None:
    """What the documents say; None where they say that they are not of the present records."""
    sums, hours = await of.books.summary(DAY), await of.books.summary(DAY, HOURS)
    if sums is None or sums[0]["fence"] != await fence_of_day(of.books, DAY):
        return None
    spend = await read_spend(of.books, DAY)
    assert hours is not None
    assert spend is not None or not sums[0]["records"]
    return sums[0], hours[0], spends(spend)


async def test_a_posting_reads_no_more_of_a_day_than_what_it_replaces() -> None:
    of = product()
    await of.ingest.ingest([used(user, 9) for user in range(20)], NOW)
    await of.poster.post(NOW)

    await of.ingest.ingest([used(3, 10), used(77, 10)], NOW)
    await of.poster.post(NOW)
    changed = await stored(of)
    await of.counter.touch(DAY)
    await of.poster.post(NOW)

    assert of.books.reads == 0
    assert changed is not None
    assert changed[0]["total"]["quantities"]["requests"] == 22
    assert await stored(of) == await made_again(of)


async def test_lines_that_are_as_many_as_the_records_and_others_are_added_to_them() -> None:
    of = product()
    await of.ingest.ingest([used(user, 9) for user in range(3)], NOW)
    await of.poster.post(NOW)

    await of.ingest.ingest([used(user, 9) for user in range(10, 14)], NOW)
    await of.poster.post(NOW)

    found = await stored(of)
    assert found is not None
    assert found[0]["records"] == 7
    assert found == await made_again(of)


async def test_documents_of_an_older_version_are_made_again() -> None:
    of = product()
    await of.ingest.ingest([used(user, 9) for user in range(5)], NOW)
    await of.poster.post(NOW)
    known = await of.books.summary(DAY)
    assert known is not None
    older = {name: value for name, value in known[0].items() if name != "records"}
    await of.books.put_summary(DAY, older, known[1])

    await of.ingest.ingest([used(1, 10)], NOW)
    await of.poster.post(NOW)

    assert await stored(of) == await made_again(of)


async def without_unknown(of: ProductInMemory) -> None:
    """The documents as version 0.1 wrote them."""
    for view in ("summary", BUDGETS):
        known = await of.books.summary(DAY, view)
        assert known is not None
        for each in (known[0], *known[0].get("costCentres", {}).values()):
            each.pop("unknown", None)
        await of.books.put_summary(DAY, *known, view)


async def test_documents_of_a_version_that_does_not_say_which_costs_are_unknown_are_made_again() -> None:
    of = product()
    await of.ingest.ingest([used(user, 9, output=user) for user in range(5)], NOW)
    await of.poster.post(NOW)
    before = await stored(of)
    await without_unknown(of)

    await of.ingest.ingest([used(1, 10), used(2, 10, "pending")], NOW)
    await of.poster.post(NOW)

    found = await stored(of)
    assert found == await made_again(of)
    assert before is not None
    assert found is not None
    assert (before[2][1][f"{DAY}|all"], found[2][1][f"{DAY}|all"]) == (4, 5)


async def test_the_audit_says_that_documents_were_wrong_and_makes_them_again(caplog: pytest.LogCaptureFixture) -> None:
    of = product()
    await of.ingest.ingest([used(user, 9) for user in range(5)], NOW)
    await of.poster.post(NOW)
    known = await of.books.summary(DAY)
    assert known is not None
    await of.books.put_summary(DAY, known[0] | {"records": 4}, known[1])

    await of.auditor.audit_day(DAY, NOW)

    assert "summary_differed" in caplog.text
    assert await stored(of) == await made_again(of)


_EVENTS = st.lists(
    st.builds(
        used,
        st.integers(0, 7),
        st.sampled_from([0, 10, 11, 12]),
        st.sampled_from(["recorded", "recorded", "rejected", "pending", "settled"]),
        st.sampled_from([0, 0, 5]),
        st.sampled_from([None, None, "a", "b", "c"]),
    ),
    max_size=8,
)
_TROUBLE = st.lists(st.sampled_from(["", "", "", "die", "lose", "refuse"]), max_size=8)
_STEPS = st.lists(
    st.tuples(_EVENTS, st.sampled_from([*["post"] * 4, *["two"] * 3, "touch", "forget", "audit"]), _TROUBLE),
    min_size=1,
    max_size=6,
)


async def _give_way(sleep: Callable[[float], Awaitable[None]], _: float) -> None:
    await sleep(0)


@settings(max_examples=few(15))
@given(_STEPS)
async def test_documents_say_what_their_records_do(steps: list[tuple[list[bytes], str, list[str]]]) -> None:
    """Postings that die between any two writes, two at once, lost answers, and a Redis that forgets the day."""
    of = product()
    books = of.books
    assert isinstance(books, TroubledBooks)

    async def post() -> None:
        await of.poster.post(NOW)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(post_shards, "RECORDS_PER_WRITE", 2)
        patched.setattr(asyncio, "sleep", partial(_give_way, asyncio.sleep))
        for events, what, trouble in steps:
            await of.ingest.ingest(events, NOW)
            if what == "touch":
                await of.counter.touch(DAY)
            if what == "forget":
                await of.counter.forget(DAY)
            books.trouble = list(trouble)
            runs = [post(), post()] if what == "two" else [post()]
            for outcome in await asyncio.gather(*runs, return_exceptions=True):
                assert outcome is None or isinstance(outcome, Died | ChargebackError | SomeFailed)
            found = await stored(of)
            assert found is None or found == await made_again(of)
            if what == "audit":
                books.trouble = []
                await of.auditor.audit_day(DAY, NOW)
                assert await stored(of) == await made_again(of)
        books.trouble = []
        await post()

    if any(events for events, _, _ in steps):
        assert await stored(of) == await made_again(of)
