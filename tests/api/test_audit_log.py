"""Auditors read the audit log in pages; for others it is not there; and each reading is in it."""

import csv
import io
from typing import Any

import pytest

from chargeback.adapters.memory.audit_entries import MemoryAuditEntries
from chargeback.api import audit_log
from chargeback.domain.access.app_roles import AppRole
from chargeback.domain.access.requester import RowScope
from chargeback.domain.audit_log.acts import Act
from chargeback.domain.audit_log.entry import hash_of
from chargeback.services.audit_log.audit_log import AuditLog
from tests.support.audit_log import KIM, NOW, entries_in, ticking
from tests.support.people import as_person, client_of, person, small_api

pytestmark = pytest.mark.anyio

ALL = RowScope(everything=True)
AUDITOR = person("eve", AppRole.AUDITOR, scope=ALL)
FINANCE = person("ann", AppRole.FINANCE, scope=ALL)


class LogApi:
    """The routes over a log with three acts of two entries."""

    def __init__(self) -> None:
        self.entries = MemoryAuditEntries()
        self.log = AuditLog(self.entries, ticking())

    async def fill(self) -> "LogApi":
        for name in ("a", "b", "c"):
            async with self.log.change(KIM, Act.REPLAY_EVENTS, f"day:{name}"):
                pass
        container: Any = type("C", (), {"audit_entries": self.entries, "audit_log": self.log})
        api = small_api(audit_log.router(container), AUDITOR, FINANCE, audit_log=self.log, audit_entries=self.entries)
        self.client = client_of(api)
        return self

    async def get(self, path: str, name: str = "eve") -> tuple[int, Any]:
        answer = await self.client.get(path, headers=as_person(name))
        return answer.status_code, answer.json()


async def test_the_entries_come_the_latest_first_in_pages_and_the_reading_is_one() -> None:
    api = await LogApi().fill()
    since = f"since={NOW.date()}"

    status, first = await api.get(f"/api/v1/audit-log?{since}&maxpagesize=4")
    _, second = await api.get(first["nextLink"])

    assert status == 200
    assert [each["number"] for each in first["value"]] == [6, 5, 4, 3]
    assert [each["number"] for each in second["value"]] == [2, 1]
    assert "nextLink" not in second
    reads = [each for entry in await entries_in(api.entries) for each in entry.reads]
    assert [each.act for each in reads] == ["listAuditEntries"] * 2
    assert "maxpagesize=4" in reads[0].asked


async def test_entries_are_found_by_target_act_and_actor() -> None:
    api = await LogApi().fill()
    since = f"since={NOW.date()}"

    for asked, expected in (
        ("target=day:b", [4, 3]),
        ("act=events", [6, 5, 4, 3, 2, 1]),
        ("act=period", []),
        ("actor=Kim", [6, 5, 4, 3, 2, 1]),
        ("actor=nobody", []),
    ):
        _, found = await api.get(f"/api/v1/audit-log?{since}&{asked}")
        assert [each["number"] for each in found["value"] if each["phase"] != "read"] == expected


async def test_one_entry_is_read_by_its_number() -> None:
    api = await LogApi().fill()

    status, found = await api.get("/api/v1/audit-log/3")

    assert status == 200
    assert (found["number"], found["target"], found["actor"]["name"]) == (3, "day:b", "Kim Ito")
    for number in ("99", "0", "-1", "x", "9" * 30, "3.0", "0000000003" + "7" * 5, "3" * 5_000):
        assert (await api.get(f"/api/v1/audit-log/{number}"))[0] == 404


async def test_for_those_who_may_not_read_it_there_is_no_log() -> None:
    api = await LogApi().fill()

    assert (await api.get("/api/v1/audit-log", "ann"))[0] == 404
    assert (await api.get("/api/v1/audit-log/3", "ann"))[0] == 404
    assert len(api.entries.documents) == 6


async def test_a_text_that_is_no_time_is_refused() -> None:
    assert (await (await LogApi().fill()).get("/api/v1/audit-log?since=yesterday"))[0] == 400


async def test_an_entry_says_its_hash_and_whether_it_fits_those_beside_it() -> None:
    api = await LogApi().fill()
    kept = api.entries.documents

    whole = [(await api.get(f"/api/v1/audit-log/{number}"))[1] for number in (1, 3, 6)]
    text = kept["000000000003"]["text"].replace("day:b", "day:x")
    kept["000000000003"] = {**kept["000000000003"], "text": text}
    changed = [(await api.get(f"/api/v1/audit-log/{number}"))[1]["whole"] for number in (2, 3, 4)]
    kept["000000000003"] = {**kept["000000000003"], "hash": hash_of(text)}
    rewritten = [(await api.get(f"/api/v1/audit-log/{number}"))[1]["whole"] for number in (2, 3, 4)]

    assert [each["whole"] for each in whole] == [True, True, True]
    assert whole[1]["hash"] == hash_of(text.replace("day:x", "day:b"))
    assert changed == [True, False, True]
    assert rewritten == [True, False, False]


async def test_reads_are_left_out_where_nobody_asks_for_them() -> None:
    api = await LogApi().fill()
    await api.get(f"/api/v1/audit-log?since={NOW.date()}")

    _, found = await api.get(f"/api/v1/audit-log?since={NOW.date()}&reads=false")

    assert [each["number"] for each in found["value"]] == [6, 5, 4, 3, 2, 1]


async def test_the_log_is_a_file_with_a_line_for_each_act_and_each_read() -> None:
    api = await LogApi().fill()
    await api.get("/api/v1/audit-log/3")

    answer = await api.client.get(
        f"/api/v1/audit-log?since={NOW.date()}", headers=as_person("eve") | {"Accept": "text/csv"}
    )

    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert answer.headers["content-type"].startswith("text/csv")
    assert [row["act"] for row in rows] == ["getAuditEntry", *["events.replay"] * 6]
    assert rows[1] | {"number": "6", "target": "day:c", "name": "Kim Ito", "outcome": "done"} == rows[1]
