"""An audit that finds less than the one before changes nothing, says what is missing, and goes on with other days."""

from datetime import timedelta
from pathlib import Path

import pytest

from chargeback.adapters.config.catalogue import load_catalogue
from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.errors import ChargebackError, SomeFailed
from chargeback.services.running.set_aside import SetAside, Stage
from chargeback.services.usage.accept_loss import Acceptance, accept_loss
from chargeback.services.usage.audit import Audited
from chargeback.services.usage.audit_results import AuditResult, AuditResults
from chargeback.services.usage.ledger_parts import LedgerParts
from tests.e2e.traffic import catalogue_folder
from tests.support.builders import DAY, NOW, tokens, usage_event
from tests.support.control_documents import put_document
from tests.support.product_in_memory import ProductInMemory, in_memory

pytestmark = pytest.mark.anyio
OLD = "2026-03-01"


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    return load_catalogue(catalogue_folder(tmp_path_factory.mktemp("config"), DAY))


@pytest.fixture
async def audited(catalogue: Catalogue) -> ProductInMemory:
    """An old day with ten calls in its ledger and in the books, and another one."""
    of = in_memory(catalogue)
    events = [usage_event(time=f"{OLD}T10:00:00Z", model="gpt-4o", usage=tokens(1_000, 0)) for _ in range(10)]
    await of.ingest.ingest([*events, usage_event(time="2026-03-02T10:00:00Z", model="gpt-4o")], NOW)
    await of.auditor.audit(NOW)
    return of


async def test_a_late_event_of_a_day_whose_ledger_expired_leaves_its_books_alone(audited: ProductInMemory) -> None:
    before = audited.charges(OLD)
    audited.ledger.events[OLD].clear()
    late = usage_event(time=f"{OLD}T11:00:00Z", model="gpt-4o", usage=tokens(1, 0))
    await audited.ingest.ingest([late, usage_event(time="2026-03-02T11:00:00Z", model="gpt-4o")], NOW)

    with pytest.raises(SomeFailed, match="shorter than at the last audit"):
        await audited.auditor.audit(NOW + timedelta(days=1))

    assert audited.charges(OLD) == before
    assert list(await audited.ledger.marks()) == [OLD]
    assert audited.charges("2026-03-02")["exact", "requests"] == 2
    assert (await audited.control.get("audit", OLD) or {})["events"] == 10
    (aside,) = await SetAside(audited.control).all()
    assert (aside.day, aside.count) == (OLD, 1)


async def test_what_comes_back_is_audited_again(audited: ProductInMemory) -> None:
    kept = list(audited.ledger.events[OLD])
    del audited.ledger.events[OLD][5:]
    await audited.ledger.mark(OLD)
    with pytest.raises(SomeFailed):
        await audited.auditor.audit(NOW)

    audited.ledger.events[OLD][:] = kept
    await audited.auditor.audit(NOW)

    assert await SetAside(audited.control).all() == []
    assert await audited.ledger.marks() == {}


async def test_an_audit_of_an_older_version_is_compared_by_its_number_of_events(audited: ProductInMemory) -> None:
    document = await audited.control.get("audit", OLD)
    assert document is not None
    await put_document(
        audited.control, "audit", OLD, {name: value for name, value in document.items() if name != "extent"}
    )
    del audited.ledger.events[OLD][5:]
    await audited.ledger.mark(OLD)

    with pytest.raises(SomeFailed, match="it has 5 events, and had 10"):
        await audited.auditor.audit(NOW)


async def test_a_day_that_is_posted_and_short_is_not_posted_from_what_is_left(audited: ProductInMemory) -> None:
    await audited.ingest.ingest([usage_event(model="gpt-4o") for _ in range(4)], NOW)
    await audited.auditor.audit_day(DAY, NOW)
    before = audited.charges(DAY)
    audited.counter.days.clear()
    del audited.ledger.events[DAY][2:]

    with pytest.raises(SomeFailed):
        await audited.auditor.audit(NOW + timedelta(days=1))

    assert audited.charges(DAY) == before


@pytest.mark.parametrize("lost", ["a part", "all", "events"])
async def test_what_is_left_of_a_ledger_is_not_posted_after_redis_lost_the_day(catalogue: Catalogue, lost: str) -> None:
    of = in_memory(catalogue)
    await of.ingest.ingest([usage_event() for _ in range(4)], NOW)
    of.ledger.writer = "another instance"
    await of.ingest.ingest([usage_event() for _ in range(2)], NOW)
    await of.poster.post(NOW)
    await LedgerParts(of.ledger, of.control).look(NOW)
    kept = list(of.ledger.events[DAY])
    if lost == "events":
        audit = AuditResult(day=DAY, events=6, calls=6, duplicates=0, unreadable=0, at=NOW.isoformat(), final=False)
        await AuditResults(of.control).swap(audit, None)
    del of.ledger.events[DAY][{"a part": 4, "all": 0, "events": 5}[lost] :]

    of.counter.days.clear()
    (short,) = await of.poster.post(NOW)
    aside, booked = await SetAside(of.control).all(), of.charges(DAY)["exact", "requests"]
    of.ledger.events[DAY][:] = kept
    await of.poster.post(NOW)

    assert (short.records, short.set_aside, booked) == (0, 1, 6)
    assert [(each.stage, each.day, list(each.parts)) for each in aside] == [(Stage.POST, DAY, ["ledger"])]
    assert of.charges(DAY)["exact", "requests"] == 6
    assert await SetAside(of.control).all() == []


async def test_what_redis_still_counts_is_posted_though_the_ledger_is_short(catalogue: Catalogue) -> None:
    of = in_memory(catalogue)
    await of.ingest.ingest([usage_event() for _ in range(4)], NOW)
    await of.poster.post(NOW)
    await LedgerParts(of.ledger, of.control).look(NOW)
    del of.ledger.events[DAY]

    of.ledger.writer = "another instance"
    await of.ingest.ingest([usage_event() for _ in range(2)], NOW)
    await of.poster.post(NOW)

    assert of.charges(DAY)["exact", "requests"] == 6


async def test_a_day_of_which_nothing_is_left_is_noticed_without_being_marked(audited: ProductInMemory) -> None:
    await audited.ingest.ingest([usage_event(model="gpt-4o") for _ in range(4)], NOW)
    await audited.auditor.audit_day(DAY, NOW)
    before = audited.charges(DAY)
    del audited.ledger.events[DAY]

    with pytest.raises(SomeFailed, match="gone or shorter"):
        await audited.auditor.audit(NOW + timedelta(days=1))

    assert audited.charges(DAY) == before
    assert await audited.auditor.unaudited_days([DAY], NOW + timedelta(days=1)) == [DAY]
    (aside,) = await SetAside(audited.control).all()
    assert (aside.day, aside.count) == (DAY, 1)


async def test_a_part_that_is_gone_before_any_audit_read_it_is_missed(audited: ProductInMemory) -> None:
    await audited.ingest.ingest([usage_event(model="gpt-4o") for _ in range(4)], NOW)
    audited.ledger.writer = "another instance"
    await audited.ingest.ingest([usage_event(model="gpt-4o") for _ in range(2)], NOW)
    await audited.poster.post(NOW)
    await LedgerParts(audited.ledger, audited.control).look(NOW)
    before = audited.charges(DAY)
    del audited.ledger.events[DAY][4:]

    with pytest.raises(SomeFailed, match=r"gone or shorter.*another instance"):
        await audited.auditor.audit(NOW + timedelta(days=1))

    assert audited.charges(DAY) == before


async def test_a_part_that_is_gone_is_reported_by_the_next_posting(
    audited: ProductInMemory, caplog: pytest.LogCaptureFixture
) -> None:
    parts = LedgerParts(audited.ledger, audited.control)
    await audited.ingest.ingest([usage_event(model="gpt-4o")], NOW)
    await parts.look(NOW)
    audited.ledger.events.clear()

    await parts.look(NOW)

    assert any("ledger_short" in line.getMessage() and DAY in line.getMessage() for line in caplog.records)
    assert await parts.known(DAY) == {"memory"}


async def lose(audited: ProductInMemory, day: str = OLD) -> None:
    """Half of the day's events are gone, and the day is due."""
    del audited.ledger.events[day][5:]
    await audited.ledger.mark(day)
    with pytest.raises(SomeFailed):
        await audited.auditor.audit(NOW)


async def accepted(audited: ProductInMemory, day: str = OLD) -> Audited:
    accept = Acceptance("deleted by hand", "b.kim", NOW)
    return await accept_loss(audited.ledger, audited.control, audited.auditor, day, accept)


async def test_the_books_of_a_day_whose_loss_is_accepted_stand_and_its_month_can_close(
    audited: ProductInMemory,
) -> None:
    before = audited.charges(OLD)
    await lose(audited)

    done = await accepted(audited)
    await audited.auditor.audit(NOW + timedelta(days=1))

    assert (done.events, done.drift_lines) == (5, 0)
    assert audited.charges(OLD) == before
    assert await SetAside(audited.control).all() == []
    assert await audited.auditor.unaudited_days([OLD], NOW) == []
    assert list((await audited.control.get("audit", OLD) or {})["losses"]) == [
        {
            "reason": "deleted by hand",
            "by": "b.kim",
            "at": NOW.isoformat(),
            "events": 5,
            "missing": 0,
            "booksStand": True,
        }
    ]


async def test_a_day_whose_loss_is_accepted_is_still_rated_with_the_prices_in_force(
    audited: ProductInMemory, tmp_path: Path
) -> None:
    await lose(audited)
    await accepted(audited)
    audited.catalogues.catalogue = load_catalogue(catalogue_folder(tmp_path, "2026-02-28"))  # doubles the price
    await audited.ledger.mark(OLD)

    (done,) = await audited.auditor.audit(NOW + timedelta(days=1))

    assert (done.drift_lines, done.drift_cost) == (1, "0.0275")


async def test_what_comes_after_an_accepted_loss_is_set_aside_with_its_number(audited: ProductInMemory) -> None:
    await lose(audited)
    await accepted(audited)
    before = audited.charges(OLD)
    late = usage_event(time=f"{OLD}T11:00:00Z", model="gpt-4o", usage=tokens(1, 0))
    await audited.ingest.ingest([late], NOW)

    await audited.auditor.audit(NOW + timedelta(days=1))

    assert audited.charges(OLD) == before
    (aside,) = await SetAside(audited.control).all()
    assert "1 events came after b.kim accepted" in aside.parts["ledger"]


async def test_an_accepted_loss_hides_no_further_one(audited: ProductInMemory) -> None:
    await lose(audited)
    await accepted(audited)
    del audited.ledger.events[OLD][2:]
    await audited.ledger.mark(OLD)

    with pytest.raises(SomeFailed, match="is short"):
        await audited.auditor.audit(NOW + timedelta(days=1))


async def test_a_ledger_that_was_only_rewritten_goes_on_to_decide(audited: ProductInMemory) -> None:
    events = audited.ledger.events.pop(OLD)
    audited.ledger._stamps.pop(OLD)
    audited.ledger.writer = "rewritten"
    await audited.ledger.append(OLD, events)
    await audited.ledger.mark(OLD)
    with pytest.raises(SomeFailed):
        await audited.auditor.audit(NOW)

    await accepted(audited)
    late = usage_event(time=f"{OLD}T11:00:00Z", model="gpt-4o", usage=tokens(1, 0))
    await audited.ingest.ingest([late], NOW)
    await audited.auditor.audit(NOW + timedelta(days=1))

    assert audited.charges(OLD)["exact", "requests"] == 11


async def test_no_loss_is_accepted_of_a_day_that_lost_nothing_or_is_open(audited: ProductInMemory) -> None:
    with pytest.raises(ChargebackError, match="nothing of the ledger of 2026-03-01 is missing"):
        await accepted(audited)
    with pytest.raises(ChargebackError, match="still open"):
        await accepted(audited, DAY)


async def test_a_rewritten_ledger_never_decides_again_once_events_of_it_are_lost(audited: ProductInMemory) -> None:
    before = audited.charges(OLD)
    await lose(audited)
    await accepted(audited)
    left = audited.ledger.events.pop(OLD)
    audited.ledger._stamps.pop(OLD)
    audited.ledger.writer = "rewritten"
    await audited.ledger.append(OLD, left)
    await audited.ledger.mark(OLD)
    with pytest.raises(SomeFailed):
        await audited.auditor.audit(NOW)

    await accepted(audited)

    assert audited.charges(OLD) == before


async def test_an_acceptance_that_was_killed_and_run_again_keeps_the_books(
    audited: ProductInMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = audited.charges(OLD)
    await LedgerParts(audited.ledger, audited.control)._look_at(OLD)
    audited.ledger.writer = "another instance"
    await lose(audited)
    audited.ledger._stamps[OLD] = [("another instance", at) for _, at in audited.ledger._stamps[OLD]]

    async def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(LedgerParts, "forget", die)
        with pytest.raises(KeyboardInterrupt):
            await accepted(audited)
    await accepted(audited)

    assert audited.charges(OLD) == before


async def test_late_events_from_before_an_accepted_loss_are_set_aside_too(audited: ProductInMemory) -> None:
    await lose(audited)
    del audited.ledger._stamps[OLD][5:]
    late = usage_event(time=f"{OLD}T11:00:00Z", model="gpt-4o", usage=tokens(1, 0))
    await audited.ingest.ingest([late, usage_event(time=f"{OLD}T11:00:00Z", model="gpt-4o")], NOW)
    stamps = audited.ledger._stamps[OLD]
    stamps[-2:] = [(writer, int((NOW + timedelta(hours=1)).timestamp() * 1e6)) for writer, _ in stamps[-2:]]
    before = audited.charges(OLD)

    await accepted(audited)

    assert audited.charges(OLD) == before
    (aside,) = await SetAside(audited.control).all()
    assert "2 events came after" in aside.parts["ledger"]
