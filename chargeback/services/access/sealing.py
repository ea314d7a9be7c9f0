"""Seals what a browser keeps for us: nobody but the app can read it, make it, or change it.

AES-256-GCM with a key for each purpose, derived from a secret of which there are two while one replaces the other.
"""

import base64
import secrets
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from chargeback.services.access.seal_keys import SealKeys, bytes_of

LONGEST_SEALED = 4096
"""Characters: no browser keeps more in a cookie."""

_FORM = b"\x01"
_ID, _NONCE = 6, 12
OVERHEAD = len(_FORM) + _ID + _NONCE + 16
"""How many bytes more a sealed content has."""


class Seal:
    """Seals for one purpose; what was sealed for another one is not opened."""

    def __init__(self, keys: SealKeys, purpose: str) -> None:
        self._keys = keys
        self._purpose = purpose

    async def close(self, content: bytes) -> str:
        """The content as characters that every cookie may have. Raises `StoreUnavailable` without a key."""
        name, cipher = _ciphers((await self._keys.current())[:1], self._purpose)[0]
        head, nonce = _FORM + name, secrets.token_bytes(_NONCE)
        sealed = cipher.encrypt(nonce, content, self._bound_to(head))
        return base64.urlsafe_b64encode(head + nonce + sealed).rstrip(b"=").decode()

    async def open(self, sealed: str) -> bytes | None:
        """The content; None for anything that this app did not seal for this purpose. Raises `StoreUnavailable`."""
        whole = bytes_of(sealed) if len(sealed) <= LONGEST_SEALED else b""
        head, rest = whole[: len(_FORM) + _ID], whole[len(_FORM) + _ID :]
        if len(whole) < OVERHEAD or not head.startswith(_FORM):
            return None
        name = head[len(_FORM) :]
        known = dict(_ciphers(await self._keys.current(), self._purpose))
        if name not in known:  # another instance may have seen a new secret already
            known = dict(_ciphers(await self._keys.renewed(), self._purpose))
        if name not in known:
            return None
        try:
            return known[name].decrypt(rest[:_NONCE], rest[_NONCE:], self._bound_to(head))
        except InvalidTag:
            return None

    def _bound_to(self, head: bytes) -> bytes:
        return head + self._purpose.encode()


@lru_cache(maxsize=16)
def _ciphers(keys: tuple[str, ...], purpose: str) -> tuple[tuple[bytes, AESGCM], ...]:
    """The name and the cipher of each key."""
    found = []
    for key in keys:
        derived = HKDF(SHA256(), 32 + _ID, None, f"chargeback page {purpose}".encode()).derive(bytes_of(key))
        found.append((derived[32:], AESGCM(derived[:32])))
    return tuple(found)
