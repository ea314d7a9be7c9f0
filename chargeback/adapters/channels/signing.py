"""Signs messages as Standard Webhooks 1.0 has it: `v1,` and the HMAC-SHA256 of id, time and body.

github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md. While one secret replaces another, each
message carries a signature by each, so that the receiver may change over at any time.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime

PREFIX = "whsec_"
LEAST_BYTES, MOST_BYTES_OF_SECRET = 24, 64
MOST_SECRETS = 2


def secrets_in(text: str) -> tuple[str, ...]:
    """The signing secrets of a secret in Key Vault. Raises `ValueError` with what is wrong, which repeats nothing."""
    secrets = tuple(text.split())
    if not 1 <= len(secrets) <= MOST_SECRETS:
        raise ValueError(f"holds {len(secrets)} signing secrets; expected one, or two with a blank between them")
    for secret in secrets:
        if not LEAST_BYTES <= len(_key(secret)) <= MOST_BYTES_OF_SECRET:
            raise ValueError(
                f"a signing secret is not {PREFIX} and {LEAST_BYTES} to {MOST_BYTES_OF_SECRET} bytes in base64"
            )
    return secrets


def signed_headers(message: str, at: datetime, body: bytes, secrets: Sequence[str]) -> Mapping[str, str]:
    """The headers of a message, which begin with `webhook-`; `message` is its id, the same for each attempt."""
    timestamp = str(int(at.timestamp()))
    content = b".".join((message.encode(), timestamp.encode(), body))
    signatures = (hmac.new(_key(secret), content, hashlib.sha256).digest() for secret in secrets)
    return {
        "webhook-id": message,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(f"v1,{base64.b64encode(each).decode()}" for each in signatures),
    }


def _key(secret: str) -> bytes:
    """The bytes of a secret; none if it is not one."""
    if not secret.startswith(PREFIX):
        return b""
    try:
        return base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        return b""
