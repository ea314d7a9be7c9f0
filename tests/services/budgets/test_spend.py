"""The spend of scopes by date is right, posted or counted, whatever is lost, posted or asked for in between."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from chargeback.bootstrap import Container
from chargeback.domain.budgets.budget import Scope, ScopeKind
from chargeback.domain.budgets.state import Spend
from chargeback.domain.errors import RecordsRefused
from chargeback.domain.rating.rating import rate
from chargeback.domain.rating.usage_record import UsageRecord
from chargeback.domain.terms.terms import Terms
from chargeback.domain.time.days import BookDate
from chargeback.domain.usage.lines import Line
from chargeback.domain.usage.meters import Meter
from chargeback.services.budgets.spend import BudgetSpend, SpendByDate
from chargeback.services.ports.books import Posting
from chargeback.services.usage import post, post_shards
from chargeback.settings import Settings
from tests.support.budgets import limited
from tests.support.builders import DAY, NOW, tokens, usage_event
from tests.support.catalogues import START, catalogue, dated
from tests.support.product_in_memory import ProductInMemory, in_memory
from tests.support.spending import Spent, books_of

pytestmark = pytest.mark.anyio

TODAY = date(2026, 3, 20)
EVERYTHING, SEARCH = Scope(ScopeKind.ALL), Scope(ScopeKind.SUBSCRIPTION, "search")
LIMITS = limited("all", "subscription:search")


@pytest.fixture
def day() -> ProductInMemory:
    """A million tokens of input cost a dollar."""
    found = in_memory(catalogue(dated(Meter.INPUT, (START, "1")), account="oai-swedencentral"))
    found.catalogues.settled_by = LIMITS
    return found


def used(**fields: object) -> bytes:
    return usage_event(**{"time": f"{DAY}T09:00:00Z", "usage": tokens(1_000_000, 0)} | fields)


def spend_of(day: ProductInMemory, **given: float) -> BudgetSpend:
    async def post_again(lost: str) -> None:
        await day.poster.post_day(lost, await day.catalogues.in_force(), NOW)

    return BudgetSpend(day.books, day.counter, post_again, **given)


async def seen(spend: BudgetSpend, terms: Terms = LIMITS, first: str = DAY) -> SpendByDate:
    return await spend.by_date(terms.watched, BookDate(first), NOW, "USD")


async def known(spend: BudgetSpend, scope: Scope = EVERYTHING) -> Decimal:
    return (await seen(spend)).by_scope.get(scope, {}).get(TODAY, Spend()).known


async def test_calls_count_before_and_after_they_are_posted(day: ProductInMemory) -> None:
    spend = spend_of(day)
    found = []
    for _ in range(3):
        await day.ingest.ingest([used(), used(subscriptionId="support")], NOW)
        found.append((await known(spend), await known(spend, SEARCH)))
        await day.poster.post(NOW)
        found.append((await known(spend), await known(spend, SEARCH)))

    assert found == [(2, 1), (2, 1), (4, 2), (4, 2), (6, 3), (6, 3)]


@pytest.mark.parametrize("open_seconds", [0.0, 3600.0])
async def test_the_document_of_an_open_day_may_be_old(day: ProductInMemory, open_seconds: float) -> None:
    spend = spend_of(day, open_seconds=open_seconds)
    await day.ingest.ingest([used()], NOW)
    await day.poster.post(NOW)
    before = await known(spend)
    await day.ingest.ingest([used()], NOW)
    await day.poster.post(NOW)

    assert (before, await known(spend)) == (1, 2)


@pytest.mark.parametrize("open_seconds", [0.0, 3600.0])
async def test_nothing_counts_twice_while_a_posting_has_written_records_and_not_yet_their_document(
    day: ProductInMemory, monkeypatch: pytest.MonkeyPatch, open_seconds: float
) -> None:
    await day.ingest.ingest([used()], NOW)
    await day.poster.post(NOW)
    await day.ingest.ingest([used()], NOW)

    async def die(*_given: object, **_named: object) -> None:
        raise KeyboardInterrupt

    in_force = await day.catalogues.in_force()
    with monkeypatch.context() as patched:
        patched.setattr(post, "summarise_or_set_aside", die)
        with pytest.raises(KeyboardInterrupt):
            await day.poster.post_day(DAY, in_force, NOW)

    spend = spend_of(day, open_seconds=open_seconds)
    during = await known(spend)
    await day.ingest.ingest([used()], NOW)
    later = await known(spend)
    await day.poster.post(NOW)

    assert (during, later, await known(spend)) == (2, 3, 3)


async def test_what_the_books_do_not_take_counts_all_the_same(
    day: ProductInMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = day.books.write

    async def write_without_search(
        of: str, shard: int, after: Posting | None, posting: Any, records: Sequence[UsageRecord]
    ) -> Posting:
        refused = {each.record_id: "too large" for each in records if each.line.subscription == "search"}
        written = await write(of, shard, after, posting, [each for each in records if each.record_id not in refused])
        if refused:
            raise RecordsRefused(refused, written.token)
        return written

    spend, found = spend_of(day, open_seconds=0), []
    with monkeypatch.context() as patched:
        patched.setattr(day.books, "write", write_without_search)
        for _ in range(2):
            await day.ingest.ingest([used(), used(subscriptionId="support")], NOW)
            await day.poster.post(NOW)
            found.append((await known(spend), await known(spend, SEARCH)))
    await day.poster.post(NOW)
    found.append((await known(spend), await known(spend, SEARCH)))

    assert found == [(2, 1), (4, 2), (4, 2)]


async def test_what_cannot_be_rated_counts_all_the_same(day: ProductInMemory, monkeypatch: pytest.MonkeyPatch) -> None:
    def rate_only_support(of: str, line: Line, *given: Any) -> UsageRecord:
        if line.subscription == "search":
            raise ValueError(line)
        return rate(of, line, *given)

    monkeypatch.setattr(post_shards, "rate", rate_only_support)
    await day.ingest.ingest([used(), used(subscriptionId="support"), used(id="s", type="pending")], NOW)
    await day.poster.post(NOW)

    spend = spend_of(day)
    assert (await known(spend), await known(spend, SEARCH)) == (2, 1)


async def test_calls_that_are_not_settled_are_told_apart(day: ProductInMemory) -> None:
    await day.ingest.ingest([used(), used(id="s", type="pending", requestCharacters=4_000_000)], NOW)

    assert (await seen(spend_of(day))).by_scope[SEARCH] == {TODAY: Spend(Decimal(1), Decimal(1))}

    await day.ingest.ingest([used(id="s/settled", type="settled", usage=tokens(2_000_000, 0))], NOW)

    assert (await seen(spend_of(day))).by_scope[SEARCH] == {TODAY: Spend(Decimal(3))}


async def test_a_day_that_redis_lost_has_at_least_what_was_posted_until_its_posting_that_is_asked_for(
    day: ProductInMemory,
) -> None:
    spend = spend_of(day)
    await day.ingest.ingest([used(), used()], NOW)
    await day.poster.post(NOW)
    await day.ingest.ingest([used()], NOW)
    await day.counter.forget(DAY)
    await day.ingest.ingest([used()], NOW)

    lost = await known(spend)
    await spend.asked()

    assert (lost, await known(spend)) == (2, 4)


async def test_a_lost_day_without_new_calls_is_posted_again_as_well(day: ProductInMemory) -> None:
    spend = spend_of(day)
    await day.ingest.ingest([used()], NOW)
    await day.poster.post(NOW)
    await day.ingest.ingest([used()], NOW)
    await day.counter.forget(DAY)

    await known(spend)
    await spend.asked()

    assert await known(spend) == 2


async def test_a_posting_that_fails_is_asked_for_again(day: ProductInMemory) -> None:
    asked = []

    async def fail(lost: str) -> None:
        asked.append(lost)
        raise ValueError(lost)

    spend = BudgetSpend(day.books, day.counter, fail, ask_seconds=0)
    await day.ingest.ingest([used()], NOW)
    await day.poster.post(NOW)
    await day.counter.forget(DAY)
    for _ in range(2):
        assert await known(spend) == 1
        await spend.asked()

    assert asked == [DAY, DAY]


async def test_a_posting_that_is_under_way_ends_with_its_container(day: ProductInMemory) -> None:
    ended: list[str] = []

    async def hang(lost: str) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(lost)

    await day.ingest.ingest([used()], NOW)
    await day.poster.post(NOW)
    await day.counter.forget(DAY)
    container = Container(Settings.model_construct())
    vars(container)["budget_spend"] = spend = BudgetSpend(day.books, day.counter, hang)
    await known(spend)
    await asyncio.sleep(0)  # the posting begins

    before = list(ended)
    await container.close()

    assert (before, ended) == ([], [DAY])


async def test_a_posting_that_did_not_help_is_not_asked_for_again_at_once_unless_redis_lost_the_day_again(
    day: ProductInMemory,
) -> None:
    asked = []

    async def post_nothing(lost: str) -> None:
        asked.append(lost)

    spend = BudgetSpend(day.books, day.counter, post_nothing)
    await day.ingest.ingest([used()], NOW)
    await day.poster.post(NOW)
    found = []
    for _ in range(2):
        await day.counter.forget(DAY)
        await day.ingest.ingest([used()], NOW)
        for _ in range(2):
            await known(spend)
            await spend.asked()
            found.append(len(asked))

    assert found == [1, 1, 2, 2]


async def test_corrected_prices_count_once_the_day_is_posted_with_them(day: ProductInMemory) -> None:
    spend = spend_of(day, open_seconds=0)
    await day.ingest.ingest([used(), used()], NOW)
    await day.poster.post(NOW)

    day.catalogues.catalogue = catalogue(dated(Meter.INPUT, (START, "3")), account="oai-swedencentral")
    await day.poster.post(NOW)
    after = await known(spend)
    await day.ingest.ingest([used()], NOW)

    assert (after, await known(spend)) == (6, 9)


async def test_a_new_budget_counts_the_calls_before_it_and_those_since(day: ProductInMemory) -> None:
    spend = spend_of(day)
    await day.ingest.ingest([used()], NOW)
    await day.poster.post(NOW)
    await known(spend)
    day.catalogues.settled_by = limited("all", "user:ann", "model:gpt-4o")

    await day.ingest.ingest([used()], NOW)
    counted = (await seen(spend, day.catalogues.settled_by)).by_scope
    await day.poster.post(NOW)
    posted = (await seen(spend, day.catalogues.settled_by)).by_scope

    of_model = Scope(ScopeKind.MODEL, "gpt-4o")
    assert counted[of_model] == counted[EVERYTHING] == posted[of_model] == {TODAY: Spend(Decimal(2))}


async def test_a_cost_centre_has_what_is_below_it_and_dates_before_the_first_are_left_out() -> None:
    spent = [
        Spent("2026-02-27", {9: "8"}, centre="a/b"),
        Spent("2026-03-01", {9: "1"}, centre="a/b"),
        Spent("2026-03-01", {9: "2"}, centre="a/b/c"),
        Spent("2026-03-02", {9: "4"}, centre="a/bc"),
    ]
    house_ = in_memory(catalogue())
    house_.books = await books_of(spent)

    found = await seen(spend_of(house_), limited("cost-centre:a", "cost-centre:a/b"), "2026-03-01")

    first, second = date(2026, 3, 1), date(2026, 3, 2)
    assert found.by_scope == {
        Scope(ScopeKind.COST_CENTRE, "a"): {first: Spend(Decimal(3)), second: Spend(Decimal(4))},
        Scope(ScopeKind.COST_CENTRE, "a/b"): {first: Spend(Decimal(3))},
    }
    assert found.currencies == {first: {"USD"}, second: {"USD"}}


async def test_days_that_are_not_open_are_read_again_after_a_while(day: ProductInMemory) -> None:
    of_before = {"time": "2026-03-10T09:00:00Z"}
    often, seldom = spend_of(day, closed_seconds=0), spend_of(day)
    found = []
    for _ in range(2):
        await day.ingest.ingest([used(**of_before)], NOW)
        await day.auditor.audit(NOW)
        for each in (often, seldom):
            of_scope = (await seen(each, first="2026-03-10")).by_scope[EVERYTHING]
            found.append(of_scope[date(2026, 3, 10)].known)

    assert found == [1, 1, 2, 1]


async def test_a_day_that_is_no_longer_open_counts_as_it_is_posted(day: ProductInMemory) -> None:
    spend = spend_of(day)
    await day.ingest.ingest([used()], NOW)
    await day.poster.post(NOW)
    later = datetime(2026, 3, 29, 12, tzinfo=UTC)

    found = await spend.by_date(LIMITS.watched, BookDate("2026-03-01"), later, "USD")

    assert found.by_scope[EVERYTHING] == {TODAY: Spend(Decimal(1))}


async def test_questions_at_once_read_each_past_day_once(day: ProductInMemory, monkeypatch: pytest.MonkeyPatch) -> None:
    spend, read, summary = spend_of(day), list[str](), day.books.summary

    async def noted(of: str, *kind: str) -> Any:
        read.append(of)
        await asyncio.sleep(0)
        return await summary(of, *kind)

    monkeypatch.setattr(day.books, "summary", noted)
    found = await asyncio.gather(
        seen(spend, first="2026-03-01"), spend.by_day(LIMITS.watched, BookDate("2026-03-01"), NOW, "USD")
    )
    await seen(spend, first="2026-03-10")

    past = [each for each in read if each < "2026-03-15"]
    assert sorted(past) == sorted(set(past))
    assert len(past) >= 14
    assert found[0] == await seen(spend, first="2026-03-01")


async def test_what_was_read_for_other_scopes_is_not_used(day: ProductInMemory) -> None:
    spend = spend_of(day, open_seconds=3600)
    await day.ingest.ingest([used(), used(time="2026-03-10T09:00:00Z")], NOW)
    await day.auditor.audit(NOW)
    everything = limited("all")

    found = [(await seen(spend, terms, "2026-03-01")).by_scope.keys() for terms in (everything, LIMITS, everything)]

    assert found == [{EVERYTHING}, {EVERYTHING, SEARCH}, {EVERYTHING}]
