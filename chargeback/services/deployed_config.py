"""What a deployment brings is put in force once: so the books follow the same files as the gateway.

A configuration that somebody applies afterwards stays, until a deployment brings another one; meanwhile the two differ,
and that is told.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from chargeback.domain.catalogue import Catalogue
from chargeback.domain.errors import InvalidConfig
from chargeback.domain.terms import Terms
from chargeback.services.apply_config import bring_into_force
from chargeback.services.ports import Catalogues, Control, Document, Ledger
from chargeback.services.tell_config import told

KIND, NAME = "deployment", "config"
MOST_LINES = 200
"""Of a longer diff, the first lines are kept on the record; the stored versions have all of it."""


@dataclass(frozen=True, slots=True)
class Files:
    """The files of a configuration, read and checked."""

    catalogue: Catalogue
    terms: Terms
    documents: Document


@dataclass(frozen=True, slots=True)
class Deployed:
    """What became of the deployed configuration.

    Attributes:
        lines: the diff, or why it was refused; nothing where this deployment was handled before.
        in_force, deployed: the digests of the catalogue in force and of the deployed one; they differ where somebody
            applied another one since, or where it was refused.
    """

    state: str
    lines: tuple[str, ...]
    in_force: str
    deployed: str


async def apply_deployed(
    control: Control,
    catalogues: Catalogues,
    ledger: Ledger,
    digest: str,
    load: Callable[[], Files],
    *,
    now: datetime,
) -> Deployed:
    """Put the deployed files in force, unless this deployment was handled before; `digest` tells deployments apart."""
    files = load()
    latest = await control.get(KIND, NAME)
    state, lines = "handled", tuple[str, ...]()
    if latest is None or latest["digest"] != digest:
        try:
            stores, brought = (control, catalogues, ledger), (files.catalogue, files.terms, files.documents)
            outcome = await bring_into_force(*stores, *brought, by=f"deployment {digest[:12]}", now=now)
            state, lines = "applied", tuple(told(outcome, files.terms.digest))
        except InvalidConfig as error:
            state, lines = "refused", tuple(error.faults)
        record = {"digest": digest, "state": state, "at": now.isoformat(), "lines": list(lines[:MOST_LINES])}
        await control.put(KIND, NAME, {**record, "moreLines": max(0, len(lines) - MOST_LINES)})
    current = await control.get("catalogue", "current")
    deployed = files.catalogue.digest
    return Deployed(state, lines, current["digest"] if current else deployed, deployed)
