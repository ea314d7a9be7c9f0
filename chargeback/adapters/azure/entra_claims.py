"""Whom the claims of a checked token speak for: a person, an application for itself, or nobody that may call."""

from collections.abc import Mapping
from typing import Any

from chargeback.domain.access.app_roles import AppRole
from chargeback.domain.access.requester import Identity
from chargeback.domain.access.verified_caller import VerifiedCaller

API_SCOPE = "access_as_user"
"""What an application may ask for in a person's name: the one scope that the registration of the API exposes."""

APPLICATION = "app"
"""What the claim `idtyp` says in an application's own token."""


def verified_caller(claims: Mapping[str, Any]) -> VerifiedCaller | None:
    """Whom the claims of a checked token speak for; None if for nobody that may call.

    A token with a scope is a person's, through whichever application; one without has to say that it is an
    application's own (learn.microsoft.com/entra/identity-platform/access-token-claims-reference). Roles of applications
    come in the same claim, so without that a person's would count for an application.
    """
    scopes, kind = text(claims, "scp").split(), text(claims, "idtyp")
    roles = frozenset(role for role in AppRole if role in texts(claims, "roles"))
    if API_SCOPE in scopes and kind != APPLICATION and (person := text(claims, "oid")):
        return VerifiedCaller(
            Identity(text(claims, "tid"), object_id=person),
            text(claims, "name") or text(claims, "preferred_username") or person,
            text(claims, "upn"),
            roles,
            frozenset(texts(claims, "groups")),
            has_unknown_groups=_leaves_out_groups(claims),
        )
    if not scopes and kind == APPLICATION and (application := client_of(claims)):
        return VerifiedCaller(
            Identity(text(claims, "tid"), app_id=application),
            text(claims, "app_displayname") or application,
            roles=roles,
            groups=frozenset(texts(claims, "groups")),
            has_unknown_groups=_leaves_out_groups(claims),
        )
    return None


def _leaves_out_groups(claims: Mapping[str, Any]) -> bool:
    """Whether a token names a place where the groups are instead of the groups, as one does above 200 of them."""
    elsewhere = claims.get("_claim_names")
    return (isinstance(elsewhere, dict) and "groups" in elsewhere) or claims.get("hasgroups") in (True, "true")


def client_of(claims: Mapping[str, Any]) -> str:
    """The client id of the application that asked for a token."""
    return text(claims, "azp") or text(claims, "appid")


def text(claims: Mapping[str, Any], name: str) -> str:
    """A claim; empty for one that is missing or no text."""
    value = claims.get(name)
    return value if isinstance(value, str) else ""


def texts(claims: Mapping[str, Any], name: str) -> list[str]:
    """A claim that is a list; empty for one that is missing or no list."""
    value = claims.get(name)
    return [str(each) for each in value] if isinstance(value, list) else []
