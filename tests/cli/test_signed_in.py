"""Who sits at the terminal: a command that changes something asks Entra, and nobody else's name goes on the record."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
import typer
from azure.identity import CredentialUnavailableError

from chargeback.cli.exit_codes import ExitCode
from chargeback.cli.signed_in import acting, named_for
from chargeback.domain.access.app_roles import AppRole
from chargeback.domain.access.permissions import Permission
from chargeback.domain.access.requester import Identity, Requester
from chargeback.domain.errors import InvalidConfig, NotAllowed, NotSignedIn
from stack.stack import Stack
from tests.support.command_line import chargeback
from tests.support.people import REGISTERED, Terminal, person

ANN = Requester(Identity("t", "0f8d"), "Ann Lee", frozenset({AppRole.FINANCE}), login="ann.lee@contoso.example")


class Away:
    """A machine on which nobody is signed in."""

    async def get_token(self, *_: str) -> None:
        raise CredentialUnavailableError("Please run 'az login' to set up an account\nmore words")


def sign_in(terminal: Terminal, by: str | None = None, **changed: Any) -> Requester:
    container = SimpleNamespace(**terminal.services | changed)
    return asyncio.run(acting(container, Permission.CHANGE_PERIODS, by))  # type: ignore[arg-type]


def test_the_record_names_whoever_the_token_is_of() -> None:
    terminal = Terminal(ANN)

    found = sign_in(terminal)

    assert found.by == "Ann Lee [0f8d]"
    assert terminal.asked_for == [f"api://{REGISTERED}/.default"]


@pytest.mark.parametrize("by", ["Ann Lee", "ANN.LEE@contoso.example", "0f8d", "person:t/0f8d"])
def test_a_name_may_repeat_what_the_token_says(by: str) -> None:
    assert sign_in(Terminal(ANN), by) == ANN


@pytest.mark.parametrize("by", ["Ann", "Kim Ito", "ann.lee@elsewhere.example"])
def test_another_name_is_refused_with_both(by: str) -> None:
    with pytest.raises(typer.BadParameter, match=rf"--by says '{by}', and you are signed in as Ann Lee \(ann\.lee@"):
        sign_in(Terminal(ANN), by)


def test_whoever_lacks_the_role_is_told_which_it_takes() -> None:
    with pytest.raises(NotAllowed, match=r"aki \(person:.*\) may not do that: it takes the role Chargeback.Finance or"):
        sign_in(Terminal(person("aki", AppRole.AUDITOR)))


def test_without_a_sign_in_the_command_says_how_to() -> None:
    with pytest.raises(NotSignedIn, match=rf"az login --scope api://{REGISTERED}/.default\n  .*Please run 'az login'"):
        sign_in(Terminal(ANN), credential=Away())


def test_a_token_that_is_not_to_be_trusted_signs_nobody_in() -> None:
    with pytest.raises(NotSignedIn, match="is not one of tenant"):
        sign_in(Terminal(ANN, sits="stranger"))


def test_without_a_registration_nobody_changes_anything() -> None:
    settings = SimpleNamespace(api_client_id=None)

    with pytest.raises(InvalidConfig, match="API_CLIENT_ID: is not set"):
        sign_in(Terminal(ANN), settings=settings)


def test_a_dry_run_asks_nobody() -> None:
    terminal = Terminal(ANN)
    container: Any = SimpleNamespace(**terminal.services)

    assert asyncio.run(named_for(container, Permission.CHANGE_PERIODS, None, is_dry_run=True)) == "nobody"
    assert terminal.asked_for == []


CHANGING = [
    "config apply",
    "budgets override product --amount 5 --until 2999-01-01 --reason r",
    "budgets create FILE --reason r",
    "budgets change product --amount 5 --reason r",
    "budgets delete product --reason r",
    "periods approve 2026-03",
    "periods close 2026-03",
    "periods correct 2026-03 --reason r",
    "reconcile 2026-03 --true-up",
    "reconcile 2026-03 --no-true-up",
    "audit --day 2026-03-01 --accept-loss --reason r",
    "set-aside --retry",
    "replay",
    "replay --dead-letters",
    "ingest -",
    "reconcile 2026-03",
    "postings make 2026-03",
    "postings accrue 2026-03",
    "postings plan 2026-03",
    "publish 2026-03",
    "post",
    "settle",
    "audit",
    "objects rebuild",
    "postings confirm CB-1 --erp-number 1 --posted 2026-04-01",
]


@pytest.mark.parametrize("command", CHANGING)
def test_every_command_that_changes_something_refuses_whoever_has_no_role(stack: Stack, command: str) -> None:
    with stack.signed_in_as("nobody"):
        code, _, errors = chargeback(*command.split())

    assert code == ExitCode.FAILED
    assert "Nina Roth (nina.roth@contoso.example) may not do that: it takes the role Chargeback." in errors


def test_an_application_without_a_role_changes_nothing_either(stack: Stack) -> None:
    with stack.signed_in_as(""):
        code, _, errors = chargeback("set-aside", "--retry")

    assert code == ExitCode.FAILED
    assert "functions (application:" in errors
