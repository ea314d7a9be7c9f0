"""Putting a catalogue in force, with a trace of who did it when."""

from dataclasses import dataclass
from datetime import datetime

from chargeback.domain.catalogue import Catalogue
from chargeback.services.ports import Control, Document


@dataclass(frozen=True, slots=True)
class Applied:
    """What applying did: the digests before and after; equal digests mean that nothing changed."""

    before: str | None
    after: str


async def apply_config(
    control: Control, catalogue: Catalogue, documents: Document, *, by: str, now: datetime
) -> Applied:
    """Make a validated catalogue the one in force; postings rate the open days with it from their next run on."""
    current = await control.get("catalogue", "current")
    before = current["digest"] if current else None
    if before == catalogue.digest:
        return Applied(before, before)
    version = {
        "digest": catalogue.digest,
        "documents": documents,
        "appliedBy": by,
        "appliedAt": now.isoformat(),
        "replaces": before,
    }
    # The history first: a change without a trace must not be possible.
    await control.put("catalogue", f"{now:%Y%m%dT%H%M%S%f}-{catalogue.digest[:12]}", version)
    await control.put("catalogue", "current", version)
    return Applied(before, catalogue.digest)
