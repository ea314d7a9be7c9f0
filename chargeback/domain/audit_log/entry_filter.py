"""Which entries of the audit log somebody asks for: by who, by what was done, and to what."""

from collections.abc import Iterator
from dataclasses import dataclass

from chargeback.domain.audit_log.actor import Actor
from chargeback.domain.audit_log.entry import AuditEntry, DataRead


@dataclass(frozen=True, slots=True)
class EntryFilter:
    """What is asked for; None: all.

    Attributes:
        actor: a part of an actor's id or name.
        act: how an act begins.
        target: a part of a target.
        with_reads: whether reads of the data of others are asked for, too.
    """

    actor: str | None = None
    act: str | None = None
    target: str | None = None
    with_reads: bool = True

    def lets(self, entry: AuditEntry) -> bool:
        """Whether anything in an entry is asked for."""
        if entry.actor is not None and self._lets(entry.actor, entry.act, entry.target):
            return True
        return any(self.reads_in(entry))

    def reads_in(self, entry: AuditEntry) -> Iterator[DataRead]:
        """The reads of an entry that are asked for."""
        if self.with_reads:
            yield from (each for each in entry.reads if self._lets(each.actor, each.act, each.target))

    def _lets(self, who: Actor, what: str, whose: str) -> bool:
        return (
            (self.actor is None or self.actor in who.id or self.actor in who.name)
            and (self.act is None or what.startswith(self.act))
            and (self.target is None or self.target in whose)
        )
