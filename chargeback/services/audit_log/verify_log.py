"""Reads the whole audit log, compares it with its anchors, and keeps a new one."""

from datetime import datetime

import msgspec

from chargeback.domain.audit_log.chain import Anchor, ChainCheck
from chargeback.services.audit_log.anchors import Anchors
from chargeback.services.ports.audit_entries import AuditEntries


class VerifiedLog(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a verification found.

    Attributes:
        entries: how many documents the log has.
        anchors: how many anchors it was compared with.
        anchored: the number of the last entry that an anchor protects; whatever came later, only the chain does.
        anchored_at: when that anchor was written; None: there is none.
        last: the last entry as it was found, to be kept as the next anchor; None where the log is empty.
        faults: what is wrong, the first ones.
    """

    entries: int
    anchors: int
    anchored: int
    anchored_at: datetime | None
    last: Anchor | None
    faults: tuple[str, ...]


async def verify_log(entries: AuditEntries, anchors: Anchors, now: datetime) -> VerifiedLog:
    """Verify every entry. What is added meanwhile is read or not."""
    known, unreadable = await anchors.all()
    check = ChainCheck(known)
    last: Anchor | None = None
    async for page in entries.forwards():
        for document in page:
            check.see(document)
        if page and str(page[-1]["id"]).isdecimal():
            last = Anchor(number=int(page[-1]["id"]), hash=str(page[-1].get("hash")), at=now)
    faults = [str(fault) for fault in check.end()] + [f"anchor {path}: it cannot be read" for path in unreadable]
    latest = max(known.values(), key=lambda each: each.number, default=None)
    return VerifiedLog(
        entries=check.count,
        anchors=len(known),
        anchored=latest.number if latest else 0,
        anchored_at=latest.at if latest else None,
        last=last,
        faults=tuple(faults),
    )


async def anchor_log(verified: VerifiedLog, anchors: Anchors) -> str | None:
    """Keep the last entry of a verification as an anchor, also where something is wrong before it; returns its path."""
    return await anchors.write(verified.last) if verified.last else None
