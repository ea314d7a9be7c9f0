"""Budgets are made, changed and deleted beside the files by commands, and each change says who and why."""

import asyncio
import json
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
import typer

from chargeback.adapters.config.budget_entries import read_entry
from chargeback.adapters.config.catalogue import load_catalogue
from chargeback.adapters.config.terms import load_terms
from chargeback.adapters.memory.stores import MemoryCatalogues, MemoryControl
from chargeback.cli import budget_changes
from chargeback.domain.access.app_roles import AppRole
from chargeback.domain.access.requester import RowScope
from chargeback.domain.errors import InvalidConfig, NotAllowed, NotThere
from chargeback.services.budgets.change_budgets import ChangeBudgets
from chargeback.services.budgets.made_budgets import MadeBudgets
from stack.example import EXAMPLE_CONFIG
from tests.support.people import Terminal, person

ENTRY = "{id: made, costCentre: product/search, amount: 2000, every: month, steps: [{percent: 100, do: block}]}"


@pytest.fixture
def terminal() -> Terminal:
    names = ("ann", "bob", "cleo")
    return Terminal(*(person(name, AppRole.FINANCE, scope=RowScope(everything=True)) for name in names))


@pytest.fixture(autouse=True)
def container(monkeypatch: pytest.MonkeyPatch, terminal: Terminal) -> SimpleNamespace:
    catalogue, control = load_catalogue(EXAMPLE_CONFIG), MemoryControl()
    catalogues = MemoryCatalogues(catalogue, settled_by=load_terms(EXAMPLE_CONFIG, catalogue), control=control)
    changing = ChangeBudgets(MadeBudgets(control), catalogues, partial(read_entry, EXAMPLE_CONFIG))
    made = SimpleNamespace(change_budgets=changing, **terminal.services)
    monkeypatch.setattr(budget_changes, "run", lambda work: asyncio.run(work(made)))
    return made


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "budget.yaml"
    path.write_text(ENTRY)
    return path


def test_each_change_is_told_and_listed(file: Path, terminal: Terminal, capsys: pytest.CaptureFixture[str]) -> None:
    budget_changes.history()
    budget_changes.create(file, "the launch")
    terminal.sits = "bob"
    budget_changes.change("made", "it went well", amount="2500.50")
    terminal.sits = "cleo"
    budget_changes.delete("made", "it is over")
    told = capsys.readouterr().out.splitlines()
    budget_changes.history("made")

    assert told[0] == "no budget was made beside budgets.yaml"
    assert told[1].startswith("made: 2\u202f000 USD every month for cost-centre:product/search from ")
    assert told[2].startswith("made: 2\u202f500.5 USD every month")
    assert told[2].endswith(", by bob [object-bob]: it went well")
    assert told[3].startswith("made: deleted from ")
    assert capsys.readouterr().out.splitlines() == told[1:]


def test_a_script_reads_every_change_as_an_entry(
    file: Path, terminal: Terminal, capsys: pytest.CaptureFixture[str]
) -> None:
    budget_changes.create(file, "the launch")
    terminal.sits = "bob"
    budget_changes.delete("made", "it is over")
    capsys.readouterr()

    budget_changes.history(as_json=True)

    (shown,) = json.loads(capsys.readouterr().out)["budgets"]
    assert [each["by"] for each in shown["changes"]] == ["ann [object-ann]", "bob [object-bob]"]
    assert shown["changes"][0]["budget"]["steps"] == [{"percent": 100, "do": "block"}]
    assert shown["changes"][1]["budget"] is None


def test_a_change_says_what_changes_and_of_which_budget(file: Path) -> None:
    with pytest.raises(typer.BadParameter, match="say what changes"):
        budget_changes.change("made", "no")
    with pytest.raises(typer.BadParameter, match="say what changes"):
        budget_changes.change("made", "no", file=file, amount="1")
    with pytest.raises(NotThere):
        budget_changes.change("made", "no", file=file)
    with pytest.raises(NotThere):
        budget_changes.history("made")


def test_a_file_with_several_budgets_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "budgets.yaml"
    path.write_text(f"budgets: [{ENTRY}, {ENTRY}]")

    with pytest.raises(InvalidConfig, match="expected one budget"):
        budget_changes.create(path, "no")


def test_an_owner_limits_what_is_below_the_own_cost_centre_alone(file: Path, terminal: Terminal) -> None:
    scopes = {"above": "product", "beside": "research", "own": "product/search"}
    for name, centre in scopes.items():
        scope = RowScope(cost_centres=frozenset({centre}))
        terminal.people.known[name] = person(name, AppRole.OWNER, scope=scope)

    for terminal.sits in ("beside", "own"):
        with pytest.raises(NotAllowed, match="may not limit cost-centre:product/search: owners set the budgets below"):
            budget_changes.create(file, "the launch")
    terminal.sits = "above"
    budget_changes.create(file, "the launch")
