"""Which configuration is in force and which were before: stored versions never change, and one is current."""

from datetime import datetime
from hashlib import blake2b

import msgspec
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from chargeback.domain.errors import Superseded
from chargeback.services.ports.control import AppliedVersion, Control, Document
from chargeback.services.running.together import together

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
        self._current: tuple[tuple[Document, str], ConfigVersion] | None = None
        self._applied: dict[str, AppliedVersion | None] = {}

    async def current(self) -> tuple[ConfigVersion | None, str | None]:
        """The version applied last, with its token; None and None while the deployed files are in force.

        One object while it is the same: it may be a megabyte, and is asked for at almost every view of a page.
        """
        before = self._current
        known = await self._control.get_versioned(KIND, _CURRENT, before[0] if before else None)
        if known is None:
            return None, None
        if before is None or known[1] != before[0][1]:
            self._current = before = known, msgspec.convert(known[0], ConfigVersion)
        return before[1], known[1]

    async def put_in_force(self, version: ConfigVersion, after: str | None) -> str:
        """Make a version the current one. Raises `Superseded` if another one became it since `after`."""
        return await self._control.swap(KIND, _CURRENT, msgspec.to_builtins(version), after)

    async def get(self, name: str) -> ConfigVersion | None:
        """A version by its name."""
        known = await self._control.get(KIND, name)
        return msgspec.convert(known, ConfigVersion) if known else None

    async def applied_since(self, since: datetime) -> list[tuple[AppliedVersion | None, AppliedVersion]]:
        """The versions that somebody applied since a moment, each after the applied one before it, if there is one."""
        names = [name for name in await self._control.names(KIND) if name != _CURRENT]
        await together(*(self._look(name) for name in names if name not in self._applied))
        known = [each for name in names if (each := self._applied.get(name)) is not None]
        applied = sorted(known, key=lambda each: each.at)
        return [pair for pair in zip([None, *applied], applied, strict=False) if pair[1].at >= since]

    async def _look(self, name: str) -> None:
        """Remember who applied a version, for good: none of a name ever changes."""
        known = await self.get(name)
        is_applied = known is not None and known.name and known.applied_at
        self._applied[name] = (
            AppliedVersion(known.name, known.applied_by, datetime.fromisoformat(known.applied_at))
            if known is not None and is_applied
            else None
        )

    async def keep(self, version: ConfigVersion) -> None:
        """Store a version under its name. The name has to identify the content: a version already there is the same."""
        try:
            await self._control.swap(KIND, version.name, msgspec.to_builtins(version), None)
        except Superseded:
            if (known := await self.get(version.name)) is None or known.digest != version.digest:
                raise
