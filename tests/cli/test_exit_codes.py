"""How commands end, and what they print with --json: both are what scripts build on."""

import asyncio
import inspect
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
import typer
from typer.main import get_command

from chargeback.adapters.memory.stores import MemoryControl
from chargeback.cli import app, days, events, objects, reconcile, set_aside, tokens
from chargeback.cli.exit_codes import ExitCode, finish
from chargeback.domain.access.app_roles import AppRole
from chargeback.services.usage.post import Posted
from tests.support.builders import DAY
from tests.support.people import Terminal, person
from tests.support.reconciled_months import reconciled
from tests.surface.documents import DOCUMENTS

ROOT = Path(__file__).parents[2]
REFUSING = {"periods reopen"}
"""Commands that only ever say no."""


def commands(name: str = "", command: Any = None) -> Mapping[str, Any]:
    """Each command by its name."""
    command = command or get_command(app)
    below = getattr(command, "commands", None)
    if below is None:
        return {name: command}
    return {k: v for each, inner in below.items() for k, v in commands(f"{name} {each}".strip(), inner).items()}


def test_every_command_prints_json_of_a_type_that_is_listed() -> None:
    with_json = {name for name, each in commands().items() if any("--json" in option.opts for option in each.params)}

    assert with_json == set(DOCUMENTS)
    assert set(commands()) - with_json == REFUSING


def test_every_command_that_may_end_with_findings_is_in_the_table_of_operations() -> None:
    table = (ROOT / "docs/operations.md").read_text("utf-8").partition("| Ends with 3 when |")[2].partition("\n\n")[0]
    listed = {
        name.partition(" --")[0]
        for row in table.splitlines()
        for name in re.findall(r"`([a-z -]+)`", row.rpartition(" | ")[2])
    }
    ending = {
        name for name, each in commands().items() if "finish(" in inspect.getsource(inspect.unwrap(each.callback))
    }

    assert ending - listed == set()


def test_every_option_that_takes_a_value_states_its_default_or_the_option_that_it_belongs_to() -> None:
    silent = [
        f"{name} {option.opts[0]}"
        for name, command in commands().items()
        for option in command.params
        if not (getattr(option, "is_flag", False) or option.required)
        if not (option.default not in (None, "") and option.show_default)
        if "Default: " not in option.help and not option.help.startswith("With --")
    ]

    assert silent == []


@pytest.mark.parametrize("kind", DOCUMENTS.values(), ids=DOCUMENTS)
def test_a_document_has_names_in_camel_case_and_no_amount_as_a_number(kind: type[msgspec.Struct]) -> None:
    schema = msgspec.json.schema(kind)

    for each in schema["$defs"].values():
        assert not [name for name in each.get("properties", {}) if "_" in name]
    assert '"number"' not in json.dumps(schema)


def test_codes_are_what_scripts_rely_on() -> None:
    assert {each.name: int(each) for each in ExitCode} == {"DONE": 0, "FAILED": 1, "USAGE": 2, "FINDINGS": 3}
    finish(has_findings=False)
    with pytest.raises(typer.Exit) as ended:
        finish(has_findings=True)
    assert ended.value.exit_code == ExitCode.FINDINGS


class Result(SimpleNamespace):
    """What a service returns, by attribute."""


async def returns(value: Any) -> Any:
    return value


def within(monkeypatch: pytest.MonkeyPatch, module: Any, **parts: Any) -> None:
    """Have a command module work with these parts of a container, and an admin at the terminal."""
    admin = Terminal(person("ada", AppRole.ADMIN)).services

    def run(work: Callable[[Any], Awaitable[None]]) -> None:
        asyncio.run(work(SimpleNamespace(**admin | parts)))  # type: ignore[arg-type]

    monkeypatch.setattr(module, "run", run)


def ends_with(command: Callable[[], None]) -> ExitCode:
    try:
        command()
    except typer.Exit as ended:
        return ExitCode(ended.exit_code)
    return ExitCode.DONE


@pytest.mark.parametrize(("left_out", "ends"), [(0, ExitCode.DONE), (2, ExitCode.FINDINGS)])
def test_settling_ends_with_findings_where_something_was_set_aside(
    left_out: int, ends: ExitCode, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    done = Result(settled=3, recovered=1, estimated=0, waiting=4, set_aside=left_out)
    within(monkeypatch, days, settler=SimpleNamespace(settle=lambda *_, **__: returns(done)))

    assert ends_with(lambda: days.settle(as_json=True)) is ends
    assert msgspec.json.decode(capsys.readouterr().out, type=days.SettledStreams) == days.SettledStreams(
        3, 1, 0, 4, left_out
    )


@pytest.mark.parametrize(("batches", "ends"), [([], ExitCode.DONE), (["2026-03-20/a"], ExitCode.FINDINGS)])
def test_the_list_of_what_is_set_aside_ends_with_findings_unless_it_is_empty(
    batches: list[str], ends: ExitCode, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = SimpleNamespace(all=lambda: returns([])), SimpleNamespace(batches=lambda: returns(batches))
    within(monkeypatch, set_aside, set_aside=kept[0], quarantine=kept[1])

    assert ends_with(lambda: set_aside.set_aside(as_json=True)) is ends
    printed = msgspec.json.decode(capsys.readouterr().out, type=set_aside.ListedParts)
    assert (printed.set_aside, printed.quarantined_batches) == ((), len(batches))


def test_owners_are_printed_in_the_order_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    known = {"b": Result(owner="user/x", product="standard", backend="oai")}
    within(monkeypatch, objects, object_index=SimpleNamespace(find=lambda _: returns(known)))

    assert ends_with(lambda: objects.owner(["b", "a"], as_json=True)) is ExitCode.FINDINGS
    printed = msgspec.json.decode(capsys.readouterr().out, type=objects.OwnedObjects)
    assert printed.objects == (objects.OwnedObject("b", "user/x", "standard", "oai"), objects.OwnedObject("a"))


def test_contradicting_events_are_findings(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    event = Result(call="c", written=0, type="t", time="2026-03-20T10:00:00Z", source="s", id="i")
    monkeypatch.setattr(
        "chargeback.services.usage.list_conflicts.list_conflicts", lambda *_, **__: returns([event, event])
    )
    within(monkeypatch, events, ledger=None)

    assert ends_with(lambda: events.conflicts("2026-03-20", as_json=True)) is ExitCode.FINDINGS
    printed = msgspec.json.decode(capsys.readouterr().out, type=events.DifferingEvents)
    assert [each.call for each in printed.events] == ["c", "c"]


def test_tokens_are_printed_as_json(tmp_path: Any, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "text"
    file.write_text("hello world")

    tokens.count_tokens(str(file), "gpt-4o", as_json=True)

    printed = msgspec.json.decode(capsys.readouterr().out, type=tokens.CountedTokens)
    assert printed == tokens.CountedTokens("gpt-4o", "o200k_base", 2, guessed=False)


@pytest.mark.parametrize(("unpriced", "ends"), [(0, ExitCode.DONE), (1, ExitCode.FINDINGS)])
def test_posting_ends_with_findings_where_usage_has_no_price(
    unpriced: int, ends: ExitCode, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def post(_: object, report: Callable[[Posted], None]) -> None:
        report(Posted(DAY, records=2, unpriced=unpriced))

    parts = SimpleNamespace(look=lambda _: returns(None))
    within(monkeypatch, days, poster=SimpleNamespace(post=post), ledger_parts=parts)

    assert ends_with(lambda: days.post(as_json=True)) is ends
    printed = msgspec.json.decode(capsys.readouterr().out, type=days.PostedDays)
    assert [(each.day, each.records, each.unpriced) for each in printed.days] == [(DAY, 2, unpriced)]


@pytest.mark.parametrize(("invoiced", "ends"), [("100", ExitCode.DONE), ("300", ExitCode.FINDINGS)])
def test_reconciling_ends_with_findings_where_the_variance_is_above_the_tolerance(
    invoiced: str, ends: ExitCode, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = reconciled(invoiced, "100")
    service = SimpleNamespace(reconcile=lambda *_, **__: returns(found))
    within(monkeypatch, reconcile, reconciler=service, control=MemoryControl())

    assert ends_with(lambda: reconcile.reconcile(found.period, as_json=True)) is ends
    printed = msgspec.json.decode(capsys.readouterr().out, type=reconcile.ReconciledPeriod)
    assert printed.report.tolerance.exceeded is (ends is ExitCode.FINDINGS)
    assert printed.true_up is None
