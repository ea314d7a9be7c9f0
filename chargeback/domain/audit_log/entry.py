"""An entry of the audit log, and the text that it is kept as.

The text is written once and kept as it is: its SHA-256 is the entry's hash, and the next entry has it. So no store
changes a hash by writing a number differently, and no newer version by giving entries more fields.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Any

import msgspec

from chargeback.domain.audit_log.actor import Actor

BEFORE_THE_FIRST = "0" * 64
"""What the first entry has as the hash of the one before."""


class EntryPhase(StrEnum):
    """What an entry says of an act."""

    BEGUN = "begun"
    """Somebody is about to change something."""
    CHANGING = "changing"
    """The act is about to replace a document: `before` and `after`."""
    CONCLUDED = "concluded"
    """How the act ended."""
    READ = "read"
    """Somebody read data of others; such entries hold a batch."""


class ActOutcome(StrEnum):
    """How an act ended."""

    DONE = "done"
    FAILED = "failed"
    """It raised; `documents` says what it had replaced before."""
    DIED = "died"
    """Its process died, or could not say how it ended; `documents` says what was found later."""


class DocumentFate(StrEnum):
    """What became of a document that an act was about to replace."""

    REPLACED = "replaced"
    KEPT = "kept"
    """It is as it was before: another run had replaced it first, or the act never came so far."""
    UNKNOWN = "unknown"
    """The answer was lost, or others have replaced it since."""


class DataRead(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A read of data of others, or several equal ones: `times`, the first `at`.

    Attributes:
        act: what was read: an operation of the API such as `getCostSummary`, or a command.
        target: whose: such as `cost-centre:/sales` or `everything`.
        asked: what was asked for, such as the filters of a query.
    """

    at: datetime
    actor: Actor
    act: str
    target: str
    asked: str = ""
    times: int = 1


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One entry.

    Attributes:
        number: its place in the chain, from 1 on, without gaps.
        previous: the hash of the entry before.
        at: UTC.
        writer: the process that wrote it, so that a writer recognises its own entry when the answer was lost.
        began: the number of the entry that began the act; None in that entry itself, and in reads.
        actor: who; None in reads, each of which has its own.
        act: what is done, of `Act`.
        target: to what, such as `period:2026-03`.
        reason: why, as the actor says.
        document: kind and name of the document that is about to be replaced.
        before: what it had, as far as it is to be replaced; shortened where it is long.
        after: what it will have, likewise.
        digests: the SHA-256 of the whole document before and after; empty for none.
        outcome: how the act ended, of `ActOutcome`.
        documents: what became of each document that the act was about to replace, of `DocumentFate`.
        error: what went wrong.
        reads: a batch of reads.
    """

    number: int
    previous: str
    at: datetime
    writer: str
    phase: EntryPhase
    began: int | None = None
    actor: Actor | None = None
    act: str = ""
    target: str = ""
    reason: str = ""
    document: str = ""
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None
    digests: tuple[str, ...] = ()
    outcome: str = ""
    documents: Mapping[str, str] = {}
    error: str = ""
    reads: tuple[DataRead, ...] = ()


class KeptEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An entry as it is kept.

    Attributes:
        id: its number in twelve digits, so that texts sort as numbers do.
        text: the entry as JSON.
        hash: SHA-256 of the text.
    """

    id: str
    text: str
    hash: str


def keep(entry: AuditEntry) -> KeptEntry:
    """The entry as it is kept from now on."""
    text = msgspec.json.encode(entry, order="sorted").decode()
    return KeptEntry(entry_id(entry.number), text, hash_of(text))


def entry_in(kept: KeptEntry) -> AuditEntry:
    """The entry of a text. Raises `msgspec.MsgspecError` where it is none."""
    return msgspec.json.decode(kept.text, type=AuditEntry)


def text_of_phase(phase: EntryPhase) -> str:
    """What the text of every entry with a phase has in it."""
    return f'"phase":"{phase.value}"'


def hash_of(text: str) -> str:
    """The hash of an entry's text."""
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def entry_id(number: int) -> str:
    """The id that the entry with a number is kept under."""
    return f"{number:012}"
