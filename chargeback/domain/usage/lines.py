"""A line: one combination of dimensions within a day, the unit that is counted, posted and reported."""

from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple

import msgspec

from chargeback.domain.usage.states import LineState


class Line(NamedTuple):
    """The dimensions of a line, in the order in which they are stored; an absent one is an empty string.

    Attributes:
        subscription: API Management subscription id, verified by the gateway.
        product: API Management product id, verified.
        apim_user: API Management user id, verified.
        tenant: Entra tenant id, verified.
        app: Entra application id, verified.
        user_object_id: Entra object id of the user, verified.
        user: user name that the client claims.
        company: company that the client claims.
        billing_code: billing code that the client claims.
        operation: such as `chat.completions`.
        provider: who sells the tokens, such as `azure-openai`.
        model: the model that answered, with its snapshot where the answer names one.
        deployment: the deployment that was asked for.
        backend: host that answered.
        service_tier: the tier that the answer names; `default` where it names none.
        variant: what else decides the price, such as the size and quality of a picture.
        state: how well the usage is known.
    """

    subscription: str
    product: str
    apim_user: str
    tenant: str
    app: str
    user_object_id: str
    user: str
    company: str
    billing_code: str
    operation: str
    provider: str
    model: str
    deployment: str
    backend: str
    service_tier: str
    variant: str
    state: LineState


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(tuple[(*(str,) * (len(Line._fields) - 1), LineState)]).decode  # type: ignore[misc]


@lru_cache(maxsize=65_536)
def line_id(line: Line) -> str:
    """A line's stable identity: 128 bits of BLAKE2b over its dimensions, as 32 hexadecimal digits."""
    return blake2b(_encode(line), digest_size=16).hexdigest()


def to_json(line: Line) -> str:
    """The line as a JSON array of its dimensions."""
    return _encode(line).decode()


def from_json(encoded: str | bytes) -> Line:
    """The inverse of `to_json`."""
    return Line(*_decode(encoded))
