"""The configuration in force: the version applied last, else the deployed files; and what closed periods froze."""

import time
from pathlib import Path

from chargeback.adapters.catalogue_files import from_documents, load_catalogue, to_documents
from chargeback.adapters.terms_files import load_terms, terms_from_documents
from chargeback.domain.catalogue import Catalogue
from chargeback.domain.errors import StoreUnavailable
from chargeback.domain.in_force import InForce
from chargeback.domain.terms import Terms
from chargeback.services.ports import Control, Document, Version

FRESH_SECONDS = 60.0


class AppliedCatalogues:
    """Reads what is in force at most once a minute; see `services.ports.Catalogues`."""

    def __init__(self, control: Control, folder: Path) -> None:
        self._control = control
        self._folder = folder
        self._deployed = load_catalogue(folder)
        self._deployed_terms = load_terms(folder, self._deployed)
        self._known: tuple[float, InForce, Terms] | None = None
        self._versions: dict[str, Version] = {}

    @property
    def deployed(self) -> Catalogue:
        """The catalogue of the files."""
        return self._deployed

    async def current(self) -> Catalogue:
        """The rate card, deployments and cost centres in force."""
        return (await self._fresh())[0].current

    async def in_force(self) -> InForce:
        """The current catalogue and those of the closed periods."""
        return (await self._fresh())[0]

    async def frozen(self) -> dict[str, Catalogue]:
        """What rates the periods that are closed or being closed."""
        return await self._closed("closed", "closing")

    async def terms(self) -> Terms:
        """The terms that were applied with the current catalogue."""
        return (await self._fresh())[1]

    async def version(self) -> Version:
        """The applied version; the deployed files are stored as one when they are first asked for.

        Read afresh, and what the other methods say agrees with it from then on.
        """
        self._known = None
        applied = await self._control.get("catalogue", "current")
        if applied is not None and "name" in applied:
            return await self._read(applied["name"], applied)
        documents = applied["documents"] if applied is not None else to_documents(self._folder)
        catalogue = from_documents(documents)
        terms = terms_from_documents(documents, catalogue)
        name = f"unapplied-{catalogue.digest[:16]}-{terms.digest[:16]}"
        # Named by its content, so that whoever writes it last writes the same.
        await self._control.put("catalogue", name, {"name": name, "digest": catalogue.digest, "documents": documents})
        return Version(name, catalogue, terms)

    async def stored(self, name: str) -> Version:
        """A version by its name; one never changes, so it is read once."""
        known = self._versions.get(name)
        if known is not None:
            return known
        document = await self._control.get("catalogue", name)
        if document is None:
            raise StoreUnavailable(f"the configuration {name!r} is not among the control documents")
        return await self._read(name, document)

    async def _read(self, name: str, document: Document) -> Version:
        if name not in self._versions:
            catalogue = from_documents(document["documents"])
            self._versions[name] = Version(name, catalogue, terms_from_documents(document["documents"], catalogue))
        return self._versions[name]

    async def _fresh(self) -> tuple[InForce, Terms]:
        if self._known is None or time.monotonic() - self._known[0] >= FRESH_SECONDS:
            current, terms = await self._current()
            closed = await self._closed()
            known = self._known[1] if self._known is not None else None
            if known is None or known.current is not current or known.closed != closed:
                known = InForce(current, closed)
            self._known = (time.monotonic(), known, terms)
        return self._known[1:]

    async def _current(self) -> tuple[Catalogue, Terms]:
        applied = await self._control.get("catalogue", "current")
        if applied is None:
            return self._deployed, self._deployed_terms
        # Versions of before they had names are known by what they hold.
        version = await self._read(applied.get("name", f"unnamed-{applied['digest']}"), applied)
        return version.catalogue, version.terms

    async def _closed(self, *states: str) -> dict[str, Catalogue]:
        """By period: what its document names."""
        periods = await self._control.all("period")
        return {
            each["period"]: (await self.stored(each["version"])).catalogue
            for each in periods
            if each["state"] in (states or ("closed",))
        }
