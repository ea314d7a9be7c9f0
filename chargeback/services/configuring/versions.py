"""Which configuration is in force and which were before: stored versions never change, and one is current."""

from datetime import datetime
from hashlib import blake2b

import msgspec
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from chargeback.domain.errors import Superseded
from chargeback.services.ports.control import Control, Document

KIND = "catalogue"
ACCESS_FILE = "access.yaml"
"""The file of a company that says who owns which cost centre, and so names people."""

_CURRENT = "current"
_encode = msgspec.json.Encoder(order="deterministic").encode


class ConfigVersion(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """A configuration as it was put in force, or as it was deployed.

    Attributes:
        name: never used twice; empty in a version stored before names existed.
        digest: the catalogue's.
        terms_digest: the terms'; empty where the version does not say.
        documents: the files, by name.
        applied_by, applied_at: who put it in force and when, UTC; empty where nobody did.
        replaces: the digest of the catalogue before; None: the deployed files were in force.
    """

    name: str = ""
    digest: str
    terms_digest: str = ""
    documents: Document = {}
    applied_by: str = ""
    applied_at: str = ""
    replaces: str | UnsetType | None = UNSET

    @property
    def without_people(self) -> "ConfigVersion":
        """The same without what names people, for copies that nobody can ever delete."""
        return replace(self, documents={file: said for file, said in self.documents.items() if file != ACCESS_FILE})

    @property
    def fingerprint(self) -> str:
        """Identifies everything that the version says."""
        return blake2b(_encode(msgspec.to_builtins(self)), digest_size=4).hexdigest()


class ConfigVersions:
    """The only owner of the documents of this kind."""

    def __init__(self, control: Control) -> None:
        self._control = control

    async def current(self) -> tuple[ConfigVersion | None, str | None]:
        """The version applied last, with its token; None and None while the deployed files are in force."""
        known = await self._control.get_versioned(KIND, _CURRENT)
        return (msgspec.convert(known[0], ConfigVersion), known[1]) if known else (None, None)

    async def put_in_force(self, version: ConfigVersion, after: str | None) -> str:
        """Make a version the current one. Raises `Superseded` if another one became it since `after`."""
        return await self._control.swap(KIND, _CURRENT, msgspec.to_builtins(version), after)

    async def get(self, name: str) -> ConfigVersion | None:
        """A version by its name."""
        known = await self._control.get(KIND, name)
        return msgspec.convert(known, ConfigVersion) if known else None

    async def applied_since(self, since: datetime) -> list[tuple[ConfigVersion | None, ConfigVersion]]:
        """The versions that somebody applied since a moment, each after the applied one before it, if there is one."""
        known = [msgspec.convert(document, ConfigVersion) for document in await self._control.all(KIND)]
        by_name = {each.name: each for each in known if each.name and each.applied_at}
        applied = sorted(by_name.values(), key=lambda each: datetime.fromisoformat(each.applied_at))
        pairs = zip([None, *applied], applied, strict=False)
        return [(before, each) for before, each in pairs if datetime.fromisoformat(each.applied_at) >= since]

    async def keep(self, version: ConfigVersion) -> None:
        """Store a version under its name. The name has to identify the content: a version already there is the same."""
        try:
            await self._control.swap(KIND, version.name, msgspec.to_builtins(version), None)
        except Superseded:
            if (known := await self.get(version.name)) is None or known.digest != version.digest:
                raise
