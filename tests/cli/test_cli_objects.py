"""`objects owner` and `objects rebuild`: whose an object is, and the index again from the ledger alone."""

import asyncio
from types import SimpleNamespace

import pytest
import typer

from chargeback.adapters.memory.stores import MemoryLedger, MemoryMarks, MemoryObjects
from chargeback.cli import objects
from chargeback.cli.exit_codes import ExitCode
from chargeback.services.usage.index_objects import ObjectIndex
from tests.support.builders import DAY, usage_event
from tests.support.people import signed_in


def test_the_index_is_made_again_from_the_ledger_and_says_whose_an_object_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger, kept = MemoryLedger(), MemoryObjects()
    container = SimpleNamespace(ledger=ledger, object_index=ObjectIndex(ledger, kept, MemoryMarks()))
    monkeypatch.setattr(objects, "run", lambda work: asyncio.run(work(container)))
    monkeypatch.setattr(objects, "acting", signed_in)
    asyncio.run(ledger.append(DAY, [usage_event(), usage_event(objectId="file-1")]))
    asyncio.run(ledger.append("2026-03-19", [usage_event(objectId="file-2", subscriptionId="support")]))

    with pytest.raises(typer.Exit) as unknown:
        objects.owner(["file-1"])
    objects.rebuild(day=["2026-03-19"])
    one_day = set(kept.known)
    objects.rebuild(day=None)
    objects.rebuild(day=None)
    objects.owner(["file-1"])
    with pytest.raises(typer.Exit):
        objects.owner(["file-1", "file-3"])

    assert one_day == {"file-2"}
    assert unknown.value.exit_code == ExitCode.FINDINGS
    assert capsys.readouterr().out.splitlines() == [
        "file-1: unknown",
        "1 objects of 1 days",
        *["2 objects of 2 days"] * 2,
        *["file-1: subscription/search, product standard, at oai-swedencentral.openai.azure.com"] * 2,
        "file-3: unknown",
    ]
