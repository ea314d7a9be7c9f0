"""Says entries of the audit log in words: who, what, to what, and which parts of a document differ."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from chargeback.domain.audit_log.actor import Actor
from chargeback.domain.audit_log.acts import Act
from chargeback.domain.audit_log.entry import ActOutcome, AuditEntry, EntryPhase
from chargeback.domain.audit_log.entry_filter import EntryFilter

_ACTS = {
    Act.APPLY_CONFIG: "put a configuration in force",
    Act.OVERRIDE_BUDGET: "overrode a budget",
    Act.CREATE_BUDGET: "made a budget",
    Act.CHANGE_BUDGET: "changed a budget",
    Act.REMOVE_BUDGET: "removed a budget",
    Act.REPLAY_BUDGET: "tried a budget on past usage",
    Act.APPROVE_PERIOD: "approved a month",
    Act.WITHDRAW_APPROVAL: "took an approval back",
    Act.CLOSE_PERIOD: "closed a month",
    Act.CORRECT_PERIOD: "rated a closed month again",
    Act.TRUE_UP_PERIOD: "set a true-up or took it back",
    Act.MAKE_POSTINGS: "made journal documents",
    Act.CONFIRM_POSTING: "confirmed journal documents",
    Act.SET_PLAN: "set a plan",
    Act.INGEST_EVENTS: "took events in",
    Act.REPLAY_EVENTS: "took events in again",
    Act.ACCEPT_LOSS: "accepted a loss of the ledger",
    Act.RETRY_SET_ASIDE: "tried again what was set aside",
    Act.REBUILD_OBJECTS: "made the index of objects again",
    Act.TRY_CHANNEL: "tried an alert channel",
    Act.RUN_JOB: "ran a job of the timers",
    Act.TIMER: "changed something as a timer",
}
_PHASES = {
    EntryPhase.BEGUN: ("begins", ""),
    EntryPhase.CHANGING: ("replaces a document", ""),
    EntryPhase.READ: ("read", ""),
}
_OUTCOMES = {
    ActOutcome.DONE: ("done", "good"),
    ActOutcome.FAILED: ("failed", "bad"),
    ActOutcome.DIED: ("died", "bad"),
}


@dataclass(frozen=True, slots=True)
class LogLine:
    """An act or a read as the list has it.

    Attributes:
        what: in words; `code`: as programs compare it.
        phase: how far it is, in a word; `mark`: how that is marked.
        more: the reason, the document, the error, or what was asked.
    """

    number: int
    at: datetime
    actor: Actor
    what: str
    code: str
    target: str
    phase: str
    mark: str
    more: str


def lines_of(entries: Iterable[AuditEntry], asked: EntryFilter) -> list[LogLine]:
    """A line for each act, and for each read that is asked for."""
    return [line for entry in entries for line in _lines(entry, asked)]


def _lines(entry: AuditEntry, asked: EntryFilter) -> Iterator[LogLine]:
    if entry.actor is not None:
        phase, mark = _phase(entry)
        more = entry.error or entry.document or entry.reason
        what = act_words(entry.act)
        yield LogLine(entry.number, entry.at, entry.actor, what, entry.act, entry.target, phase, mark, more)
    for each in asked.reads_in(entry):
        phase, mark = _PHASES[EntryPhase.READ]
        times = f"{each.times} times " if each.times > 1 else ""
        what = "read data of others"
        yield LogLine(
            entry.number, each.at, each.actor, what, each.act, each.target, phase, mark, f"{times}{each.asked}"
        )


def act_words(act: str) -> str:
    """What somebody did, in words; an act that this version does not know stays as it is."""
    return _ACTS[Act(act)] if act in set(Act) else act


def _phase(entry: AuditEntry) -> tuple[str, str]:
    if entry.outcome in set(ActOutcome):
        return _OUTCOMES[ActOutcome(entry.outcome)]
    return _PHASES.get(entry.phase, (entry.phase.value, ""))


@dataclass(frozen=True, slots=True)
class DocumentDifference:
    """A part of a document before and after; None where it is not there."""

    part: str
    before: str | None
    after: str | None


def differences(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> list[DocumentDifference]:
    """The parts of two versions of a document that an entry has."""
    old, new = (dict(_leaves(each)) if each else {} for each in (before, after))
    return [DocumentDifference(part, old.get(part), new.get(part)) for part in {**old, **new}]


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping) and value:
        for name, part in value.items():
            yield from _leaves(part, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list) and value:
        for place, part in enumerate(value):
            yield from _leaves(part, f"{path}[{place}]")
    else:
        yield path, value if isinstance(value, str) else msgspec.json.encode(value).decode()
