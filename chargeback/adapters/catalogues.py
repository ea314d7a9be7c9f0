"""The catalogues in force: the version applied last, else the deployed files, and those frozen with closed periods."""

import time
from pathlib import Path

from chargeback.adapters.catalogue_files import from_documents, load_catalogue
from chargeback.adapters.terms_files import load_terms, terms_from_documents
from chargeback.domain.catalogue import Catalogue
from chargeback.domain.errors import StoreUnavailable
from chargeback.domain.in_force import InForce
from chargeback.domain.terms import Terms
from chargeback.services.ports import Control

FRESH_SECONDS = 60.0


class AppliedCatalogues:
    """Reads what is in force at most once a minute; see `services.ports.Catalogues`."""

    def __init__(self, control: Control, folder: Path) -> None:
        self._control = control
        self._deployed = load_catalogue(folder)
        self._deployed_terms = load_terms(folder, self._deployed)
        self._known: tuple[float, InForce] | None = None
        self._applied: tuple[tuple[str, str | None], Catalogue, Terms] | None = None
        self._versions: dict[str, Catalogue] = {}

    @property
    def deployed(self) -> Catalogue:
        """The catalogue of the files."""
        return self._deployed

    async def current(self) -> Catalogue:
        """The rate card, deployments and cost centres in force."""
        return (await self.in_force()).current

    async def in_force(self) -> InForce:
        """The current catalogue and those of the closed periods."""
        if self._known is not None and time.monotonic() - self._known[0] < FRESH_SECONDS:
            return self._known[1]
        current, closed = await self._current(), await self._closed()
        known = self._known[1] if self._known else None
        if known is None or known.current is not current or known.closed != closed:
            known = InForce(current, closed)
        self._known = (time.monotonic(), known)
        return known

    async def terms(self) -> Terms:
        """The terms that were applied with the current catalogue."""
        await self.in_force()
        return self._applied[2] if self._applied is not None else self._deployed_terms

    async def _current(self) -> Catalogue:
        applied = await self._control.get("catalogue", "current")
        if applied is None:
            return self._deployed
        digests = applied["digest"], applied.get("termsDigest")
        if self._applied is None or self._applied[0] != digests:
            known = self._applied[1] if self._applied is not None and self._applied[0][0] == digests[0] else None
            catalogue = known or from_documents(applied["documents"])
            self._applied = digests, catalogue, terms_from_documents(applied["documents"], catalogue)
        return self._applied[1]

    async def _closed(self) -> dict[str, Catalogue]:
        """By period: the version that its document names."""
        periods = await self._control.all("period")
        return {each["period"]: await self._version(each["catalogue"]) for each in periods if each["state"] == "closed"}

    async def _version(self, name: str) -> Catalogue:
        """A version never changes, so it is read once."""
        if name not in self._versions:
            version = await self._control.get("catalogue", name)
            if version is None:
                raise StoreUnavailable(f"the catalogue {name} of a closed period is not among the control documents")
            self._versions[name] = from_documents(version["documents"])
        return self._versions[name]
