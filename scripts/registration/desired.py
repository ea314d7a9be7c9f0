"""What the registration has to be, and the changes that lead there from what it is.

Graph changes or removes a role or scope only after it was disabled by an earlier request, and authorizes clients only
for scopes that an earlier request made (learn.microsoft.com/graph/api/resources/approle and
github.com/microsoftgraph/microsoft-graph-docs/issues/20177), so there are up to three changes.
"""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from chargeback.adapters.azure.entra_claims import API_SCOPE
from chargeback.domain.access.app_roles import AppRole

AZURE_CLI = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
"""The client id of az and azd, through which people of a terminal sign in."""

MICROSOFT_GRAPH = "00000003-0000-0000-c000-000000000000"
OPEN_ID_SCOPES = ("37f7f235-527c-4136-accd-4a02d197296e", "14dad69e-099b-42c9-810b-d002981feec1")
"""The ids of `openid` and `profile` (learn.microsoft.com/graph/permissions-reference)."""

OURS = "Chargeback."
"""How the values of our app roles begin; other roles of the application are left alone."""

DESCRIPTIONS = {
    AppRole.USER: "Sees what was used under the own identity.",
    AppRole.OWNER: "Sees the cost centres that config/company/access.yaml names for the person or a group.",
    AppRole.FINANCE: "Sees all costs, closes months, corrects them and sets budgets.",
    AppRole.AUDITOR: "Sees everything, the audit log included, and changes nothing.",
    AppRole.OPERATOR: "Keeps the product running: sees and repairs what could not be handled, and sees no costs.",
    AppRole.ADMIN: "May do all that the others may.",
}

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the company wants of the registration.

    Attributes:
        redirect_uris: where browsers come back to after signing in; those that are there stay.
        clients: client ids that may ask in a person's name without asking for consent, in addition to az.
        signs_in: the pages sign people in with it.
        all_groups: tokens name every security group of a person; else those alone that have a role of the application.
    """

    redirect_uris: tuple[str, ...] = ()
    clients: tuple[str, ...] = ()
    all_groups: bool = False
    signs_in: bool = False


def redirect_faults(uris: Sequence[str]) -> Iterator[str]:
    """What Entra refuses (learn.microsoft.com/entra/identity-platform/reply-url), and wildcards, which it warns of."""
    for uri in uris:
        parts = urlsplit(uri)
        local = parts.scheme == "http" and parts.hostname in ("localhost", "127.0.0.1")
        if not local and (parts.scheme != "https" or not parts.hostname):
            yield f"{uri!r} is not an https:// address, or http:// on localhost"
        elif set("!$'(),;*") & set(uri) or parts.fragment or len(uri) > 256:
            yield f"{uri!r} has one of !$'(),;* or a fragment, or more than 256 characters"


def changes(application: Mapping[str, Any], wanted: Wanted) -> list[Document]:
    """The changes to make one after the other; none where everything is as it has to be."""
    known, made = as_sent(application), list[Document]()
    for step in (_disabled, _described, _authorized):
        change = _difference(known, step(known, wanted))
        if change:
            made.append(change)
            known = merged(known, change)
    return made


def as_sent(application: Mapping[str, Any]) -> Document:
    """An application without what Graph says of its roles and never takes."""
    roles = [{name: value for name, value in role.items() if name != "origin"} for role in application["appRoles"]]
    return {**application, "appRoles": roles}


def merged(application: Mapping[str, Any], change: Mapping[str, Any]) -> Document:
    """What an application is after a change: lists are replaced, and objects keep what the change does not name."""
    after = dict(application)
    for name, value in change.items():
        after[name] = merged(after.get(name) or {}, value) if isinstance(value, dict) else value
    return after


def _difference(known: Mapping[str, Any], wanted: Mapping[str, Any]) -> Document:
    found: Document = {}
    for name, value in wanted.items():
        before = known.get(name)
        if isinstance(value, dict):
            if inner := _difference(before or {}, value):
                found[name] = inner
        elif before != value:
            found[name] = value
    return found


def role_id(application: Mapping[str, Any], value: str) -> str:
    """The id of a role or scope: the one it has, else one that everybody who runs this makes up alike."""
    found = [*application.get("appRoles", ()), *_scopes(application)]
    ids = [str(each["id"]) for each in found if each.get("value") == value]
    return ids[0] if ids else str(uuid.uuid5(uuid.UUID(str(application["appId"])), value))


def _disabled(known: Document, wanted: Wanted) -> Document:
    """Every role and scope that is about to change or to go, disabled and else as it is."""
    after = _described(known, wanted)
    scopes = _without_what_changes(_scopes(known), after["api"]["oauth2PermissionScopes"])
    roles = _without_what_changes(known.get("appRoles", []), after["appRoles"])
    return {"appRoles": roles, "api": {"oauth2PermissionScopes": scopes}}


def _without_what_changes(before: Sequence[Document], after: Sequence[Document]) -> list[Document]:
    return [each if each in after else {**each, "isEnabled": False} for each in before]


def _described(known: Document, wanted: Wanted) -> Document:
    """Everything but which clients are authorized."""
    return {
        "signInAudience": "AzureADMyOrg",
        "identifierUris": _with(known.get("identifierUris", []), [f"api://{known['appId']}"]),
        "appRoles": _replaced(known.get("appRoles", []), [_role(known, role) for role in AppRole], OURS),
        "api": {"requestedAccessTokenVersion": 2, "oauth2PermissionScopes": _replaced(_scopes(known), [_scope(known)])},
        "groupMembershipClaims": "SecurityGroup" if wanted.all_groups else "ApplicationGroup",
        "optionalClaims": _claims(known.get("optionalClaims") or {}),
        "web": _web(known.get("web") or {}, wanted),
        **({"requiredResourceAccess": _asked_of_graph(known)} if wanted.signs_in else {}),
    }


def _replaced(before: Sequence[Document], wanted: Sequence[Document], ours: str | None = None) -> list[Document]:
    """What is wanted in the place of what has its id, and what others made; Graph keeps no order of its own.

    `ours`: how values begin that go where they are not wanted.
    """
    by_id = {each["id"]: each for each in wanted}
    kept = [each for each in before if each["id"] in by_id or not (ours and str(each.get("value")).startswith(ours))]
    there = [by_id.pop(each["id"], each) for each in kept]
    return [*there, *by_id.values()]


def _role(known: Document, role: AppRole) -> Document:
    before: Document = next((each for each in known.get("appRoles", []) if each.get("value") == role.value), {})
    return {
        **before,
        "id": role_id(known, role.value),
        "value": role.value,
        "displayName": role.value.replace(".", " "),
        "description": DESCRIPTIONS[role],
        "allowedMemberTypes": ["User", "Application"],
        "isEnabled": True,
    }


def _scope(known: Document) -> Document:
    before: Document = next((each for each in _scopes(known) if each["value"] == API_SCOPE), {})
    return {
        **before,
        "id": role_id(known, API_SCOPE),
        "value": API_SCOPE,
        "type": "User",
        "isEnabled": True,
        "adminConsentDisplayName": "See and change costs as the signed-in person",
        "adminConsentDescription": "Lets the application do what the signed-in person may do in Chargeback.",
        "userConsentDisplayName": "See and change costs as you",
        "userConsentDescription": "Lets the application do what you may do in Chargeback.",
    }


def _claims(known: Document) -> Document:
    """`idtyp` tells an application's own token from a person's; `upn` is missing in tokens of version 2 without it."""
    asked = list(known.get("accessToken", []))
    for name in ("idtyp", "upn"):
        if not any(each["name"] == name for each in asked):
            asked.append({"name": name, "source": None, "essential": False, "additionalProperties": []})
    return {**known, "accessToken": asked}


def _web(known: Document, wanted: Wanted) -> Document:
    """No token is ever given to a browser in the address of a page."""
    implicit = {"enableAccessTokenIssuance": False, "enableIdTokenIssuance": False}
    uris = _with(known.get("redirectUris", []), wanted.redirect_uris)
    return {"redirectUris": uris, "implicitGrantSettings": implicit}


def _asked_of_graph(known: Document) -> list[Document]:
    """What signing in takes of Microsoft Graph, so that an administrator can consent to it for everybody at once."""
    asked = [dict(each) for each in known.get("requiredResourceAccess", [])]
    if not any(each["resourceAppId"] == MICROSOFT_GRAPH for each in asked):
        asked.append({"resourceAppId": MICROSOFT_GRAPH, "resourceAccess": []})
    for each in asked:
        if each["resourceAppId"] == MICROSOFT_GRAPH:
            there = {access["id"] for access in each["resourceAccess"]}
            more = [{"id": scope, "type": "Scope"} for scope in OPEN_ID_SCOPES if scope not in there]
            each["resourceAccess"] = [*each["resourceAccess"], *more]
    return asked


def _authorized(known: Document, wanted: Wanted) -> Document:
    scope = role_id(known, API_SCOPE)
    clients = {str(each["appId"]): list(each["delegatedPermissionIds"]) for each in _authorized_before(known)}
    own = (str(known["appId"]),) if wanted.signs_in else ()
    for client in (AZURE_CLI, *own, *wanted.clients):
        clients[client] = _with(clients.get(client, []), [scope])
    said = [{"appId": client, "delegatedPermissionIds": ids} for client, ids in clients.items()]
    return {"api": {"preAuthorizedApplications": said}}


def _authorized_before(known: Document) -> list[Document]:
    return list(_api(known).get("preAuthorizedApplications", []))


def _scopes(known: Mapping[str, Any]) -> list[Document]:
    return list(_api(known).get("oauth2PermissionScopes", []))


def _api(known: Mapping[str, Any]) -> Document:
    return dict(known.get("api") or {})


def _with(before: Sequence[str], more: Sequence[str]) -> list[str]:
    return [*before, *(each for each in more if each not in before)]
