"""The command that accepts a loss of ledger: its words, and what it prints."""

import asyncio
from types import SimpleNamespace

import pytest
import typer

from chargeback.cli import days as commands
from chargeback.domain.access.app_roles import AppRole
from chargeback.domain.errors import ChargebackError
from chargeback.services.usage.audit_results import AuditResults
from tests.support.builders import NOW, usage_event
from tests.support.catalogues import catalogue
from tests.support.people import Terminal, person
from tests.support.product_in_memory import ProductInMemory, in_memory

OLD = "2026-03-01"


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> ProductInMemory:
    """An old day that was audited with two events and has one left."""
    of = in_memory(catalogue())
    asyncio.run(of.ingest.ingest([usage_event(time=f"{OLD}T10:00:00Z") for _ in range(2)], NOW))
    asyncio.run(of.auditor.audit(NOW))
    del of.ledger.events[OLD][1:]
    terminal = Terminal(person("b.kim", AppRole.OPERATOR))
    container = SimpleNamespace(ledger=of.ledger, control=of.control, auditor=of.auditor, **terminal.services)
    monkeypatch.setattr(commands, "run", lambda work: asyncio.run(work(container)))
    monkeypatch.setattr(commands.os, "cpu_count", lambda: 0)
    return of


def test_a_loss_is_accepted_on_record(short: ProductInMemory, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit):  # what is left of the day has no price
        commands.audit(day=[OLD], accept_loss=True, reason="deleted by mistake")

    result, _ = asyncio.run(AuditResults(short.control).get(OLD))
    assert capsys.readouterr().out.startswith(f"{OLD}: 1 events, 1 calls")
    assert result is not None
    assert [(loss.by, loss.reason) for loss in result.losses] == [("b.kim [object-b.kim]", "deleted by mistake")]
    with pytest.raises(ChargebackError, match="nothing of the ledger of 2026-03-01 is missing"):
        commands.audit(day=[OLD], accept_loss=True, reason="again", by="b.kim")


@pytest.mark.parametrize(
    ("days", "period", "reason"),
    [([OLD], None, " "), ([OLD, "2026-03-02"], None, "gone"), ([], None, "gone"), ([OLD], "2026-03", "gone")],
)
def test_a_loss_is_of_one_day_with_a_reason(days: list[str], period: str | None, reason: str) -> None:
    with pytest.raises(typer.BadParameter, match="add --day and --reason TEXT"):
        commands.audit(day=days, period=period, accept_loss=True, reason=reason)
