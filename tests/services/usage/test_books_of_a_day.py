"""Ingest, posting and the audit on stores in memory."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from chargeback.adapters.config.catalogue import load_catalogue
from chargeback.adapters.config.folders import path_of
from chargeback.adapters.memory.stores import MemoryDeadLetters
from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.errors import InvalidConfig, StoreUnavailable
from chargeback.domain.rating.effective_catalogues import EffectiveCatalogues
from chargeback.domain.terms.terms import ClosingRules, Terms
from chargeback.domain.time.calendar import BooksSetting, Calendar
from chargeback.domain.usage.lines import line_id
from chargeback.services.configuring.apply_config import apply_config
from chargeback.services.ports.ledger import Rejected
from chargeback.services.usage.replay import replay_dead_letters, replay_quarantine
from tests.e2e.traffic import catalogue_folder
from tests.support.budgets import limited
from tests.support.builders import DAY, NOW, tokens, usage_event
from tests.support.product_in_memory import ProductInMemory, in_memory

LAST_WEEK = "2026-03-12"


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    return load_catalogue(catalogue_folder(tmp_path_factory.mktemp("config"), DAY))


@pytest.fixture
def day(catalogue: Catalogue) -> ProductInMemory:
    return in_memory(catalogue)


def test_usage_without_a_price_is_kept_and_shown_as_unpriced(day: ProductInMemory) -> None:
    event = usage_event(model="unheard-of", deployment="unheard-of", usage=tokens(100, 50))

    asyncio.run(day.ingest.ingest([event], NOW))
    (posted,) = asyncio.run(day.poster.post(NOW))

    assert posted.unpriced == 1
    assert day.charges(DAY) == {
        ("unpriced", "input_tokens"): 100,
        ("unpriced", "output_tokens"): 50,
        ("exact", "requests"): 1,
    }


def test_a_write_that_failed_once_is_counted_once_after_the_retry(day: ProductInMemory) -> None:
    async def fail(*_: object) -> Sequence[bool]:
        raise StoreUnavailable("Redis is away")

    event, ingest = usage_event(), day.ingest
    right = day.counter.count
    day.counter.count = fail  # type: ignore[method-assign]
    with pytest.raises(StoreUnavailable):
        asyncio.run(ingest.ingest([event], NOW))
    day.counter.count = right  # type: ignore[method-assign]

    outcome = asyncio.run(ingest.ingest([event], NOW))
    asyncio.run(day.poster.post(NOW))

    assert outcome.accepted == 1
    assert day.charges(DAY)["exact", "requests"] == 1


def test_posting_twice_sets_the_same_books(day: ProductInMemory) -> None:
    asyncio.run(day.ingest.ingest([usage_event() for _ in range(20)], NOW))

    asyncio.run(day.poster.post(NOW))
    first = dict(day.books.days[DAY])
    asyncio.run(day.counter.touch(DAY))
    asyncio.run(day.poster.post(NOW))

    assert day.books.days[DAY] == first


def test_a_settled_stream_leaves_nothing_unsettled(day: ProductInMemory) -> None:
    pending = usage_event(id="stream", type="pending")
    settled = usage_event(id="stream/settled", type="settled", usage=tokens(10, 5))

    asyncio.run(day.ingest.ingest([pending], NOW))
    asyncio.run(day.poster.post(NOW))
    before = day.charges(DAY)
    asyncio.run(day.ingest.ingest([settled], NOW))
    asyncio.run(day.poster.post(NOW))

    assert before == {("unsettled", "requests"): 1}
    assert day.charges(DAY) == {
        ("settled", "input_tokens"): 10,
        ("settled", "output_tokens"): 5,
        ("settled", "requests"): 1,
    }


def test_a_new_catalogue_rates_the_open_days_again(day: ProductInMemory, tmp_path: Path) -> None:
    asyncio.run(day.ingest.ingest([usage_event(usage=tokens(1_000_000, 0), model="gpt-4o")], NOW))
    asyncio.run(day.poster.post(NOW))
    cheaper = tmp_path / "cheaper"
    catalogue_folder(cheaper, DAY)
    card = path_of(cheaper, "rate-card.yaml")
    card.write_text(card.read_text().replace('"2.75"', '"2"').replace('"1.375"', '"1"'))

    day.catalogues.catalogue = load_catalogue(cheaper)
    asyncio.run(day.poster.post(NOW))

    (record,) = day.books.days[DAY].values()
    assert [str(charge.cost) for charge in record.charges if charge.meter == "input_tokens"] == ["2.000000"]


def test_a_late_event_is_in_the_ledger_and_its_day_is_due_for_an_audit(day: ProductInMemory) -> None:
    late = usage_event(time=f"{LAST_WEEK}T10:00:00Z")

    outcome = asyncio.run(day.ingest.ingest([late], NOW))
    due = asyncio.run(day.auditor.due(NOW))
    audited = asyncio.run(day.auditor.audit(NOW))

    assert (outcome.accepted, outcome.late) == (1, 1)
    assert due == [LAST_WEEK]
    assert [(each.day, each.drift_lines) for each in audited] == [(LAST_WEEK, 1)]
    assert day.charges(LAST_WEEK)["exact", "requests"] == 1
    assert asyncio.run(day.auditor.due(NOW)) == []


def test_an_event_that_comes_while_its_day_is_audited_keeps_the_day_due(day: ProductInMemory) -> None:
    late = usage_event(time=f"{LAST_WEEK}T10:00:00Z")
    later = usage_event(time=f"{LAST_WEEK}T11:00:00Z")
    asyncio.run(day.ingest.ingest([late], NOW))
    swap = day.control.swap

    async def swap_while_an_event_comes(kind: str, name: str, document: dict[str, Any], after: str | None) -> str:
        token = await swap(kind, name, document, after)
        await day.ingest.ingest([later], NOW)
        return token

    day.control.swap = swap_while_an_event_comes  # type: ignore[method-assign]
    asyncio.run(day.auditor.audit_day(LAST_WEEK, NOW))

    assert asyncio.run(day.auditor.due(NOW)) == [LAST_WEEK]


def test_final_audits_come_before_open_days_and_old_marked_days_last_by_turns(day: ProductInMemory) -> None:
    """A run that ends early, or that many old days are marked for, keeps no day from its final audit."""
    ended = (NOW - timedelta(days=5)).date().isoformat()
    yesterday = (NOW - timedelta(days=1)).date().isoformat()
    polled = [(NOW - timedelta(days=number)).date().isoformat() for number in (31, 30)]
    for each in (*polled, ended, yesterday):
        asyncio.run(day.ingest.ingest([usage_event(time=f"{each}T10:00:00Z")], NOW))
    for number, each in enumerate(polled):
        asyncio.run(day.auditor.audit_day(each, NOW - timedelta(hours=number)))
        asyncio.run(day.ledger.mark(each))

    assert asyncio.run(day.auditor.due(NOW)) == [ended, yesterday, polled[1], polled[0]]


def test_an_audit_says_what_is_open_of_a_day_of_which_nothing_is_posted_any_more(day: ProductInMemory) -> None:
    asyncio.run(day.ingest.ingest([usage_event(type="pending"), usage_event(deployment="new", model="new")], NOW))
    (posted,) = asyncio.run(day.poster.post(NOW))
    tomorrow = NOW + timedelta(days=1)
    again = asyncio.run(day.poster.post(tomorrow))

    (audited,) = asyncio.run(day.auditor.audit(tomorrow))

    assert again == []
    assert (audited.unsettled, audited.unpriced) == (posted.unsettled, posted.unpriced) == (1, 1)


def test_each_day_is_told_before_the_next_one_is_begun(day: ProductInMemory) -> None:
    """A run that is killed later has told what it did."""
    happened: list[tuple[str, str]] = []
    extent = day.ledger.extent

    async def begin(of: str) -> dict[str, int]:
        happened.append(("begun", of))
        return await extent(of)

    days = ["2026-03-11", LAST_WEEK]
    asyncio.run(day.ingest.ingest([usage_event(time=f"{each}T10:00:00Z") for each in days], NOW))
    day.ledger.extent = begin  # type: ignore[method-assign]
    asyncio.run(day.auditor.audit(NOW, lambda audited: happened.append(("told", audited.day))))

    assert happened == [(what, each) for each in days for what in ("begun", "told")]


def test_the_audit_removes_what_the_ledger_does_not_know_and_says_how_much_it_was(day: ProductInMemory) -> None:
    asyncio.run(day.ingest.ingest([usage_event(id="known", model="gpt-4o")], NOW))
    asyncio.run(day.poster.post(NOW))
    foreign = ProductInMemory(day.catalogues)
    asyncio.run(foreign.ingest.ingest([usage_event(username="nobody", model="gpt-4o")], NOW))
    asyncio.run(foreign.poster.post(NOW))
    day.books.days[DAY] |= foreign.books.days[DAY]

    tomorrow = NOW + timedelta(days=1)
    audited = asyncio.run(day.auditor.audit_day(DAY, tomorrow))
    again = asyncio.run(day.auditor.audit_day(DAY, tomorrow))

    assert audited.drift_lines == 1
    assert audited.drift_cost == "-0.000825"
    assert again.drift_lines == 0
    assert day.charges(DAY)["exact", "requests"] == 1


def test_a_wrong_count_in_redis_is_corrected_by_the_audit_for_good(day: ProductInMemory) -> None:
    event = usage_event(id="counted-too-low")
    asyncio.run(day.ingest.ingest([event], NOW))
    asyncio.run(day.poster.post(NOW))
    ((line, hours),) = day.counter.days[DAY].lines.values()
    hours[9]["input_tokens"] = 1  # type: ignore[index]
    day.counter.days[DAY].dirty[line_id(line)] = 99
    asyncio.run(day.poster.post(NOW))

    audited = asyncio.run(day.auditor.audit_day(DAY, NOW))
    asyncio.run(day.poster.post(NOW))

    assert audited.drift_lines == 1
    assert day.charges(DAY)["exact", "input_tokens"] == 100


@pytest.mark.parametrize("time", ["1970-01-01T00:00:00Z", "2027-03-20T12:00:00Z", "2026-03-20T13:00:01Z"])
def test_events_from_far_away_wait_in_quarantine_with_their_reason(day: ProductInMemory, time: str) -> None:
    outcome = asyncio.run(day.ingest.ingest([usage_event(time=time)], NOW - timedelta(hours=1)))

    assert [rejected.reason for rejected in outcome.quarantined] == ["time-out-of-range"]
    assert day.ledger.events == {}


def test_a_gateway_s_event_whose_sender_nobody_kept_is_replayed_only_by_who_looked_at_it(day: ProductInMemory) -> None:
    """One key spoke for everybody before senders were kept, so anybody could say that it is a gateway."""
    unsigned = [Rejected("r", "d", usage_event(id=source, source=source)) for source in ("/apim/gw/a", "/beside/1")]
    asyncio.run(day.quarantine.put(unsigned, DAY))

    usual = asyncio.run(replay_quarantine(day.quarantine, day.ingest, NOW))
    trusted = asyncio.run(replay_quarantine(day.quarantine, day.ingest, NOW, trust_unsigned=True))

    assert (usual.accepted, usual.quarantined) == (1, 1)
    assert (trusted.accepted, trusted.quarantined) == (1, 0)
    assert asyncio.run(day.quarantine.batches()) == []


def test_a_batch_that_cannot_be_read_keeps_no_other_from_being_replayed(
    day: ProductInMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        event = Rejected("r", "d", usage_event(id=f"c{number}"), "event-grid")
        asyncio.run(day.quarantine.put([event], f"2026-03-{number + 10}"))
    get = day.quarantine.get

    async def fail(batch: str) -> list[Rejected]:
        if batch.startswith("2026-03-11"):
            raise StoreUnavailable("the blob is damaged")
        return await get(batch)

    monkeypatch.setattr(day.quarantine, "get", fail)

    replayed = asyncio.run(replay_quarantine(day.quarantine, day.ingest, NOW))

    assert replayed.accepted == 2
    assert list(replayed.failed.values()) == ["the blob is damaged"]


def test_a_dead_letter_that_cannot_be_read_stays_and_keeps_no_other_from_being_replayed(
    day: ProductInMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    letters = MemoryDeadLetters()
    for name in ("a", "damaged", "z"):
        letters.blobs[name] = usage_event(id=name)
    get = letters.get

    async def fail(batch: str) -> list[bytes]:
        if batch == "damaged":
            raise StoreUnavailable("the blob is damaged")
        return await get(batch)

    monkeypatch.setattr(letters, "get", fail)

    replayed = asyncio.run(replay_dead_letters(letters, day.ingest, NOW))

    assert (replayed.accepted, replayed.failed) == (2, {"damaged": "the blob is damaged"})
    assert asyncio.run(letters.batches()) == ["damaged"]


def test_a_replay_takes_what_is_usable_now_and_keeps_the_rest(day: ProductInMemory) -> None:
    ahead = usage_event(time="2026-03-21T10:00:00Z")
    asyncio.run(day.ingest.ingest([ahead, b"never usable"], NOW))

    first = asyncio.run(replay_quarantine(day.quarantine, day.ingest, NOW + timedelta(days=1)))
    second = asyncio.run(replay_quarantine(day.quarantine, day.ingest, NOW + timedelta(days=2)))

    assert (first.accepted, first.quarantined) == (1, 1)
    assert (second.accepted, second.quarantined) == (0, 1)
    (batch,) = asyncio.run(day.quarantine.batches())
    (kept,) = asyncio.run(day.quarantine.get(batch))
    assert (kept.reason, kept.emitter) == ("not-json", "chargeback")
    assert kept.raw.startswith(b'{"withheld":{"bytes":12,"sha256":')


def test_budgets_keep_counting_while_the_store_of_catalogues_is_away(day: ProductInMemory) -> None:
    async def away() -> EffectiveCatalogues:
        raise StoreUnavailable("Cosmos DB is away")

    day.catalogues.settled_by = limited("subscription:search")
    ingest = day.ingest
    day.catalogues.in_force = away  # type: ignore[method-assign]
    asyncio.run(ingest.ingest([usage_event(model="gpt-4o", usage=tokens(1_000_000, 0))], NOW))

    spend = asyncio.run(day.counter.spend(DAY)).picodollars
    assert spend[f"{DAY}|subscription:search"] == 2_750_000_000_000


def test_applying_a_catalogue_leaves_a_trace_and_applying_it_again_does_nothing(day: ProductInMemory) -> None:
    async def apply() -> tuple[object, object]:
        now = datetime(2026, 3, 20, 12, tzinfo=UTC)
        arguments = (day.control, day.catalogues, day.catalogues.catalogue, Terms(), {"rate-card.yaml": {}})
        return await apply_config(*arguments, by="ada", now=now), await apply_config(*arguments, by="ada", now=now)

    first, second = asyncio.run(apply())
    versions = asyncio.run(day.control.all("catalogue"))

    digest = day.catalogues.catalogue.digest
    assert (first.before, first.after) == (None, digest)  # type: ignore[attr-defined]
    assert (second.before, second.after) == (digest, digest)  # type: ignore[attr-defined]
    assert (first.changed, second.changed) == (True, False)  # type: ignore[attr-defined]
    assert [(each["appliedBy"], each["replaces"]) for each in versions] == [("ada", None)] * 2


def test_other_terms_are_applied_though_the_catalogue_stays_the_same(day: ProductInMemory) -> None:
    async def apply(terms: Terms, now: datetime) -> bool:
        catalogues, card = day.catalogues, day.catalogues.catalogue
        return (await apply_config(day.control, catalogues, card, terms, {}, by="ada", now=now)).changed

    longer = Terms(closing=ClosingRules(grace=timedelta(hours=96)))

    assert asyncio.run(apply(Terms(), NOW))
    assert asyncio.run(apply(longer, NOW + timedelta(hours=1)))
    assert not asyncio.run(apply(longer, NOW + timedelta(hours=2)))


def test_what_contradicts_a_closed_period_is_not_applied(day: ProductInMemory) -> None:
    current = day.catalogues.catalogue
    day.catalogues.closed["2026-02"] = current
    berlin = Calendar((BooksSetting("2026-01", "Europe/Berlin", "USD"),))
    moved = Catalogue(current.currency, current.prices, current.deployments, current.allocation, berlin)

    with pytest.raises(InvalidConfig, match=r"books\.yaml: books: would move the bounds of 2026-02, which is closed"):
        asyncio.run(apply_config(day.control, day.catalogues, moved, Terms(), {}, by="ada", now=NOW))
    assert asyncio.run(day.control.all("catalogue")) == []
