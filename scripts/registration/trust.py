"""Has the registration trust the identity of the app, which then signs people in without a secret.

Rules are those of learn.microsoft.com/graph/api/resources/federatedidentitycredential and
learn.microsoft.com/entra/workload-id/workload-identity-federation-config-app-trust-managed-identity.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from chargeback.adapters.azure.clouds import exchange_audience

NAME = "chargeback-pages"
"""One for each registration, and so for each deployment: a new identity takes the place of the one before."""

_AUTHORITIES = {
    "graph.microsoft.us": "https://login.microsoftonline.us",
    "dod-graph.microsoft.us": "https://login.microsoftonline.us",
    "microsoftgraph.chinacloudapi.cn": "https://login.partner.microsoftonline.cn",
}
_PUBLIC_AUTHORITY = "https://login.microsoftonline.com"


@dataclass(frozen=True, slots=True)
class TrustChange:
    """How the credential comes to be what it has to be: made, or changed where it has an id."""

    id: str
    body: dict[str, Any]


def trusted(graph: str, tenant: str, principal: str) -> dict[str, Any]:
    """The credential for the tokens of a managed identity of the same tenant, by its principal id."""
    authority = _AUTHORITIES.get(urlsplit(graph).hostname or "", _PUBLIC_AUTHORITY)
    return {
        "name": NAME,
        "issuer": f"{authority}/{tenant}/v2.0",
        "subject": principal,
        "audiences": [exchange_audience(authority)],
        "description": "The managed identity of Chargeback signs people in to its pages.",
    }


def trust_change(known: Sequence[Mapping[str, Any]], wanted: Mapping[str, Any]) -> TrustChange | None:
    """The one change that it takes; None where a credential trusts the identity already, under whatever name.

    Issuer and subject are unique within an application, and a name is never changed.
    """
    matter = ("issuer", "subject", "audiences")
    if any(all(each[name] == wanted[name] for name in matter) for each in known):
        return None
    ours = next((each for each in known if each["name"] == wanted["name"]), None)
    if ours is None:
        return TrustChange("", dict(wanted))
    return TrustChange(str(ours["id"]), {name: value for name, value in wanted.items() if name != "name"})
