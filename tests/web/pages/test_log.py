"""The log on a page: who did what with the proof of it, what could not be handled, and having it tried again."""

import csv
import io
from datetime import UTC, datetime

import pytest

from chargeback.services.running.set_aside import Stage
from tests.support.builders import usage_event
from tests.support.page_worlds import HOSTILE, PageWorld, world_over
from tests.support.pages import FORM_TOKEN
from tests.support.shown_pages import shown, table_of
from tests.support.waiting_month import PAGE, WaitingMonths, visitor
from tests.web.conftest import World

pytestmark = pytest.mark.anyio


async def test_acts_are_listed_the_latest_first_and_found_by_what_they_are_about(world: World) -> None:
    built = await world("ordinary")
    async with visitor(built, "auditor") as auditor:
        head, every, _ = table_of(await auditor.see("/log"))
        found = {
            query: table_of(await auditor.see(f"/log?{query}"))[1]
            for query in ("act=period.approve", "target=period:2026-02", "actor=admin")
        }
        nothing = await auditor.see("/log?actor=no-such-person")
        wrong = await auditor.see("/log?since=yesterday", 400)

    place = {name: n for n, name in enumerate(head)}
    assert [int(row[0]) for row in every] == sorted((int(row[0]) for row in every), reverse=True)
    assert not [row for row in every if row[place["How far"]] == "read"]
    assert {row[place["What"]] for row in found["act=period.approve"]} == {"approved a month period.approve"}
    assert {row[place["To what"]] for row in found["target=period:2026-02"]} == {"period:2026-02"}
    assert all("object-admin" in row[place["Who"]] for row in found["actor=admin"])
    assert "Nobody did anything like that" in nothing.words
    assert "neither a day nor a time" in wrong.words


@pytest.mark.parametrize("number", ["0", "999", "9" * 5_000, "one", "٣", "-1"])
async def test_what_is_no_entry_is_not_found(world: World, number: str) -> None:
    built = await world("empty")
    async with visitor(built, "auditor") as auditor:
        assert "there is no such" in (await auditor.see(f"/log/{number}", 404)).words.lower()


async def test_reads_of_the_data_of_others_are_listed_where_they_are_asked_for(world: World) -> None:
    built = await world("ordinary")
    async with visitor(built, "auditor") as auditor:
        page = await auditor.see("/log?reads=yes&actor=auditor&act=listAuditEntries")

    _, rows, _ = table_of(page)
    assert rows
    assert all("read data of others listAuditEntries" in row for row in rows)


async def test_earlier_entries_come_page_by_page_with_the_same_filters() -> None:
    world = world_over()
    for n in range(60):
        await world.act("operator", "POST", "/set-aside/retry", reason=f"try {n}")
    async with visitor(world, "admin") as admin:
        first = await admin.see("/log?act=set-aside")
        second = await admin.see(first.link("Earlier entries"))
        back = await admin.see(second.link("The latest"))
        file = await admin.browser.get(first.link("All of these as CSV"))

    numbers = [[int(row[0]) for row in table_of(page)[1]] for page in (first, second, back)]
    assert len(numbers[0]) == 50
    assert max(numbers[1]) < min(numbers[0])
    assert numbers[2] == numbers[0]
    assert [each.attributes["value"] for each in second.all("input", name="act")] == ["set-aside"]
    rows = list(csv.DictReader(io.StringIO(file.text, newline="")))
    assert {row["act"] for row in rows} == {"set-aside.retry"}
    assert len(rows) > 100
    assert file.headers["content-type"].startswith("text/csv")


async def test_the_file_has_every_entry_however_many_the_api_gives_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_over()
    for n in range(5):
        await world.act("operator", "POST", "/set-aside/retry", reason=f"try {n}")
    async with visitor(world, "admin") as admin:
        whole = await admin.browser.get("/log/entries.csv?act=set-aside")
        monkeypatch.setattr("chargeback.api.audit_log._MOST_READ", 3)
        in_parts = await admin.browser.get("/log/entries.csv?act=set-aside")

    assert len(whole.text.splitlines()) > 10
    assert in_parts.text == whole.text
    assert "link" not in whole.headers


async def test_an_entry_says_what_differs_its_hash_and_whether_it_is_whole(waiting_month: WaitingMonths) -> None:
    world = await waiting_month()
    async with visitor(world, "finance") as finance, visitor(world, "admin") as admin:
        await finance.do(f"{PAGE}/approve", reason=HOSTILE[0])
        rows = table_of(await admin.see("/log?act=period.approve"))[1]
        changing = next(row[0] for row in rows if "replaces a document" in row)
        page = await admin.see(f"/log/{changing}")
        kept = world.container.audit_entries.documents[f"{int(changing):012}"]
        world.container.audit_entries.documents[f"{int(changing):012}"] = kept | {
            "text": kept["text"].replace("2", "3")
        }
        changed = await admin.browser.get(f"/log/{changing}")

    _, parts, _ = table_of(page, 1)
    assert ["approval.reason", "\N{EN DASH}", HOSTILE[0]] in parts
    assert kept["hash"] in page.words
    assert "whole Its text has its hash" in page.words
    assert changed.status_code == 404 or "not whole" in shown(changed.text).words


async def test_only_auditors_and_admins_see_the_audit_log_and_operators_see_their_part(world: World) -> None:
    built = await world("ordinary")
    for who, log, repairs in (
        ("auditor", 200, 200), ("admin", 200, 200), ("operator", 404, 200), ("finance", 404, 404), ("owner", 404, 404),
        ("user", 404, 404), ("nobody", 404, 404),
    ):  # fmt: skip
        async with visitor(built, who) as visiting:
            for path in ("/log/1", "/log/entries.csv"):
                await _has_status(visiting.browser.get(path), log, who)
            for path in ("/log/set-aside", "/log/quarantine", "/log/operations"):
                await _has_status(visiting.browser.get(path), repairs, who)


async def _has_status(asked: object, status: int, who: str) -> None:
    answer = await asked  # type: ignore[misc]
    assert answer.status_code == status, (who, str(answer.url))


async def broken() -> PageWorld:
    """Something is set aside, and two events are in quarantine."""
    world = world_over()
    await world.container.set_aside.note(Stage.POST, "2026-03-05", {HOSTILE[0]: HOSTILE[1], "b": "no room"})
    event = usage_event(id="broken", subscriptionId="search", usage={"prompt_tokens": -1})
    await world.container.ingest.ingest([event, b"{}"], datetime.now(UTC))
    return world


async def test_what_is_set_aside_is_told_with_its_reasons_and_tried_again_once() -> None:
    world = await broken()
    async with visitor(world, "operator") as operator:
        page = await operator.see("/log")
        form = await operator.see(page.link("Try it again"))
        filled_in = await operator.fill_in("/log/again/set-aside", reason="the disk is larger")
        first, second = await operator.send(*filled_in), await operator.send(*filled_in)
        meanwhile = await operator.see("/log/set-aside")
        await world.container.operation_runner.run_waiting()
        done = await operator.see(first.headers["location"])
        listed = await operator.see("/log/operations")

    assert "posting the day" in page.words
    assert HOSTILE[1] in page.text
    assert "2 parts of 1 days or months are set aside." in form.words
    assert first.headers["location"] == second.headers["location"]
    assert "waits, asked for by operator" in meanwhile.words
    assert "the disk is larger" in done.words
    assert len(table_of(listed)[1]) == 1


async def test_quarantined_events_are_told_with_their_reasons_and_taken_in_again() -> None:
    world = await broken()
    async with visitor(world, "operator") as operator:
        page = await operator.see("/log/quarantine")
        batches = [each.attributes["href"] for each in page.all("a") if "/log/quarantine/" in each.attributes["href"]]
        details = [await operator.see(each) for each in batches]
        answer = await operator.do("/log/again/quarantine")
        await world.container.operation_runner.run_waiting()
        done = await operator.see(answer.headers["location"])
        await operator.see("/log/quarantine/no-such-batch", 404)

    assert any("absurd-quantity" in each.words for each in details)
    assert "0 events are taken in" in done.words
    assert "2 stay in quarantine" in done.words


async def test_auditors_look_at_repairs_and_do_none() -> None:
    world = await broken()
    async with visitor(world, "operator") as operator:
        path, form = await operator.fill_in("/log/again/set-aside")
        foreign = await operator.send(path, form | {"form_token": "another"})
    async with visitor(world, "auditor") as auditor:
        page = await auditor.see("/log/set-aside")
        await auditor.see("/log/again/set-aside", 404)
        answer = await auditor.send(path, form | {"form_token": FORM_TOKEN})

    assert "Try it again" not in page.words
    assert (answer.status_code, foreign.status_code) == (403, 403)
    assert await world.container.operations.waiting() == ()


async def test_where_nothing_is_left_there_is_nothing_to_try(world: World) -> None:
    async with visitor(await world("empty"), "admin") as admin:
        for path, said in (
            ("/log/set-aside", "Nothing is set aside."),
            ("/log/again/set-aside", "Nothing is set aside."),
            ("/log/again/quarantine", "Nothing is in quarantine."),
            ("/log/operations", "Nobody asked for anything yet."),
        ):
            page = await admin.see(path)
            assert said in page.words
            assert len(page.all("form", method="post")) == 1  # signing out
