"""Whatever a command changes is in the audit log; a command that is forgotten in its table cannot change anything."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest
from typer.main import get_command

from chargeback.adapters.memory.audit_entries import MemoryAuditEntries
from chargeback.adapters.memory.stores import MemoryControl
from chargeback.adapters.recording.control import RecordedControl, UnrecordedChangeError
from chargeback.bootstrap import Container
from chargeback.cli import app
from chargeback.cli.command_acts import CHANGING, WITH_OPTION, AskedCommand, NotedCommand, begin_as, command_act
from chargeback.cli.command_acts import asked as asked_now
from chargeback.domain.access.requester import Identity, Requester
from chargeback.domain.audit_log.acts import Act
from chargeback.domain.audit_log.entry import AuditEntry
from chargeback.services.audit_log.audit_log import AuditLog
from tests.cli.test_exit_codes import commands
from tests.support.audit_log import entries_in, ticking

CHANGING_NOTHING = {
    *("alerts list", "alerts show", "anomalies", "audit-log list", "audit-log show", "audit-log verify"),
    *("budgets explain", "budgets history", "budgets overrides", "budgets replay", "budgets status", "conflicts"),
    *("config diff", "config validate", "count-tokens", "explain", "forecast", "objects owner", "periods list"),
    *("periods reopen", "periods show", "periods verify", "postings compare", "postings show"),
    *("prices check", "prices diff", "prices propose"),
}
"""Commands that write to no store."""

CHANGING_FILES = {
    *("budgets import", "config init", "config upgrade"),
    *(f"config add {name}" for name in ("budget", "cost-centre", "list-price", "model", "price", "region", "team")),
}
"""Commands that write files on this machine, which `config apply` or a deployment brings into force."""


def test_every_command_is_known_to_change_something_or_nothing() -> None:
    assert set(commands()) == {*CHANGING, *CHANGING_NOTHING, *CHANGING_FILES}
    assert not CHANGING.keys() & (CHANGING_NOTHING | CHANGING_FILES)


def test_an_option_that_makes_another_act_is_an_option_of_its_command() -> None:
    for words, name in WITH_OPTION:
        assert name in {each.name for each in commands()[words].params}


def test_every_command_is_known_while_it_runs() -> None:
    assert {type(each) for each in commands(command=get_command(app)).values()} == {NotedCommand}


def recorded(asked: AskedCommand, kind: str, requester: Requester | None = None) -> list[AuditEntry]:
    """The entries of a command that writes a document of a kind."""
    entries, control = MemoryAuditEntries(), RecordedControl(MemoryControl())

    async def run() -> list[AuditEntry]:
        container = cast(Container, SimpleNamespace(audit_log=AuditLog(entries, ticking())))
        async with command_act(container):
            if requester is not None:
                await begin_as(requester)
            await control.swap(kind, "one", {}, None)
        return await entries_in(entries)

    token = asked_now.set(asked)
    try:
        return asyncio.run(run())
    finally:
        asked_now.reset(token)


def test_a_command_is_recorded_with_who_is_signed_in_what_it_does_and_to_what() -> None:
    asked = AskedCommand("periods approve", {"period": "2026-03", "reason": "agreed", "withdraw": False})
    kim = Requester(Identity("tenant", "kim"), "Kim Ito")

    begun, changing, concluded = recorded(asked, "period", kim)

    assert (begun.act, begun.target, begun.reason) == ("period.approve", "period:2026-03", "agreed")
    assert begun.actor == changing.actor == concluded.actor
    assert begun.actor is not None
    assert (begun.actor.id, begun.actor.source.door) == ("person:tenant/kim", "cli")
    assert begun.actor.source.agent.endswith(" periods approve")


@pytest.mark.parametrize(
    ("words", "parameters", "act", "target"),
    [
        ("periods approve", {"period": "2026-03", "withdraw": True}, Act.WITHDRAW_APPROVAL, "period:2026-03"),
        ("audit", {"accept_loss": True, "day": ["2026-03-04"]}, Act.ACCEPT_LOSS, "day:2026-03-04"),
        ("audit", {"accept_loss": False, "day": []}, Act.RUN_JOB, "command:audit"),
        ("config apply", {"by": "ann"}, Act.APPLY_CONFIG, "command:config apply"),
        ("budgets override", {"budget": "team-a"}, Act.OVERRIDE_BUDGET, "budget:team-a"),
        ("periods list", {}, None, "command:periods list"),
    ],
)
def test_an_act_and_its_target_follow_from_the_command_line(
    words: str, parameters: dict[str, Any], act: Act | None, target: str
) -> None:
    asked = AskedCommand(words, parameters)

    assert (asked.act, asked.target) == (act, target)


def test_a_command_that_changes_nothing_by_the_table_cannot_change_what_people_decide() -> None:
    with pytest.raises(UnrecordedChangeError):
        recorded(AskedCommand("periods list", {}), "period")


def test_a_command_that_only_works_things_out_leaves_no_entry() -> None:
    assert recorded(AskedCommand("post", {}), "audit") == []
