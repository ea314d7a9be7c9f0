"""Lays entries of the audit log out as a table, with a line for each act and each read."""

from collections.abc import Iterable, Iterator

import msgspec

from chargeback.api.conventions.formats import AnswerTable, Cell, CellType
from chargeback.api.costs.rows import moment_text
from chargeback.domain.audit_log.actor import Actor
from chargeback.domain.audit_log.entry import AuditEntry
from chargeback.domain.audit_log.entry_filter import EntryFilter

_TEXTS = (
    "at", "phase", "actor", "name", "roles", "door", "requestId", "address", "agent", "act", "target", "reason",
    "document", "before", "after", "outcome", "error", "asked",
)  # fmt: skip
_COLUMNS = {"number": CellType.COUNT, "began": CellType.COUNT, **dict.fromkeys(_TEXTS, CellType.TEXT)}
_COLUMNS |= {"times": CellType.COUNT}


def audit_table(entries: Iterable[AuditEntry], asked: EntryFilter) -> AnswerTable:
    """The entries, and those reads in them that are asked for."""
    return AnswerTable(_COLUMNS, [row for each in entries for row in _rows(each, asked)])


def _rows(entry: AuditEntry, asked: EntryFilter) -> Iterator[tuple[Cell, ...]]:
    if entry.actor is not None:
        yield (
            *(entry.number, entry.began, moment_text(entry.at), entry.phase.value, *_who(entry.actor)),
            *(entry.act, entry.target, entry.reason, entry.document, _json(entry.before), _json(entry.after)),
            *(entry.outcome, entry.error, "", 1),
        )
    for each in asked.reads_in(entry):
        yield (
            *(entry.number, None, moment_text(each.at), entry.phase.value, *_who(each.actor)),
            *(each.act, each.target, "", "", "", "", "", "", each.asked, each.times),
        )


def _who(actor: Actor) -> tuple[str, ...]:
    source = actor.source
    return actor.id, actor.name, " ".join(actor.roles), source.door, source.request_id, source.address, source.agent


def _json(part: object) -> str:
    return "" if part is None else msgspec.json.encode(part).decode()
