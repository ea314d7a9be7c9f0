"""The keys of what browsers keep for us, as a setting or a secret of the Key Vault has them."""

import base64
import binascii
from typing import Protocol

from chargeback.domain.events.emitters import keys_in

KEY_BYTES = 32
"""The least that a key has."""


class SealKeys(Protocol):
    """The secrets that seals are made with; the first one makes them, each of them opens them."""

    async def current(self) -> tuple[str, ...]:
        """One or two secrets. Raises `StoreUnavailable`."""

    async def renewed(self) -> tuple[str, ...]:
        """The same, read again if that was not done just now. Raises `StoreUnavailable`."""


def seal_keys_in(secret: str) -> tuple[str, ...]:
    """The keys of a secret: one, or two while one replaces the other. Raises `ValueError` with what is wrong."""
    keys = keys_in(secret)
    for key in keys:
        if len(bytes_of(key)) < KEY_BYTES:
            raise ValueError(f"a key is not {KEY_BYTES} or more bytes in base64 for URLs")
    return keys


def bytes_of(text: str) -> bytes:
    """What text in base64 for URLs says; empty where it is none."""
    try:
        return base64.b64decode(f"{text}{'=' * (-len(text) % 4)}", altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return b""
