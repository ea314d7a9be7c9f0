"""What each command that changes something is in the audit log: the act and its target, from the command line."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import typer
from typer.core import TyperCommand

from chargeback import __version__
from chargeback.bootstrap import Container
from chargeback.cli.exit_codes import ExitCode
from chargeback.domain.access.requester import Requester
from chargeback.domain.audit_log.actor import Actor, RequestSource
from chargeback.domain.audit_log.acts import Act
from chargeback.log_line import current_run
from chargeback.services.audit_log.audit_log import acting
from chargeback.services.audit_log.open_act import under_way

CHANGING: Mapping[str, Act] = {
    "alerts test": Act.TRY_CHANNEL,
    "audit": Act.RUN_JOB,
    "budgets change": Act.CHANGE_BUDGET,
    "budgets create": Act.CREATE_BUDGET,
    "budgets delete": Act.REMOVE_BUDGET,
    "budgets override": Act.OVERRIDE_BUDGET,
    "config apply": Act.APPLY_CONFIG,
    "ingest": Act.INGEST_EVENTS,
    "objects rebuild": Act.REBUILD_OBJECTS,
    "periods approve": Act.APPROVE_PERIOD,
    "periods close": Act.CLOSE_PERIOD,
    "periods correct": Act.CORRECT_PERIOD,
    "post": Act.RUN_JOB,
    "postings accrue": Act.MAKE_POSTINGS,
    "postings confirm": Act.CONFIRM_POSTING,
    "postings import-plan": Act.SET_PLAN,
    "postings make": Act.MAKE_POSTINGS,
    "postings plan": Act.SET_PLAN,
    "publish": Act.RUN_JOB,
    "reconcile": Act.RUN_JOB,
    "replay": Act.REPLAY_EVENTS,
    "set-aside": Act.RETRY_SET_ASIDE,
    "settle": Act.RUN_JOB,
}
"""Every command that writes to a store. A command that changes what people decide and is not here is refused."""

WITH_OPTION: Mapping[tuple[str, str], Act] = {
    ("audit", "accept_loss"): Act.ACCEPT_LOSS,
    ("periods approve", "withdraw"): Act.WITHDRAW_APPROVAL,
    ("reconcile", "true_up"): Act.TRUE_UP_PERIOD,
}
"""Commands that are another act with an option."""

_TARGETS = ("budget", "document", "period", "channel", "day")


@dataclass(frozen=True, slots=True)
class AskedCommand:
    """A command as it was typed: its words without the program's name, and its parameters."""

    words: str
    parameters: Mapping[str, Any]

    @property
    def act(self) -> Act | None:
        """What it does; None for one that changes nothing."""
        other = [act for (words, name), act in WITH_OPTION.items() if words == self.words and self.parameters.get(name)]
        return other[0] if other else CHANGING.get(self.words)

    @property
    def target(self) -> str:
        """To what, such as `period:2026-03`; the command itself where it names nothing."""
        for name in _TARGETS:
            if found := self.parameters.get(name):
                return f"{name}:{','.join(map(str, found)) if isinstance(found, list) else found}"
        return f"command:{self.words}"


asked: ContextVar[AskedCommand | None] = ContextVar("asked", default=None)
"""The command that runs."""


class NotedCommand(TyperCommand):
    """A command that is known by its words and parameters while it runs."""

    def invoke(self, ctx: Any) -> Any:
        """Run it."""
        asked.set(AskedCommand(" ".join(ctx.command_path.split()[1:]), dict(ctx.params)))
        return super().invoke(ctx)


def note_commands(app: typer.Typer) -> None:
    """Have every command of an app known while it runs."""
    for command in app.registered_commands:
        command.cls = NotedCommand
    for group in app.registered_groups:
        if group.typer_instance is not None:
            note_commands(group.typer_instance)


@asynccontextmanager
async def command_act(container: Container) -> AsyncIterator[None]:
    """Whatever the command changes is recorded; nothing is written before somebody signed in, or something changes."""
    command = asked.get()
    if command is None or command.act is None:
        yield
        return
    source = RequestSource("cli", current_run(), agent=f"chargeback/{__version__} {command.words}")
    by, reason = (str(command.parameters.get(name) or "") for name in ("by", "reason"))
    somebody = Actor.unverified(by, source)
    found: typer.Exit | None = None
    async with acting(lambda: container.audit_log, somebody, command.act, command.target, reason=reason):
        try:
            yield
        except typer.Exit as end:
            if end.exit_code != ExitCode.FINDINGS:
                raise
            found = end  # all was done, so that the act did not fail
    if found is not None:
        raise found


async def begin_as(requester: Requester) -> None:
    """Write that the command begins, in the name of whoever is signed in."""
    if opened := under_way.get():
        opened.actor = Actor.of(requester, opened.actor.source)
        await opened.begin()
