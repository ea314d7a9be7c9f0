"""Puts a catalogue and its terms in force, and records who did it and when."""

from dataclasses import dataclass
from datetime import datetime

from msgspec.structs import replace

from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.catalogue.changes import CatalogueChanges, changes, rewritten
from chargeback.domain.errors import InvalidConfig, Superseded
from chargeback.domain.periods.lifecycle import PeriodState
from chargeback.domain.rating.effective_catalogues import EffectiveCatalogues
from chargeback.domain.terms.changes import no_longer_approved, stays_as_billed, terms_changes
from chargeback.domain.terms.terms import ExchangeRate, Terms, rates_of
from chargeback.domain.time.calendar import next_period, previous_period
from chargeback.domain.time.months import Month
from chargeback.services.configuring.remedies import (
    APPROVAL_KEPT,
    MISSING_DEPLOYMENT,
    frozen_faults,
    kept_rates,
    late_faults,
)
from chargeback.services.configuring.repost import Repost, plan_repost, put_in_force
from chargeback.services.configuring.versions import ConfigVersion, ConfigVersions
from chargeback.services.periods.documents import PeriodDocuments
from chargeback.services.ports.control import Catalogues, Control, Document, Version
from chargeback.services.ports.ledger import Ledger

_ATTEMPTS = 4


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

    Raises `InvalidConfig` where they contradict a period that is closed or being closed, `Superseded` where another
    configuration was applied meanwhile. An attempt at closing that has died is given up first.
    """
    await PeriodDocuments(control).give_up_dead(by, now)
    await require_open(control, catalogues, catalogue, terms)
    await require_approvals(control, catalogues, catalogue, terms, now)
    await catalogues.completed(terms)
    versions = ConfigVersions(control)
    current, token = await versions.current()
    before = current.digest if current else None
    known = (await catalogues.version()).terms if current else None
    wanted = (catalogue.digest, terms.digest, _without_digest(terms))
    if current and known and (before, current.terms_digest, _without_digest(known)) == wanted:
        return Applied(before, catalogue.digest, changed=False)
    version = _version(catalogue, terms, documents, before, by=by, now=now)
    # The history first: a change without a trace must not be possible.
    await versions.keep(version)
    token = await versions.put_in_force(version, token)
    try:
        # A period that began to close since we looked has frozen what was in force before.
        await require_open(control, catalogues, catalogue, terms)
    except InvalidConfig:
        if current is not None:
            await versions.put_in_force(current, token)
        raise
    return Applied(before, catalogue.digest, changed=True)


def _without_digest(terms: Terms) -> tuple[object, ...]:
    """What changes no amount, so that no digest has it: how periods are compared and posted, and who sees them."""
    return terms.reconciliation, terms.posting, terms.issuer, terms.ownership


async def require_open(control: Control, catalogues: Catalogues, catalogue: Catalogue, terms: Terms) -> None:
    """Raise `InvalidConfig` where a change to a closed period could no longer appear in any of its files.

    While an attempt at closing is under way, its files may be made without the change: whoever applies has to wait.
    """
    faults = [*frozen_faults(catalogue, await catalogues.frozen())]
    closed = await _billed_with(control, catalogues, PeriodState.CLOSED)
    being_closed = await _billed_with(control, catalogues, PeriodState.CLOSING)
    if faults := [*faults, *late_faults(closed, being_closed, terms)]:
        raise InvalidConfig(faults)


async def require_approvals(
    control: Control, catalogues: Catalogues, catalogue: Catalogue, terms: Terms, now: datetime
) -> None:
    """Raise `InvalidConfig` where a month that has begun would close without the approval that it needs now.

    Else whoever may not approve it could close it alone.
    """
    before, closed = (await catalogues.version()).terms, await PeriodDocuments(control).closed()
    first = next_period(closed[-1].month) if closed else Month("")
    begun, each = list[Month](), catalogue.calendar.period_of(now)
    while before.approvals and each >= max(first, before.approvals[0].first_period):
        begun.insert(0, each)
        each = previous_period(each)
    if dropped := list(no_longer_approved(begun, before, terms)):
        raise InvalidConfig([APPROVAL_KEPT.format(", ".join(dropped), next_period(dropped[-1]))])


async def _billed_with(control: Control, catalogues: Catalogues, state: PeriodState) -> dict[Month, Terms]:
    """Period of this state → the terms of its files."""
    periods = await PeriodDocuments(control).of_states(state)
    return {
        each.month: (await catalogues.stored_version(name)).terms
        for each in periods
        if (name := each.closed_with or each.version)
    }


def _version(
    catalogue: Catalogue, terms: Terms, documents: Document, before: str | None, *, by: str, now: datetime
) -> ConfigVersion:
    """A version whose name says when it was applied and stands for all that it holds."""
    version = ConfigVersion(
        digest=catalogue.digest,
        terms_digest=terms.digest,
        documents=documents,
        applied_by=by,
        applied_at=now.isoformat(),
        replaces=before,
    )
    return replace(version, name=f"{now:%Y%m%dT%H%M%S%f}-{catalogue.digest[:12]}-{version.fingerprint}")


@dataclass(frozen=True, slots=True)
class Brought:
    """What bringing files into force did: to the configuration, and to the days that it rates differently."""

    applied: Applied
    catalogue: CatalogueChanges
    terms: list[str]
    repost: Repost


async def bring_into_force(
    control: Control,
    catalogues: Catalogues,
    ledger: Ledger,
    catalogue: Catalogue,
    terms: Terms,
    documents: Document,
    *,
    by: str,
    now: datetime,
) -> Brought:
    """Apply a configuration and have every day that it touches rated with it.

    If another one is applied at the same time, this one is compared with that one and applied after it.
    Raises `InvalidConfig` where it would change unsaid what a deployment was.
    """
    for attempt in range(1, _ATTEMPTS + 1):
        before = (await catalogues.version()).terms  # read afresh, and in_force() agrees with it
        in_force = await catalogues.in_force()
        changed, repost = await plan_change(ledger, in_force, catalogue, now)

        async def apply() -> Applied:
            return await apply_config(control, catalogues, catalogue, terms, documents, by=by, now=now)

        try:
            applied = await put_in_force(apply, ledger, repost)
        except Superseded:
            if attempt == _ATTEMPTS:
                raise
        else:
            kept = await kept_by_closed(control, catalogues, before, catalogue, terms)
            after = await catalogues.completed(terms)
            return Brought(applied, changed, [*terms_changes(before, after), *kept], repost)
    raise AssertionError("unreachable")


async def plan_change(
    ledger: Ledger, in_force: EffectiveCatalogues, catalogue: Catalogue, now: datetime
) -> tuple[CatalogueChanges, Repost]:
    """How a catalogue differs from the current one, and the days that have to be rated again.

    Raises `InvalidConfig` where it would change unsaid what a deployment was.
    """
    if unsaid := rewritten(in_force.current, catalogue, now):
        raise InvalidConfig([MISSING_DEPLOYMENT.format(name) for name in unsaid])
    changed = changes(in_force.current, catalogue)
    return changed, await plan_repost(ledger, changed, catalogue.calendar, in_force.closed, now)


async def kept_by_closed(
    control: Control, catalogues: Catalogues, before: Terms, catalogue: Catalogue, terms: Terms
) -> list[str]:
    """The parts of a change of terms that do not reach closed periods, a line each."""
    billed = await _billed_with(control, catalogues, PeriodState.CLOSED)
    converted = {
        each.month: _rates(await catalogues.stored_version(each.version), each.month)
        for each in await PeriodDocuments(control).closed()
        if each.version
    }
    return [
        *stays_as_billed(billed, before, terms, catalogue.calendar),
        *kept_rates(converted, before, terms),
    ]


def _rates(version: Version, period: Month) -> list[ExchangeRate]:
    try:
        return rates_of(version.terms, period, version.catalogue.calendar, version.catalogue.currency)
    except InvalidConfig:  # it was corrected to one that has none
        return []
