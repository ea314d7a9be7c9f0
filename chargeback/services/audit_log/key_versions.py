"""Notes in the audit log that a key has another version: people and deployments set keys, and not the product.

Names and versions alone; who set a version, the log of the Key Vault says.
"""

import logging
from collections.abc import Iterable
from contextlib import suppress
from typing import Protocol

import msgspec

from chargeback.domain.errors import StoreUnavailable, Superseded
from chargeback.log_line import log_line
from chargeback.services.ports.control import Control

log = logging.getLogger(__name__)

KIND = "key-version"


class KeyVersion(msgspec.Struct, frozen=True):
    """The newest version of a secret.

    Attributes:
        name: the secret's.
        version: as the Key Vault names it; empty where there is no such secret.
        created: when it was set, UTC, as the Key Vault says; empty where it does not.
    """

    name: str
    version: str
    created: str


class SecretVersions(Protocol):
    """Where the secrets are."""

    async def newest(self, name: str) -> KeyVersion:
        """The newest version of a secret, without its value. Raises `StoreUnavailable`."""


class KeyVersions:
    """The versions that the audit log knows; the only owner of the documents of this kind."""

    def __init__(self, control: Control, secrets: SecretVersions) -> None:
        self._control = control
        self._secrets = secrets

    async def note(self, names: Iterable[str]) -> list[KeyVersion]:
        """Note each version that is not known yet; a secret that cannot be read keeps no other from it."""
        noted = []
        for name in names:
            try:
                found = await self._secrets.newest(name)
            except StoreUnavailable as error:
                log_line(log, "key_version_unknown", level=logging.WARNING, secret=name, reason=error)
                continue
            if await self._is_new(found):
                noted.append(found)
        return noted

    async def _is_new(self, found: KeyVersion) -> bool:
        known = await self._control.get_versioned(KIND, found.name)
        before = msgspec.convert(known[0], KeyVersion).version if known else ""
        if found.version == before:
            return False
        with suppress(Superseded):  # another instance notes it
            await self._control.swap(KIND, found.name, msgspec.to_builtins(found), known[1] if known else None)
        return True
