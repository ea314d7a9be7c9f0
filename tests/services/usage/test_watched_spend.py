"""The document of a day that says what the scopes of budgets spent, as far as it is in the books."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from chargeback.adapters.memory.stores import MemoryBooks
from chargeback.domain.terms.terms import Terms
from chargeback.domain.time.calendar import BooksSetting, Calendar
from chargeback.domain.time.months import Month
from chargeback.domain.usage.meters import Meter
from chargeback.services.ports.books import BUDGETS
from chargeback.services.ports.counter import CountedSpend
from chargeback.services.usage import post, watched_spend
from chargeback.services.usage.summarise import refresh_summary
from chargeback.services.usage.watched_spend import Watch, known_spend, read_spend, refresh_spend
from tests.support.budgets import limited
from tests.support.builders import DAY, NOW, tokens, usage_event
from tests.support.catalogues import START, catalogue, dated
from tests.support.product_in_memory import ProductInMemory, in_memory
from tests.support.spending import Spent, books_of

pytestmark = pytest.mark.anyio

TOMORROW = "2026-03-21"
MILLION = tokens(1_000_000, 0)
SCOPES = ("subscription:search", "cost-centre:unallocated", "all")


@pytest.fixture
def day() -> ProductInMemory:
    """A product in Auckland (UTC+13), where a million tokens of input cost a dollar."""
    found = in_memory(
        catalogue(
            dated(Meter.INPUT, (START, "1")),
            account="oai-swedencentral",
            calendar=Calendar((BooksSetting(Month("2020-01"), "Pacific/Auckland", "USD"),)),
        )
    )
    found.catalogues.settled_by = limited(*SCOPES)
    return found


def used(hour: int = 9, **fields: object) -> bytes:
    return usage_event(**{"time": f"{DAY}T{hour:02}:00:00Z", "usage": MILLION} | fields)


async def test_a_posting_says_what_each_scope_spent_by_date_and_what_was_counted_for_it(day: ProductInMemory) -> None:
    await day.ingest.ingest([used(), used(11), used(subscriptionId="support"), used(type="pending")], NOW)

    await day.poster.post(NOW)

    found = await read_spend(day.books, DAY)
    assert found is not None
    assert found.costs == {
        f"{DAY}|subscription:search": 1,
        f"{TOMORROW}|subscription:search": 1,
        f"{DAY}|cost-centre:unallocated": 2,
        f"{TOMORROW}|cost-centre:unallocated": 1,
        f"{DAY}|all": 2,
        f"{TOMORROW}|all": 1,
    }
    assert found.counted.picodollars == {field: cost * 10**12 for field, cost in found.costs.items()}
    assert (found.counted.epoch, found.currencies) == (await day.counter.epoch(DAY), ("USD",))


async def test_a_posting_says_on_which_date_each_scope_has_costs_that_are_not_known(day: ProductInMemory) -> None:
    """Output has no price."""
    mixed = tokens(1_000_000, 5)
    await day.ingest.ingest([used(usage=mixed), used(11), used(11, subscriptionId="support", type="pending")], NOW)

    await day.poster.post(NOW)

    found = await read_spend(day.books, DAY)
    assert found is not None
    assert found.costs[f"{DAY}|all"] == 1
    assert found.unknown == {
        f"{DAY}|subscription:search": 1,
        f"{DAY}|cost-centre:unallocated": 1,
        f"{DAY}|all": 1,
        f"{TOMORROW}|cost-centre:unallocated": 1,
        f"{TOMORROW}|all": 1,
    }


async def test_costs_are_known_again_once_their_calls_are_settled(day: ProductInMemory) -> None:
    await day.ingest.ingest([used(), used(id="s", type="pending")], NOW)
    await day.poster.post(NOW)
    before = await read_spend(day.books, DAY)

    await day.ingest.ingest([used(id="s/settled", type="settled")], NOW)
    await day.poster.post(NOW)

    after = await read_spend(day.books, DAY)
    assert before is not None
    assert after is not None
    assert (before.unknown, after.unknown) == (dict.fromkeys(after.costs, 1), {})


@pytest.mark.parametrize(("completion", "reads"), [(0, 0), (5, 1)])
async def test_a_document_by_version_0_1_is_made_again_where_the_day_has_costs_that_are_not_known(
    day: ProductInMemory, monkeypatch: pytest.MonkeyPatch, completion: int, reads: int
) -> None:
    await day.ingest.ingest([used(usage=tokens(1_000_000, completion))], NOW)
    await day.poster.post(NOW)
    expected = await read_spend(day.books, DAY)
    known = await day.books.summary(DAY, BUDGETS)
    assert known is not None
    older = {name: value for name, value in known[0].items() if name != "unknown"}
    await day.books.put_summary(DAY, older, known[1], BUDGETS)
    before, read, records = await read_spend(day.books, DAY), list[str](), day.books.records

    def noted(of: str) -> Any:
        read.append(of)
        return records(of)

    monkeypatch.setattr(day.books, "records", noted)
    for _ in range(2):
        await refresh_spend(day.books, DAY, Watch(limited(*SCOPES).watched))

    assert before is not None
    assert before.unknown is None
    assert await read_spend(day.books, DAY) == expected
    assert len(read) == reads


async def test_two_thousand_cost_centres_without_a_price_fit_a_document() -> None:
    dates = (DAY, TOMORROW)
    spent = [
        Spent(DAY, {9: "123.456789"}, centre=centre, user=f"{kind}-{date}", date=date, is_priced=kind == "priced")
        for centre in (f"company/division-{n % 20:02}/team-{n:04}" for n in range(2_000))
        for date in dates
        for kind in ("priced", "unpriced")
    ]
    books = await books_of(spent)

    await refresh_spend(books, DAY, Watch(limited("cost-centre:company").watched))

    known = await books.summary(DAY, BUDGETS)
    assert known is not None
    assert (len(known[0]["costs"]), len(known[0]["unknown"])) == (4_000, 4_000)
    assert len(msgspec.json.encode(known[0])) < 600_000


async def test_without_budgets_a_posting_says_nothing_of_them(day: ProductInMemory) -> None:
    day.catalogues.settled_by = Terms()
    await day.ingest.ingest([used()], NOW)

    await day.poster.post(NOW)
    await day.poster.post(NOW)

    assert await day.books.summary(DAY, BUDGETS) is None
    assert (await day.counter.spend(DAY)).picodollars == {}


async def test_who_knows_no_budgets_leaves_what_was_written_for_them(day: ProductInMemory) -> None:
    await day.ingest.ingest([used()], NOW)
    await day.poster.post(NOW)
    before = await day.books.summary(DAY, BUDGETS)

    await refresh_summary(day.books, DAY)

    assert before is not None
    assert await day.books.summary(DAY, BUDGETS) == before


async def test_a_new_budget_sees_what_was_posted_before_it(day: ProductInMemory) -> None:
    await day.ingest.ingest([used()], NOW)
    await day.poster.post(NOW)

    seen = await refresh_spend(day.books, DAY, Watch(limited("model:gpt-4o").watched))

    assert seen.costs == {f"{DAY}|model:gpt-4o": 1}
    assert await read_spend(day.books, DAY) == seen


async def test_whoever_reads_no_lines_leaves_what_was_counted_as_it_was(day: ProductInMemory) -> None:
    await day.ingest.ingest([used()], NOW)
    await day.poster.post(NOW)
    before = await read_spend(day.books, DAY)

    await day.auditor.audit_day(DAY, datetime(2026, 3, 21, 12, tzinfo=UTC))
    await refresh_spend(day.books, DAY, Watch(limited("all").watched))

    after = await read_spend(day.books, DAY)
    assert before is not None
    assert after is not None
    assert after.counted == before.counted


async def test_a_late_day_is_written_down_by_its_audit(day: ProductInMemory) -> None:
    later = datetime(2026, 3, 28, 12, tzinfo=UTC)
    await day.ingest.ingest([used()], later)

    await day.auditor.audit(later)

    found = await read_spend(day.books, DAY)
    assert found is not None
    assert found.costs[f"{DAY}|all"] == 1


@pytest.mark.parametrize("more", [0, 1])
async def test_a_run_that_dies_before_the_document_leaves_it_to_the_next_one(
    day: ProductInMemory, monkeypatch: pytest.MonkeyPatch, more: int
) -> None:
    await day.ingest.ingest([used()], NOW)
    await day.poster.post(NOW)
    await day.ingest.ingest([used()], NOW)

    async def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(post, "summarise_or_set_aside", die)
        with pytest.raises(KeyboardInterrupt):
            await day.poster.post_day(DAY, await day.catalogues.in_force(), NOW)
    await day.ingest.ingest([used() for _ in range(more)], NOW)
    await day.poster.post(NOW)

    found = await read_spend(day.books, DAY)
    assert found is not None
    assert found.costs[f"{DAY}|all"] == 2 + more
    assert found.counted.picodollars[f"{DAY}|all"] == (2 + more) * 10**12


async def test_nothing_is_written_where_nothing_changed(day: ProductInMemory) -> None:
    await day.ingest.ingest([used()], NOW)
    await day.poster.post(NOW)
    first = await day.books.summary(DAY, BUDGETS)

    await day.poster.post(NOW)

    assert await day.books.summary(DAY, BUDGETS) == first


async def test_a_document_that_is_too_large_is_made_again_by_each_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    books = await books_of([Spent(DAY, {9: "1.5"}, centre="a"), Spent(DAY, {9: "2"}, centre="b")])
    monkeypatch.setattr(watched_spend, "MAX_BYTES", 100)

    found = await refresh_spend(books, DAY, Watch(limited("all").watched))

    assert found.costs == {f"{DAY}|all": Decimal("3.5")}
    assert await books.summary(DAY, BUDGETS) is None


async def test_a_day_that_was_never_posted_has_no_document() -> None:
    books = MemoryBooks()

    assert (await refresh_spend(books, DAY, Watch(limited("all").watched))).costs == {}
    assert await books.summary(DAY, BUDGETS) is None


def test_estimates_and_fields_of_older_versions_are_never_compared_with_the_books() -> None:
    counted = {f"{DAY}|all": 3, f"~{DAY}|all": 4, "subscription:search": 5, f"{DAY}|user:ann": 0}

    assert known_spend(CountedSpend("epoch", counted)) == CountedSpend("epoch", {f"{DAY}|all": 3})
