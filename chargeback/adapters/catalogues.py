"""The catalogue in force: the version applied last, else the files that the app was deployed with."""

import time
from pathlib import Path

from chargeback.adapters.catalogue_files import from_documents, load_catalogue
from chargeback.domain.catalogue import Catalogue
from chargeback.services.ports import Control

FRESH_SECONDS = 60.0


class AppliedCatalogues:
    """Reads the applied version at most once a minute; see `services.ports.Catalogues`."""

    def __init__(self, control: Control, folder: Path) -> None:
        self._control = control
        self._deployed = load_catalogue(folder)
        self._known: tuple[float, Catalogue] | None = None

    @property
    def deployed(self) -> Catalogue:
        """The catalogue of the files."""
        return self._deployed

    async def current(self) -> Catalogue:
        """The rate card, deployments and cost centres in force."""
        if self._known is not None and time.monotonic() - self._known[0] < FRESH_SECONDS:
            return self._known[1]
        applied = await self._control.get("catalogue", "current")
        if applied is None:
            catalogue = self._deployed
        elif self._known is not None and self._known[1].digest == applied["digest"]:
            catalogue = self._known[1]
        else:
            catalogue = from_documents(applied["documents"])
        self._known = (time.monotonic(), catalogue)
        return catalogue
