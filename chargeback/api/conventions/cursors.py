"""Seals where a list goes on, so that nobody can change it and it is of use to one caller alone.

A cursor holds the path, the filters, the caller, the version of the figures and the position. It is not secret, for the
same filters stand in the address of the first page; it is signed.
"""

import hmac
import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode

import msgspec

_SIGNATURE_BYTES = 32
MOST_CHARACTERS = 8_000


class Cursor(msgspec.Struct, frozen=True, array_like=True):
    """Where a list goes on.

    Attributes:
        path: where the list is.
        query: the parameters of its first page.
        caller: for whom it was made.
        version: which figures it is a list of; empty where the position does not depend on them.
        position: what the list says of where it goes on: a number of rows, or a name.
    """

    path: str
    query: str
    caller: str
    version: str
    position: str


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Cursor).decode


def seal(cursor: Cursor, key: bytes) -> str:
    """The cursor as text. Equal cursors are equal texts, so an answer does not change with each request."""
    content = zlib.compress(_encode(cursor), 9)
    return urlsafe_b64encode(_sign(content, key) + content).rstrip(b"=").decode("ascii")


def unseal(text: str, key: bytes) -> Cursor | None:
    """The cursor, if this key made it."""
    if len(text) > MOST_CHARACTERS or not text.isascii():
        return None
    try:
        both = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return None
    signature, content = both[:_SIGNATURE_BYTES], both[_SIGNATURE_BYTES:]
    if not hmac.compare_digest(signature, _sign(content, key)):
        return None
    cursor = _decode(zlib.decompress(content))
    return cursor if seal(cursor, key) == text else None


def _sign(content: bytes, key: bytes) -> bytes:
    return hmac.digest(key, content, "sha256")
