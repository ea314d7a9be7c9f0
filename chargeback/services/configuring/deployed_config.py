"""Puts the configuration that a deployment brings in force once, so that books and gateway follow the same files.

A configuration that somebody applies afterwards stays in force until a deployment brings another one; meanwhile the two
differ, and that is logged.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.errors import InvalidConfig, Superseded
from chargeback.domain.terms.terms import Terms
from chargeback.services.configuring.apply_config import bring_into_force
from chargeback.services.configuring.deployments import Deployments, HandledDeployment
from chargeback.services.configuring.tell_config import outcome_lines
from chargeback.services.configuring.versions import ConfigVersions
from chargeback.services.ports.control import Catalogues, Control, Document
from chargeback.services.ports.ledger import Ledger

_ATTEMPTS = 4
LINES_KEPT = 200
"""Most lines of a diff on the record; the stored versions have all of it."""


@dataclass(frozen=True, slots=True)
class ConfigFiles:
    """The files of a configuration, read and checked."""

    catalogue: Catalogue
    terms: Terms
    documents: Document


@dataclass(frozen=True, slots=True)
class ConfigOutcome:
    """The outcome for the deployed configuration.

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
    load: Callable[[], ConfigFiles],
    *,
    now: datetime,
) -> ConfigOutcome:
    """Put the deployed files in force, unless this deployment was handled before; `digest` tells deployments apart.

    If another deployment is handled at the same time, this one is handled after it, so that the record says what is in
    force. Raises `Superseded` where that happens every time.
    """
    files, deployments = load(), Deployments(control)
    for _ in range(_ATTEMPTS):
        latest, token = await deployments.latest()
        if latest is not None and latest.digest == digest:
            state, lines = "handled", tuple[str, ...]()
            break
        state, lines = await _bring(control, catalogues, ledger, digest, files, now)
        left_out = max(0, len(lines) - LINES_KEPT)
        record = HandledDeployment(digest, state, now.isoformat(), lines[:LINES_KEPT], left_out)
        if await _is_recorded(deployments, record, token):
            break
    else:
        raise Superseded("another deployment was recorded each time while this one was handled")
    current, _ = await ConfigVersions(control).current()
    deployed = files.catalogue.digest
    return ConfigOutcome(state, lines, current.digest if current else deployed, deployed)


async def _is_recorded(deployments: Deployments, record: HandledDeployment, after: str | None) -> bool:
    try:
        await deployments.swap(record, after)
    except Superseded:
        # Where the answer was lost, the record is ours all the same.
        return (await deployments.latest())[0] == record
    return True


async def _bring(
    control: Control, catalogues: Catalogues, ledger: Ledger, digest: str, files: ConfigFiles, now: datetime
) -> tuple[str, tuple[str, ...]]:
    """The outcome for the files, and the diff or why they were refused."""
    stores, brought = (control, catalogues, ledger), (files.catalogue, files.terms, files.documents)
    try:
        outcome = await bring_into_force(*stores, *brought, by=f"deployment {digest[:12]}", now=now)
    except InvalidConfig as error:
        return "refused", tuple(error.faults)
    return "applied", tuple(outcome_lines(outcome, files.terms.digest))
