"""A month that has to be approved: by whom, of what, and what takes the approval away again."""

from copy import deepcopy
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from chargeback.adapters.memory.stores import MemoryControl
from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.errors import ApprovalRefused, ClosingRefused, InvalidConfig, Superseded
from chargeback.domain.periods.lifecycle import PeriodChange, PeriodState
from chargeback.domain.reports.manifest import Manifest
from chargeback.domain.terms.approvals import ApprovalSetting
from chargeback.domain.terms.shared_costs import Per
from chargeback.domain.terms.terms import Terms
from chargeback.domain.time.months import Month
from chargeback.services.alerts.period_sightings import refused_sightings
from chargeback.services.closing.approve_period import Approver, charges_of
from chargeback.services.closing.file_period import draft_manifest
from chargeback.services.configuring.apply_config import apply_config
from chargeback.services.configuring.versions import ConfigVersion, ConfigVersions
from chargeback.services.ports.control import Version
from chargeback.services.reconciling.true_up_documents import TrueUp, TrueUps
from tests.support.closing_march import AFTER_GRACE, march
from tests.support.closing_product import ClosingProduct, priced, published_for_real
from tests.support.shared_fees import fee

pytestmark = pytest.mark.anyio

MARCH = "2026-03"
ASKED = Terms(approvals=[ApprovalSetting("2026-01", True)])


def later(hours: int) -> datetime:
    return AFTER_GRACE + timedelta(hours=hours)


_MADE: list[ClosingProduct] = []


async def asking() -> ClosingProduct:
    """A March whose draft is published: made once, and copied with all its stores for each test."""
    if not _MADE:
        _MADE.append(await made(terms=ASKED))
    return deepcopy(_MADE[0])


async def made(**given: Any) -> ClosingProduct:
    in_memory = await march(published_for_real(ClosingProduct(**given)))
    await publish(in_memory)
    return in_memory


async def publish(in_memory: ClosingProduct, now: datetime = AFTER_GRACE) -> None:
    """After the audit of each day."""
    await in_memory.poster.post(now)
    await in_memory.auditor.audit(now)
    await in_memory.publish_drafts(now)


def approver(in_memory: ClosingProduct) -> Approver:
    return Approver(in_memory.periods, in_memory.catalogues, in_memory.auditor, in_memory.reports)


async def manifest(in_memory: ClosingProduct) -> Manifest:
    return msgspec.json.decode(in_memory.closed.files[f"{MARCH}/manifest.json"], type=Manifest)


async def refused(in_memory: ClosingProduct, now: datetime = AFTER_GRACE) -> list[str]:
    (outcome,) = await in_memory.closer.close_due(now)
    assert isinstance(outcome, ClosingRefused)
    return outcome.reasons


async def test_nobody_closes_what_nobody_approved_and_no_override_helps() -> None:
    in_memory = await asking()

    (reason,) = await refused(in_memory)
    with pytest.raises(ClosingRefused, match="nobody has approved it") as caught:
        await in_memory.close(MARCH, AFTER_GRACE, "ann", "year's end")

    assert reason.startswith("nobody has approved it; look at its draft, then `chargeback periods approve 2026-03`")
    assert "--override" not in str(caught.value)
    (told,) = refused_sightings([caught.value], {MARCH: AFTER_GRACE}, "")
    assert "nobody has approved it" in told.facts.figures[0].value


async def test_the_timer_closes_what_is_approved_and_the_manifest_says_who_did_what() -> None:
    in_memory = await asking()
    await approver(in_memory).approve(MARCH, "Kim Ito", AFTER_GRACE, "seen")

    (closed,) = await in_memory.closer.close_due(later(1))

    assert closed.state is PeriodState.CLOSED
    made = await manifest(in_memory)
    assert made.approved_by == "Kim Ito"
    assert [(deed.what, deed.by, deed.reason) for deed in made.deeds] == [
        ("approved", "Kim Ito", "seen"),
        ("closed", "close_periods", ""),
    ]
    assert [change.what for change in closed.history] == ["approved", "closing", "closed"]


async def test_whoever_approves_does_not_close_by_any_spelling() -> None:
    in_memory = await asking()
    await approver(in_memory).approve(MARCH, "Kim Ito", AFTER_GRACE)

    for spelled in ("KIM ITO", "ito, kim", "kim.ito@example.com", "k. ito"):
        with pytest.raises(ClosingRefused, match="whoever approves does not close"):
            await in_memory.close(MARCH, later(1), spelled)
    with pytest.raises(ClosingRefused, match="name of the timer"):
        await in_memory.close(MARCH, later(1), "Close_Periods")

    assert (await in_memory.close(MARCH, later(1), "ann")).state is PeriodState.CLOSED


async def test_whoever_trued_up_does_not_approve_also_when_it_was_taken_back() -> None:
    in_memory = await asking()
    for amount in ("5", None):
        before, token = await TrueUps(in_memory.control).get(MARCH)
        done = TrueUp(MARCH, amount, "USD", "Dora Diaz", AFTER_GRACE.isoformat(), published="15")
        history = (*(before.history if before else ()), done.said())
        await TrueUps(in_memory.control).swap(msgspec.structs.replace(done, history=history), token)
        await publish(in_memory)

    with pytest.raises(ApprovalRefused, match=r"d\.diaz as Dora Diaz trued up at .*; took the true-up back"):
        await approver(in_memory).approve(MARCH, "d.diaz", AFTER_GRACE)


class Stored(ClosingProduct):
    """A product whose configurations somebody applied."""

    async def apply(self, name: str, catalogue: Catalogue, terms: Terms, by: str, at: datetime) -> None:
        self.catalogues._versions[name] = Version(name, catalogue, terms)
        version = ConfigVersion(name=name, digest=name, applied_by=by, applied_at=at.isoformat())
        await ConfigVersions(self.control).keep(version)
        self.catalogues.catalogue, self.catalogues.settled_by = catalogue, terms


async def test_whoever_changed_prices_costs_or_rates_of_the_month_does_not_approve() -> None:
    dearer, dear = priced("3"), replace_costs(ASKED)
    in_memory = published_for_real(Stored(terms=ASKED))
    assert isinstance(in_memory, Stored)
    await in_memory.apply("a", in_memory.catalogue, ASKED, "init", AFTER_GRACE - timedelta(days=90))
    await in_memory.apply("b", dearer, ASKED, "Pia Roe", AFTER_GRACE - timedelta(days=20))
    await in_memory.apply("c", dearer, dear, "Sam Oh", AFTER_GRACE - timedelta(days=10))
    await in_memory.apply("d", dearer, dear, "Lou", AFTER_GRACE - timedelta(days=9))
    await march(in_memory)
    await publish(in_memory)

    for name, why in (("pia roe", "2.5 → 3"), ("Sam", "shared cost gateway added")):
        with pytest.raises(ApprovalRefused, match=why):
            await approver(in_memory).approve(MARCH, name, AFTER_GRACE)
    await approver(in_memory).approve(MARCH, "init", AFTER_GRACE)


def replace_costs(terms: Terms) -> Terms:
    return Terms(approvals=terms.approvals, shared_costs=[fee("40", per=Per.PERIOD, period=MARCH)])


async def test_books_that_change_after_the_approval_take_it_away_and_people_are_told_why() -> None:
    in_memory = await asking()
    await approver(in_memory).approve(MARCH, "kim", AFTER_GRACE)
    in_memory.catalogues.catalogue = priced("3")
    for day in await in_memory.ledger.days():
        await in_memory.ledger.mark(day)

    first = await refused(in_memory, later(1))
    second = await refused(in_memory, later(2))

    assert first == second
    assert "the approval of kim no longer counts: the charges changed since 2026-04-04 00:00 UTC" in first[0]
    assert "approved were 15.000000 USD, now they are 18.000000 USD" in first[0]
    known, _ = await in_memory.periods.get(MARCH)
    assert known.state is PeriodState.OPEN
    assert "approval lapsed" in [change.what for change in known.history]
    assert [path for path in in_memory.reports.files if "/closing-" in path] == []

    await publish(in_memory, later(3))
    await approver(in_memory).approve(MARCH, "kim", later(3))
    (closed,) = await in_memory.closer.close_due(later(4))
    assert closed.state is PeriodState.CLOSED


async def test_an_old_draft_is_not_approved() -> None:
    in_memory = await asking()
    in_memory.catalogues.catalogue = priced("3")

    with pytest.raises(ApprovalRefused, match="its draft was made with another configuration"):
        await approver(in_memory).approve(MARCH, "kim", AFTER_GRACE)

    await in_memory.reports.remove(f"{MARCH}/manifest.json")
    with pytest.raises(ApprovalRefused, match="it has no draft: `chargeback publish 2026-03`"):
        await approver(in_memory).approve(MARCH, "kim", AFTER_GRACE)


async def test_only_the_charges_that_somebody_looked_at_are_approved() -> None:
    in_memory = await asking()
    made = await draft_manifest(Month(MARCH), in_memory.reports)
    assert made is not None

    for other in ("", "0" * 64):
        with pytest.raises(ApprovalRefused, match="other charges than when you looked"):
            await approver(in_memory).approve(MARCH, "kim", AFTER_GRACE, seen=other)
    known = await approver(in_memory).approve(MARCH, "kim", AFTER_GRACE, seen=charges_of(made))

    assert known.approval is not None


async def test_a_draft_of_days_that_nobody_audited_is_not_approved() -> None:
    in_memory = await march(published_for_real(ClosingProduct(terms=ASKED)))
    await in_memory.publish_drafts(AFTER_GRACE)

    with pytest.raises(ApprovalRefused, match="days wait for an audit: 2026-03-05, 2026-03-20; run"):
        await approver(in_memory).approve(MARCH, "kim", AFTER_GRACE)

    await in_memory.poster.post(AFTER_GRACE)
    await in_memory.auditor.audit(AFTER_GRACE)
    with pytest.raises(
        ApprovalRefused, match="its draft is older than the audit of 2026-03-05, 2026-03-20, 2026-03-31"
    ):
        await approver(in_memory).approve(MARCH, "kim", AFTER_GRACE)


async def test_every_reason_is_named_at_once() -> None:
    in_memory = await made(terms=Terms())

    with pytest.raises(ApprovalRefused) as caught:
        await approver(in_memory).approve("2026-04", "close periods", later(1))

    assert [reason.partition(" ")[0] for reason in caught.value.reasons] == ["'close", "books.yaml", "it", "2026-03"]


async def test_approving_twice_changes_nothing_and_a_second_person_is_refused() -> None:
    in_memory = await asking()
    first = await approver(in_memory).approve(MARCH, "kim", AFTER_GRACE)

    again = await approver(in_memory).approve(MARCH, "Kim", later(1))
    with pytest.raises(ApprovalRefused, match="kim approved this draft"):
        await approver(in_memory).approve(MARCH, "ann", later(1))

    assert again == first


class Overtaken(MemoryControl):
    """Something else is done before the period's record is written."""

    first: Any = None

    async def swap(self, kind: str, name: str, document: dict[str, Any], after: str | None) -> str:
        if kind == "period" and (first := self.first):
            self.first = None
            await first()
        return await super().swap(kind, name, document, after)


def overtaken(control: Overtaken) -> Any:
    return lambda name, store: control if name == "control" else store


async def test_of_two_who_approve_at_once_one_is_first() -> None:
    control = Overtaken()
    in_memory = await made(terms=ASKED, wrap=overtaken(control))
    control.first = lambda: approver(in_memory).approve(MARCH, "ann", AFTER_GRACE)

    with pytest.raises(Superseded):
        await approver(in_memory).approve(MARCH, "kim", AFTER_GRACE)

    known, _ = await in_memory.periods.get(MARCH)
    assert known.approval is not None
    assert known.approval.by == "ann"


async def test_an_approval_that_is_withdrawn_while_the_month_closes_closes_nothing() -> None:
    in_memory = await asking()
    await approver(in_memory).approve(MARCH, "kim", AFTER_GRACE)
    made_by = in_memory.closer.publish

    async def withdraw(*given: Any, **named: Any) -> Manifest:
        made = await made_by(*given, **named)
        await approver(in_memory).withdraw(MARCH, PeriodChange("approval withdrawn", later(1), "kim", "a mistake"))
        return made

    in_memory.closer = replace(in_memory.closer, publish=withdraw)
    with pytest.raises((Superseded, ClosingRefused)):
        await in_memory.close(MARCH, later(1), "ann")

    known, _ = await in_memory.periods.get(MARCH)
    assert (known.state, known.approval) == (PeriodState.OPEN, None)
    assert in_memory.closed.files == {}
    assert [path for path in in_memory.reports.files if "/closing-" in path] == []
    with pytest.raises(ApprovalRefused, match="nobody has approved it"):
        await approver(in_memory).withdraw(MARCH, PeriodChange("approval withdrawn", later(2), "kim", "again"))


async def test_a_month_that_has_begun_stays_one_that_is_approved() -> None:
    in_memory = ClosingProduct(terms=ASKED)
    stores = in_memory.control, in_memory.catalogues, in_memory.catalogue
    dropped = Terms(approvals=[*ASKED.approvals, ApprovalSetting(MARCH, False)])
    from_may = Terms(approvals=[*ASKED.approvals, ApprovalSetting("2026-05", False)])

    with pytest.raises(InvalidConfig, match="2026-03, 2026-04 has begun"):
        await apply_config(*stores, dropped, {}, by="ann", now=AFTER_GRACE)

    assert (await apply_config(*stores, from_may, {}, by="ann", now=AFTER_GRACE)).changed
