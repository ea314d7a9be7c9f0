"""Says where a request came from, from what the platform saw and not from what a client may write.

The front ends of App Service and Functions append the address and port of whoever connected to them to
`X-Forwarded-For`; whatever stands before is what the client sent, or a gateway that the client went through
(seen in github.com/bitwarden/server/issues/215; the form with a port in github.com/rack/rack/issues/1227).
So the last entry counts. Behind API Management it is the gateway's.
"""

import ipaddress
from uuid import uuid4

from starlette.requests import HTTPConnection

from chargeback.domain.access.requester import Requester
from chargeback.domain.audit_log.actor import Actor, RequestSource

REQUEST_SOURCE = "chargeback.source"
"""Where a request of the pages says that it is one: in the scope, which no client can write to."""

MOST_AGENT = 200
"""Characters of a client's own name that are kept."""


def new_request_id() -> str:
    """The id of a request; never one that the client sends, which could name a request of somebody else."""
    return str(uuid4())


def actor_of(request: HTTPConnection, who: Requester) -> Actor:
    """Whoever asks, as the audit log names them."""
    return Actor.of(who, request_source(request))


def request_source(request: HTTPConnection) -> RequestSource:
    """Where a request came from."""
    forwarded = request.headers.getlist("x-forwarded-for")
    agent = request.headers.get("user-agent", "")[:MOST_AGENT]
    address = _address(forwarded[-1].rpartition(",")[2].strip()) if forwarded else ""
    kind = str(request.scope.get(REQUEST_SOURCE, "api"))
    return RequestSource(kind, request_id(request), address, "".join(c if c.isprintable() else "?" for c in agent))


def request_id(request: HTTPConnection) -> str:
    """The id that the answer carries."""
    return str(request.scope.get("chargeback.request_id", ""))


def _address(text: str) -> str:
    """An address without its port: `192.0.2.1:50123`, `[2001:db8::1]:50123` or either without; empty for no address."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return ""
