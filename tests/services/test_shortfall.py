"""An audit that finds less than the one before changes nothing, says what is missing, and goes on with other days."""

from datetime import timedelta

import pytest

from chargeback.adapters.catalogue_files import load_catalogue
from chargeback.domain.catalogue import Catalogue
from chargeback.domain.errors import SomeFailed
from chargeback.services.set_aside import SetAside
from tests.builders import DAY, NOW, tokens, usage_event
from tests.control_documents import put_document
from tests.e2e.traffic import catalogue_folder
from tests.services.house import House, house

pytestmark = pytest.mark.anyio
OLD = "2026-03-01"


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    return load_catalogue(catalogue_folder(tmp_path_factory.mktemp("config"), DAY))


@pytest.fixture
async def audited(catalogue: Catalogue) -> House:
    """An old day with ten calls in its ledger and in the books, and another one."""
    of = house(catalogue)
    events = [usage_event(time=f"{OLD}T10:00:00Z", model="gpt-4o", usage=tokens(1_000, 0)) for _ in range(10)]
    await of.ingest.ingest([*events, usage_event(time="2026-03-02T10:00:00Z", model="gpt-4o")], NOW)
    await of.auditor.audit(NOW)
    return of


async def test_a_late_event_of_a_day_whose_ledger_expired_leaves_its_books_alone(audited: House) -> None:
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


async def test_what_comes_back_is_audited_again(audited: House) -> None:
    kept = list(audited.ledger.events[OLD])
    del audited.ledger.events[OLD][5:]
    await audited.ledger.mark(OLD)
    with pytest.raises(SomeFailed):
        await audited.auditor.audit(NOW)

    audited.ledger.events[OLD][:] = kept
    await audited.auditor.audit(NOW)

    assert await SetAside(audited.control).all() == []
    assert await audited.ledger.marks() == {}


async def test_an_audit_of_an_older_version_is_held_against_its_number_of_events(audited: House) -> None:
    document = await audited.control.get("audit", OLD)
    assert document is not None
    await put_document(
        audited.control, "audit", OLD, {name: value for name, value in document.items() if name != "extent"}
    )
    del audited.ledger.events[OLD][5:]
    await audited.ledger.mark(OLD)

    with pytest.raises(SomeFailed, match="it has 5 events, and had 10"):
        await audited.auditor.audit(NOW)


async def test_a_day_that_is_posted_and_short_is_not_posted_from_what_is_left(audited: House) -> None:
    await audited.ingest.ingest([usage_event(model="gpt-4o") for _ in range(4)], NOW)
    await audited.auditor.audit_day(DAY, NOW)
    before = audited.charges(DAY)
    audited.counter.days.clear()
    del audited.ledger.events[DAY][2:]

    with pytest.raises(SomeFailed):
        await audited.auditor.audit(NOW + timedelta(days=1))

    assert audited.charges(DAY) == before


async def test_a_day_of_which_nothing_is_left_is_noticed_without_being_marked(audited: House) -> None:
    await audited.ingest.ingest([usage_event(model="gpt-4o") for _ in range(4)], NOW)
    await audited.auditor.audit_day(DAY, NOW)
    before = audited.charges(DAY)
    del audited.ledger.events[DAY]

    with pytest.raises(SomeFailed, match="gone or shorter"):
        await audited.auditor.audit(NOW + timedelta(days=1))

    assert audited.charges(DAY) == before
    assert await audited.auditor.unaudited([DAY], NOW + timedelta(days=1)) == [DAY]
    (aside,) = await SetAside(audited.control).all()
    assert (aside.day, aside.count) == (DAY, 1)
