"""The commands of budgets: older files are read, and a changed limit says who changed it, until when and why."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
import typer
import yaml

from chargeback.adapters.config.catalogue import load_catalogue
from chargeback.adapters.memory.stores import MemoryCatalogues, MemoryControl
from chargeback.cli import budgets
from chargeback.cli.exit_codes import ExitCode
from chargeback.domain.access.app_roles import AppRole
from chargeback.domain.access.requester import RowScope
from chargeback.domain.terms.terms import Terms
from chargeback.services.budgets.overrides import BudgetOverrides
from stack.example import EXAMPLE_CONFIG
from tests.support.budgets import monthly
from tests.support.people import Terminal, person


@pytest.fixture
def terminal() -> Terminal:
    names = ("ada", "bob")
    return Terminal(*(person(name, AppRole.FINANCE, scope=RowScope(everything=True)) for name in names))


@pytest.fixture(autouse=True)
def container(monkeypatch: pytest.MonkeyPatch, terminal: Terminal) -> SimpleNamespace:
    terms = Terms(budgets=[monthly("product", 9, 80)])
    catalogues = MemoryCatalogues(load_catalogue(EXAMPLE_CONFIG), settled_by=terms)
    made = SimpleNamespace(
        catalogues=catalogues, budget_overrides=BudgetOverrides(MemoryControl(), catalogues), **terminal.services
    )
    monkeypatch.setattr(budgets, "run", lambda work: asyncio.run(work(made)))
    return made


def days_from_now(days: int) -> str:
    return f"{datetime.now(UTC) + timedelta(days=days):%Y-%m-%d}"


def test_an_override_is_told_and_listed_with_who_made_it_and_why(
    terminal: Terminal, capsys: pytest.CaptureFixture[str]
) -> None:
    budgets.overrides()
    budgets.override("product", "50.5", days_from_now(9), "a launch")
    made = capsys.readouterr().out.splitlines()
    terminal.sits = "bob"
    budgets.override("product", "-5", days_from_now(2), "it is over")
    capsys.readouterr()
    budgets.overrides()
    listed = capsys.readouterr().out.splitlines()

    assert made[0] == "no limit was ever overridden"
    assert made[1].startswith("product: +50.5 USD from ")
    assert made[1].endswith(f"until {days_from_now(9)}T00:00Z, by ada [object-ada]: a launch")
    assert listed[0].endswith(f"(it was to be {days_from_now(9)}T00:00Z), by ada [object-ada]: a launch")
    assert listed[1].startswith("product: \u22125 USD from ")


def test_overrides_can_be_read_by_a_script(capsys: pytest.CaptureFixture[str]) -> None:
    budgets.override("product", "50", days_from_now(9), "a launch")
    capsys.readouterr()

    budgets.overrides(as_json=True)

    (shown,) = json.loads(capsys.readouterr().out)["overrides"]
    assert (shown["budget"], shown["amount"], shown["currency"]) == ("product", "50", "USD")
    assert shown["until"] == shown["ends"] == f"{days_from_now(9)}T00:00:00Z"


def test_an_older_file_is_printed_as_entries_with_what_was_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "budget-rules.yml"
    file.write_text("budget_rules: {global: {monthly_budget: 1000.0}, model_costs: {}}")

    with pytest.raises(typer.Exit) as ended:
        budgets.import_file(file)

    printed = capsys.readouterr().out
    assert ended.value.exit_code == ExitCode.FINDINGS
    assert printed.startswith("# budget_rules.global: said what may be spent")
    assert yaml.safe_load(printed)["budgets"] == [
        {
            "id": "global",
            "everything": True,
            "amount": 1000,
            "currency": "USD",
            "every": "month",
            "shadow": True,
            "steps": [{"percent": 100, "do": "notify"}],
        }
    ]


@pytest.mark.parametrize(("amount", "until"), [("much", "2999-01-01"), ("5", "soon"), ("5", "2026-13-01")])
def test_an_amount_or_a_time_that_cannot_be_read_is_refused(amount: str, until: str) -> None:
    with pytest.raises(typer.BadParameter, match=r"is not an amount of money|is neither a day|is not a day"):
        budgets.override("product", amount, until, "a launch")
