"""Which configuration is in force: the version applied last, else the deployed files; and those of closed periods."""

import time
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from chargeback.adapters.config.catalogue import from_documents, load_catalogue, to_documents
from chargeback.adapters.config.digest import config_digest
from chargeback.adapters.config.terms import load_terms, terms_from_documents
from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.errors import StoreUnavailable
from chargeback.domain.periods.lifecycle import PeriodState
from chargeback.domain.rating.effective_catalogues import EffectiveCatalogues
from chargeback.domain.terms.terms import Terms
from chargeback.domain.time.months import Month
from chargeback.services.budgets.complete_terms import CompleteTerms
from chargeback.services.configuring.versions import ConfigVersion, ConfigVersions
from chargeback.services.periods.documents import PeriodDocuments
from chargeback.services.ports.control import AppliedVersion, Control, Document, Version

FRESH_SECONDS = 60.0


def read_stored(documents: Document) -> tuple[Catalogue, Terms]:
    """The catalogue and the terms of a stored configuration."""
    catalogue = from_documents(documents)
    return catalogue, terms_from_documents(documents, catalogue)


def _unapplied(documents: Document) -> tuple[ConfigVersion, Version]:
    """A version that nobody applied by name: as it is stored, and as it is used."""
    catalogue, terms = read_stored(documents)
    beside = (terms.posting.digest if terms.posting else "", terms.ownership.digest)
    name = "-".join(filter(None, ("unapplied", catalogue.digest[:16], terms.digest[:16], *beside)))
    return ConfigVersion(name=name, digest=catalogue.digest, documents=documents), Version(name, catalogue, terms)


class AppliedCatalogues:
    """Reads what is in force at most once a minute; see `services.ports.control.Catalogues`."""

    def __init__(self, control: Control, folder: Path) -> None:
        self._kept = ConfigVersions(control)
        self._periods = PeriodDocuments(control)
        self._folder = folder
        self._complete = CompleteTerms(control)
        self._deployed = load_catalogue(folder)
        self._deployed_terms = load_terms(folder, self._deployed)
        self._known: tuple[float, EffectiveCatalogues, Terms] | None = None
        self._versions: dict[str, Version] = {}
        self._unapplied: tuple[str, ConfigVersion, Version] | None = None

    @property
    def deployed(self) -> Catalogue:
        """The catalogue of the files."""
        return self._deployed

    @property
    def deployed_terms(self) -> Terms:
        """The terms of the files."""
        return self._deployed_terms

    async def current(self) -> Catalogue:
        """The rate card, deployments and cost centres in force."""
        return (await self._fresh())[0].current

    async def in_force(self) -> EffectiveCatalogues:
        """The current catalogue and those of the closed periods."""
        return (await self._fresh())[0]

    async def frozen(self) -> dict[Month, Catalogue]:
        """The catalogues of the periods that are closed or being closed."""
        return await self._rated_by_document(PeriodState.CLOSED, PeriodState.CLOSING)

    async def terms(self) -> Terms:
        """The terms that were applied with the current catalogue, and the budgets that people made beside them."""
        return (await self._fresh())[1]

    async def completed(self, terms: Terms) -> Terms:
        """Terms as files have them, with the budgets that people made beside the files."""
        return await self._complete.checked(terms)

    async def version(self) -> Version:
        """The applied version; the deployed files are stored as one when they are first asked for.

        Read afresh; from then on the other methods answer with it. Its terms have the budgets that people made beside
        the files, which are in no stored version.
        """
        self._known = None
        version = await self._applied_version()
        return replace(version, terms=await self._complete.of(version.terms, version.catalogue))

    async def _applied_version(self) -> Version:
        applied, _ = await self._kept.current()
        if applied is not None and applied.name:
            return self._read(applied.name, applied)
        stored, version = self._files() if applied is None else _unapplied(applied.documents)
        # Named by its content, so that whoever writes it first has written the same.
        await self._kept.keep(stored)
        return version

    def _files(self) -> tuple[ConfigVersion, Version]:
        """The files as they are now; read again only where they hold other bytes."""
        digest = config_digest(self._folder)
        if self._unapplied is None or self._unapplied[0] != digest:
            self._unapplied = digest, *_unapplied(to_documents(self._folder))
        return self._unapplied[1:]

    async def stored_version(self, name: str) -> Version:
        """A version by its name; one never changes, so it is read once."""
        known = self._versions.get(name)
        if known is not None:
            return known
        document = await self._kept.get(name)
        if document is None:
            raise StoreUnavailable(f"the configuration {name!r} is not among the control documents")
        return self._read(name, document)

    async def applied_since(self, since: datetime) -> list[tuple[AppliedVersion | None, AppliedVersion]]:
        """The versions that somebody applied since a moment, each after the applied one before it."""
        return await self._kept.applied_since(since)

    def _read(self, name: str, stored: ConfigVersion) -> Version:
        if name not in self._versions:
            self._versions[name] = Version(name, *read_stored(stored.documents))
        return self._versions[name]

    async def _fresh(self) -> tuple[EffectiveCatalogues, Terms]:
        if self._known is None or time.monotonic() - self._known[0] >= FRESH_SECONDS:
            current, filed = await self._current()
            terms = await self._complete.of(filed, current)
            closed = await self._rated_by_document(PeriodState.CLOSED)
            known = self._known[1] if self._known is not None else None
            if known is None or known.current is not current or known.closed != closed:
                known = EffectiveCatalogues(current, closed)
            self._known = (time.monotonic(), known, terms)
        return self._known[1:]

    async def _current(self) -> tuple[Catalogue, Terms]:
        applied, _ = await self._kept.current()
        if applied is None:
            return self._deployed, self._deployed_terms
        # Versions stored before names existed are keyed by digest.
        version = self._read(applied.name or f"unnamed-{applied.digest}", applied)
        return version.catalogue, version.terms

    async def _rated_by_document(self, *states: PeriodState) -> dict[Month, Catalogue]:
        """The version that each period's document names."""
        periods = await self._periods.of_states(*states)
        return {each.month: (await self.stored_version(each.version)).catalogue for each in periods}
