"""Putting a catalogue and its terms in force, with a trace of who did it when."""

from dataclasses import dataclass
from datetime import datetime

from chargeback.domain.catalogue import Catalogue
from chargeback.domain.in_force import InForce
from chargeback.domain.terms import Terms
from chargeback.services.ports import Catalogues, Control, Document


@dataclass(frozen=True, slots=True)
class Applied:
    """What applying did: the digests of the catalogue before and after, and whether anything changed."""

    before: str | None
    after: str
    changed: bool


async def apply_config(
    control: Control,
    catalogues: Catalogues,
    catalogue: Catalogue,
    terms: Terms,
    documents: Document,
    *,
    by: str,
    now: datetime,
) -> Applied:
    """Make a validated catalogue and its terms those in force; postings rate the open days with it from then on.

    Raises `InvalidConfig` where they contradict a closed period.
    """
    InForce(catalogue, (await catalogues.in_force()).closed)
    current = await control.get("catalogue", "current")
    before = current["digest"] if current else None
    if current and (before, current.get("termsDigest")) == (catalogue.digest, terms.digest):
        return Applied(before, catalogue.digest, changed=False)
    name = f"{now:%Y%m%dT%H%M%S%f}-{catalogue.digest[:12]}"
    version = {
        "name": name,
        "digest": catalogue.digest,
        "termsDigest": terms.digest,
        "documents": documents,
        "appliedBy": by,
        "appliedAt": now.isoformat(),
        "replaces": before,
    }
    # The history first: a change without a trace must not be possible.
    await control.put("catalogue", name, version)
    await control.put("catalogue", "current", version)
    return Applied(before, catalogue.digest, changed=True)
