"""What is wrong with one part keeps no other from being posted, audited, summarised, published or closed."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chargeback.adapters.memory import stores as memory
from chargeback.domain.errors import ClosingRefused, InconsistentFile, SomeFailed, StoreUnavailable
from chargeback.domain.periods.lifecycle import PeriodState
from chargeback.services.running.set_aside import Left, SetAside, Stage
from chargeback.services.usage import post_shards as posting
from chargeback.services.usage.day_summary import THE_REST
from tests.support.builders import tokens, usage_event
from tests.support.closing_march import AFTER_GRACE, APRIL, march
from tests.support.closing_product import ClosingProduct, published_for_real

pytestmark = pytest.mark.anyio

LAST = APRIL - timedelta(minutes=1)
DAY = "2026-03-31"


async def left(in_memory: ClosingProduct) -> list[tuple[str, str, int]]:
    """(stage, day, parts) of what is set aside."""
    return [(each.stage.value, each.day, each.count) for each in await SetAside(in_memory.control).all()]


def cannot_rate(monkeypatch: pytest.MonkeyPatch, user: str) -> None:
    """From now on the lines of this user cannot be rated."""
    rated = posting.rate

    def rate(day: str, line: Any, hours: Any, in_force: Any) -> Any:
        if line.user == user:
            raise ArithmeticError("more digits than an amount has")
        return rated(day, line, hours, in_force)

    monkeypatch.setattr(posting, "rate", rate)


async def test_strangers_with_ever_new_names_stop_neither_posting_nor_the_audit() -> None:
    """1 600 refused calls with long names: their summary was larger than a document of the store may be."""
    in_memory = await march()
    strange = [
        usage_event(id=f"s{n}", type="rejected", time=f"{DAY}T10:00:00Z", deployment=f"{n}-{'é' * 240}", model=None)
        for n in range(1_600)
    ]
    await in_memory.ingest(strange, LAST)

    await in_memory.poster.post(LAST)
    await in_memory.auditor.audit(APRIL)

    found = await in_memory.books.summary(DAY)
    assert found is not None
    assert found[0]["total"]["quantities"]["requests"] == 1_602
    assert found[0]["models"]["gpt-4o-2024-11-20"]["quantities"]["requests"] == 2
    assert len(json.dumps(found[0]["models"], ensure_ascii=False).encode()) < 310_000
    named = sum(model["quantities"]["requests"] for model in found[0]["models"].values())
    assert named == 1_602
    assert found[0]["models"][THE_REST]["quantities"]["requests"] > 0
    assert await left(in_memory) == []


async def test_a_record_that_the_books_do_not_take_keeps_no_other_from_being_posted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    in_memory = await march()
    large = usage_event(id="large", time=f"{DAY}T11:00:00Z", username="é" * 500)
    await in_memory.ingest([large], LAST)
    monkeypatch.setattr(memory, "MAX_BYTES", 1_600)

    (posted,) = [each for each in await in_memory.poster.post(LAST) if each.day == DAY]
    (audited,) = [each for each in await in_memory.auditor.audit(AFTER_GRACE) if each.day == DAY]

    assert (posted.records, posted.set_aside) == (1, 1)
    assert (audited.drift_lines, audited.set_aside) == (0, 1)
    assert await left(in_memory) == [("audit", DAY, 1)]


async def test_what_was_set_aside_is_posted_by_the_next_run_after_the_repair(monkeypatch: pytest.MonkeyPatch) -> None:
    in_memory = await march()
    await in_memory.ingest([usage_event(id="bad", time=f"{DAY}T11:00:00Z", username="ann")], LAST)
    with monkeypatch.context() as broken:
        cannot_rate(broken, "ann")
        await in_memory.poster.post(LAST)
        (aside,) = await SetAside(in_memory.control).all()
        assert aside == Left(Stage.POST, DAY, 1, aside.parts)
        assert list(aside.parts.values()) == ["cannot be rated: more digits than an amount has"]

    (posted,) = await in_memory.poster.post(LAST)

    assert (posted.day, posted.records) == (DAY, 1)
    assert await left(in_memory) == []


async def test_a_line_that_cannot_be_rated_blocks_its_own_month_alone_and_that_can_be_overridden(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    in_memory = await march()
    await in_memory.ingest([usage_event(id="bad", time=f"{DAY}T11:00:00Z", username="ann")], LAST)
    cannot_rate(monkeypatch, "ann")

    (refused,) = await in_memory.closer.close_due(AFTER_GRACE)
    with pytest.raises(ClosingRefused, match="set aside by audit of 2026-03-31: 1 parts") as told:
        await in_memory.close("2026-03", AFTER_GRACE)
    closed = await in_memory.close("2026-03", AFTER_GRACE, override="ann is billed by hand")

    assert isinstance(refused, ClosingRefused)
    assert "--override --reason TEXT" in str(told.value)
    assert closed.state is PeriodState.CLOSED
    assert "cannot be rated" in closed.history[-1].overridden[0]
    assert sum(quantity for (*_, meter), (quantity, _) in in_memory.read("2026-03").items() if meter == "requests") == 0
    assert len(in_memory.read("2026-03")) == 3


@pytest.mark.parametrize("also_changed", [False, True])
async def test_an_override_for_one_part_does_not_cover_another_that_appears_meanwhile(
    monkeypatch: pytest.MonkeyPatch, *, also_changed: bool
) -> None:
    """As many parts as before, of the same day: but of another user."""
    in_memory = await march()
    await in_memory.ingest(
        [usage_event(id=user, time=f"{DAY}T11:00:00Z", username=user) for user in ("ann", "bob")], LAST
    )
    cannot_rate(monkeypatch, "ann")

    async def other_fault() -> None:
        in_memory.bill.after = None
        monkeypatch.undo()
        cannot_rate(monkeypatch, "bob")
        if also_changed:
            await in_memory.ingest([usage_event(id="more", time="2026-03-20T11:00:00Z")], AFTER_GRACE)
        await in_memory.auditor.audit_day(DAY, AFTER_GRACE)

    in_memory.bill.after = other_fault

    with pytest.raises(ClosingRefused, match="set aside by audit of 2026-03-31: 1 parts"):
        await in_memory.close("2026-03", AFTER_GRACE, override="ann is billed by hand")
    closed = await in_memory.close("2026-03", AFTER_GRACE, override="bob is billed by hand")

    assert closed.state is PeriodState.CLOSED


async def test_a_row_of_the_log_that_nobody_could_read_keeps_its_month_open() -> None:
    in_memory = await march()
    aside = SetAside(in_memory.control)
    await aside.note(Stage.SETTLE, DAY, {f"log row of x at {DAY}T10:00:00+00:00": "NaN is not a number"})
    await aside.note(Stage.SETTLE, "2026-03-20", {"call y": "a pending call, which the books have"})

    with pytest.raises(ClosingRefused, match="set aside by settle of 2026-03-31") as told:
        await in_memory.close("2026-03", AFTER_GRACE)
    closed = await in_memory.close("2026-03", AFTER_GRACE, override="the call was a test")

    assert "2026-03-20" not in str(told.value)
    assert closed.state is PeriodState.CLOSED


async def test_an_override_for_unsettled_calls_does_not_cover_more_of_them() -> None:
    in_memory = await march()
    pending = [usage_event(id=f"p{n}", type="pending", time=f"{DAY}T23:00:00Z") for n in range(2)]
    await in_memory.ingest(pending[:1], LAST)

    async def late() -> None:
        in_memory.bill.after = None
        await in_memory.ingest(pending[1:], AFTER_GRACE)

    in_memory.bill.after = late

    with pytest.raises(ClosingRefused, match="2 of 8 requests"):
        await in_memory.close("2026-03", AFTER_GRACE, override="one stream is not worth it")


async def test_exact_calls_that_come_meanwhile_need_no_other_override() -> None:
    in_memory = await march()
    await in_memory.ingest([usage_event(id="p", type="pending", time=f"{DAY}T23:00:00Z")], LAST)

    async def late() -> None:
        in_memory.bill.after = None
        await in_memory.ingest([usage_event(id="more", time=f"{DAY}T23:00:00Z", usage=tokens(1, 0))], AFTER_GRACE)

    in_memory.bill.after = late

    closed = await in_memory.close("2026-03", AFTER_GRACE, override="one stream is not worth it")

    assert closed.state is PeriodState.CLOSED


async def test_a_day_that_fails_keeps_no_other_from_being_posted_and_audited(monkeypatch: pytest.MonkeyPatch) -> None:
    in_memory = await march()
    await in_memory.ingest([usage_event(id="x", time="2026-03-29T00:00:00Z")], LAST)
    postings = in_memory.books.postings

    async def fail(day: str) -> Any:
        if day == "2026-03-29":
            raise StoreUnavailable("the partition is full")
        return await postings(day)

    monkeypatch.setattr(in_memory.books, "postings", fail)
    reported: list[str] = []

    with pytest.raises(SomeFailed, match="posting 2026-03-29: the partition is full"):
        await in_memory.poster.post(LAST, lambda posted: reported.append(posted.day))
    with pytest.raises(SomeFailed, match="auditing 2026-03-29") as failed:
        await in_memory.auditor.audit(AFTER_GRACE, lambda audited: reported.append(audited.day))

    assert reported == [DAY, "2026-03-05", "2026-03-20", DAY]
    assert list(failed.value.failed) == ["2026-03-29"]
    assert len(in_memory.books.days[DAY]) == 1


async def test_a_day_that_cannot_be_audited_blocks_its_own_month_alone_and_that_can_be_overridden(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    in_memory = await march()
    audit_day = in_memory.auditor.audit_day

    async def fail(day: str, now: Any) -> Any:
        if day == "2026-03-05":
            raise OSError("a block of the ledger is damaged")
        return await audit_day(day, now)

    monkeypatch.setattr(in_memory.auditor, "audit_day", fail)

    with pytest.raises(ClosingRefused, match="audit 2026-03-05: a block of the ledger is damaged") as told:
        await in_memory.close("2026-03", AFTER_GRACE)
    closed = await in_memory.close("2026-03", AFTER_GRACE, override="the day was billed by hand")

    assert "--override --reason TEXT" in str(told.value)
    assert closed.state is PeriodState.CLOSED


async def test_what_fails_only_after_the_closing_was_accepted_refuses_it(monkeypatch: pytest.MonkeyPatch) -> None:
    in_memory = await march()
    post_day, calls = in_memory.poster.post_day, [0]

    async def fail(day: str, in_force: Any, now: Any) -> Any:
        calls[0] += 1
        if calls[0] > 1:
            raise StoreUnavailable("away")
        return await post_day(day, in_force, now)

    monkeypatch.setattr(in_memory.poster, "post_day", fail)

    with pytest.raises(ClosingRefused, match="away"):
        await in_memory.close("2026-03", APRIL)

    assert (await in_memory.periods.get("2026-03"))[0].state is not PeriodState.CLOSED


async def test_a_summary_that_cannot_be_written_fails_neither_posting_nor_the_audit_nor_the_closing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    in_memory = await march()

    async def fail(*arguments: Any, **named: Any) -> None:
        raise StoreUnavailable("Request size is too large")

    monkeypatch.setattr(in_memory.books, "put_summary", fail)

    await in_memory.poster.post(LAST)
    await in_memory.auditor.audit(AFTER_GRACE)
    aside = await left(in_memory)
    with pytest.raises(ClosingRefused, match="set aside by summarise"):
        await in_memory.close("2026-03", AFTER_GRACE)
    closed = await in_memory.close("2026-03", AFTER_GRACE, override="the dashboards can wait")

    assert {day for _, day, _ in aside} == {"2026-03-05", "2026-03-20", DAY}
    assert closed.state is PeriodState.CLOSED


async def test_a_posting_that_died_before_its_summary_does_not_let_a_month_close_with_unsettled_usage() -> None:
    """The summary said that all was exact, because it was outdated."""
    in_memory = await march()
    await in_memory.poster.post(LAST)
    await in_memory.auditor.audit(APRIL)
    stale = [await in_memory.books.summary(DAY)]
    pending = usage_event(id="p", type="pending", time=f"{DAY}T23:00:00Z")
    await in_memory.ingest([pending], APRIL)
    await in_memory.poster.post(APRIL)
    known = await in_memory.books.summary(DAY)
    await in_memory.books.put_summary(DAY, stale[0][0], known[1])

    with pytest.raises(ClosingRefused, match="unsettled"):
        await in_memory.close("2026-03", APRIL)


async def test_a_stale_summary_is_made_again_though_nothing_is_left_to_post() -> None:
    in_memory = await march()
    await in_memory.poster.post(LAST)
    before = await in_memory.books.summary(DAY)
    await in_memory.ingest([usage_event(id="more", time=f"{DAY}T23:00:00Z", usage=tokens(1, 0))], LAST)
    await in_memory.poster.post(LAST)
    right = await in_memory.books.summary(DAY)
    await in_memory.books.put_summary(DAY, before[0], right[1])

    await in_memory.poster.post(LAST)

    assert (await in_memory.books.summary(DAY))[0] == right[0]


async def test_an_event_of_the_ledger_that_can_no_longer_be_read_is_set_aside_and_alerts() -> None:
    in_memory = await march()
    await in_memory.ledger.append("2026-03-05", [b'{"specversion":"0.9"}'])
    await in_memory.ledger.mark("2026-03-05")

    await in_memory.auditor.audit(AFTER_GRACE)

    assert await left(in_memory) == [("audit", "2026-03-05", 1)]
    with pytest.raises(ClosingRefused, match="events of the ledger cannot be read any more"):
        await in_memory.close("2026-03", AFTER_GRACE)


async def test_drafts_of_other_periods_are_published_though_one_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    in_memory = await march()
    publish = in_memory.closer.publish

    async def fail(period: str, *arguments: Any, **named: Any) -> Any:
        if period == "2026-03":
            raise OverflowError("an amount has too many digits")
        return await publish(period, *arguments, **named)

    object.__setattr__(in_memory.closer, "publish", fail)

    with pytest.raises(SomeFailed, match="publishing 2026-03: an amount has too many digits"):
        await in_memory.publish_drafts(AFTER_GRACE)

    assert "2026-04/manifest.json" in in_memory.reports.files


async def test_usage_that_comes_while_the_files_are_made_and_cannot_be_billed_keeps_the_month_open() -> None:
    in_memory = await march()

    async def late() -> None:
        in_memory.bill.after = None
        await in_memory.ingest([usage_event(id="p", type="pending", time=f"{DAY}T23:00:00Z")], AFTER_GRACE)

    in_memory.bill.after = late

    with pytest.raises(ClosingRefused, match="unsettled"):
        await in_memory.close("2026-03", AFTER_GRACE)


async def test_a_file_that_cannot_be_made_keeps_no_other_from_being_published_and_only_its_month_open() -> None:
    in_memory = published_for_real(await march())

    async def write_nonsense(settled: Any, files: Any, progress: Any) -> None:
        raise InconsistentFile("row 7: the costs do not add up")

    publisher = replace(in_memory.closer.publish, writers=(write_nonsense,))
    in_memory.closer = replace(in_memory.closer, publish=publisher)

    await in_memory.publish_drafts(APRIL)
    drafts = sorted(path for path in in_memory.reports.files if path.startswith("2026-03/"))
    aside = await left(in_memory)
    with pytest.raises(ClosingRefused, match="set aside by publish of 2026-03: 1 parts"):
        await in_memory.close("2026-03", AFTER_GRACE)
    closed = await in_memory.close("2026-03", AFTER_GRACE, override="the file is not needed")

    assert len(drafts) == 4
    assert ("publish", "2026-03", 1) in aside
    assert "write_nonsense" in closed.history[-1].overridden[0]
    assert ("publish", "2026-03", 1) not in await left(in_memory)
