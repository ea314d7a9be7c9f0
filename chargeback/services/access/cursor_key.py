"""Keeps the key that signs the cursors of lists: made once, and the same for every instance of the app."""

import secrets
from contextlib import suppress

import msgspec

from chargeback.domain.errors import Superseded
from chargeback.services.ports.control import Control

KIND = "cursor-key"
NAME = "current"
BYTES = 32


class _Kept(msgspec.Struct, frozen=True):
    key: str


class CursorKey:
    """The key.

    It lies with the control documents: whoever can read these can read all that a cursor leads to, and more. Delete
    the document to make every cursor invalid, once the instances have started again.
    """

    def __init__(self, control: Control) -> None:
        self._control = control
        self._key: bytes | None = None

    async def read(self) -> bytes:
        """The key; made now if there is none yet. Raises `StoreUnavailable`."""
        if self._key is None:
            found = await self._control.get(KIND, NAME)
            if found is None:
                with suppress(Superseded):  # another instance was faster
                    await self._control.swap(KIND, NAME, {"key": secrets.token_hex(BYTES)}, after=None)
                found = await self._control.get(KIND, NAME)
            self._key = bytes.fromhex(msgspec.convert(found, _Kept).key)
        return self._key
