"""A command over several days does all of them, and ends with the list of those that failed."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from chargeback.cli import days
from chargeback.domain.errors import SomeFailed, StoreUnavailable
from chargeback.domain.time.days import UtcDay
from tests.support.builders import DAY, NOW, usage_event
from tests.support.catalogues import catalogue
from tests.support.people import signed_in
from tests.support.product_in_memory import in_memory


@pytest.mark.parametrize("command", ["audit", "post"])
def test_a_day_that_fails_keeps_no_other_from_being_done(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    of = in_memory(catalogue())
    asyncio.run(of.ingest.ingest([usage_event()], NOW))
    postings = of.books.postings

    async def fail(day: str) -> Any:
        if day == "2026-03-19":
            raise StoreUnavailable("the partition is full")
        return await postings(day)

    monkeypatch.setattr(of.books, "postings", fail)
    container = SimpleNamespace(poster=of.poster, auditor=of.auditor, catalogues=of.catalogues)
    monkeypatch.setattr(days, "run", lambda work: asyncio.run(work(container)))
    monkeypatch.setattr(days, "acting", signed_in)
    monkeypatch.setattr(days, "_open_day", UtcDay)
    asyncio.run(of.ingest.ingest([usage_event(time="2026-03-19T10:00:00Z")], NOW))

    with pytest.raises(SomeFailed, match="2026-03-19: the partition is full"):
        getattr(days, command)(day=["2026-03-19", DAY])

    assert f"{DAY}: " in capsys.readouterr().out
