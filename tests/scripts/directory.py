"""A stand-in for Microsoft Graph's applications: it refuses what Graph refuses, and is slow to agree with itself.

Rules are those of learn.microsoft.com/graph/api/resources/{application,approle,permissionscope,apiapplication,
federatedidentitycredential} and
learn.microsoft.com/entra/identity-platform/reply-url, and of the two issues that `scripts/registration` names.
"""

import re
import uuid
from typing import Any

from tests.infra.hooks.conftest import Answer, Asked

_VALUE = re.compile(r"[A-Za-z0-9:!#$%&'()*+,\-./;<=>?@\[\]^_`{|}~]{1,120}")
TENANT = "72f988bf-0000-4000-8000-2d7cd011db47"
READ_ONLY = {"id", "appId", "createdDateTime", "uniqueName"}


class Refusal(Exception):
    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.answer: Answer = (status, {"error": {"code": code, "message": message}})


class Directory:
    """One tenant.

    Attributes:
        lag: how many requests about something new are answered as if it were not there.
    """

    def __init__(self, lag: int = 0) -> None:
        self.lag = lag
        self.applications: dict[str, dict[str, Any]] = {}
        self.principals: dict[str, dict[str, Any]] = {}
        self.trusted: dict[str, list[dict[str, Any]]] = {}
        self.assigned: list[dict[str, Any]] = []
        self.patches: list[dict[str, Any]] = []
        self._unseen: dict[str, int] = {}

    def answer(self, asked: Asked) -> Answer:
        path = asked.path.partition("?")[0].removeprefix("/v1.0")
        try:
            return self._answer(asked, path)
        except Refusal as refusal:
            return refusal.answer

    def _answer(self, asked: Asked, path: str) -> Answer:
        if named := re.fullmatch(r"/applications\(uniqueName='([^']+)'\)", path):
            return self._by_name(asked, named[1])
        if named := re.fullmatch(r"/applications/([0-9a-f-]{36})", path):
            return self._patch(self._known(named[1]), asked.json)
        if named := re.fullmatch(r"/applications/([0-9a-f-]{36})/federatedIdentityCredentials(/.*)?", path):
            return self._credentials(asked, self._known(named[1]), (named[2] or "").removeprefix("/"))
        if named := re.fullmatch(r"/servicePrincipals\(appId='([^']+)'\)", path):
            return 200, self._seen(named[1] if named[1] in self.principals else "", self.principals.get(named[1]))
        if path == "/servicePrincipals" and asked.method == "POST":
            return self._create_principal(asked.json)
        if path.endswith("/appRoleAssignedTo"):
            return self._assignments(asked) if asked.method == "GET" else self._assign(asked.json)
        raise Refusal(400, "Request_BadRequest", f"no such route: {asked.method} {path}")

    def _seen(self, key: str, found: dict[str, Any] | None) -> dict[str, Any]:
        if found is None:
            raise Refusal(404, "Request_ResourceNotFound", "Resource does not exist.")
        if self._unseen.get(key, 0):
            self._unseen[key] -= 1
            raise Refusal(404, "Request_ResourceNotFound", "Resource does not exist.")
        return found

    def _by_name(self, asked: Asked, name: str) -> Answer:
        found = self.applications.get(name)
        if asked.method == "GET":
            return 200, _shown(self._seen(name, found))
        if found is not None:
            return self._patch(found, asked.json)
        if asked.headers.get("prefer") != "create-if-missing":
            raise Refusal(404, "Request_ResourceNotFound", "Resource does not exist.")
        if not asked.json.get("displayName"):
            raise Refusal(400, "Request_BadRequest", "Property displayName is required.")
        made = {
            "id": str(uuid.uuid4()),
            "appId": str(uuid.uuid4()),
            "uniqueName": name,
            "appRoles": [],
            "identifierUris": [],
            "api": {"oauth2PermissionScopes": [], "preAuthorizedApplications": [], "requestedAccessTokenVersion": None},
            "web": {"redirectUris": [], "homePageUrl": "https://home.example", "redirectUriSettings": []},
            "optionalClaims": None,
            "groupMembershipClaims": None,
            "requiredResourceAccess": [],
            **asked.json,
        }
        self.applications[name] = made
        self._unseen[name] = self._unseen[made["id"]] = self._unseen[made["appId"]] = self.lag
        return 201, _shown(made)

    def _known(self, identity: str) -> dict[str, Any]:
        found = next((each for each in self.applications.values() if each["id"] == identity), None)
        return self._seen(identity, found)

    def _patch(self, application: dict[str, Any], change: dict[str, Any]) -> Answer:
        if READ_ONLY & change.keys():
            raise Refusal(400, "Request_BadRequest", "Property is read-only.")
        after = {**application}
        for name, value in change.items():
            after[name] = {**(after.get(name) or {}), **value} if isinstance(value, dict) else value
        _check_permissions("appRoles", application["appRoles"], after["appRoles"])
        scopes = "oauth2PermissionScopes"
        _check_permissions(scopes, application["api"][scopes], after["api"][scopes])
        together = [*after["appRoles"], *after["api"][scopes]]
        if len({each["value"] for each in together}) < len(together):
            raise Refusal(400, "Request_BadRequest", "Property value has duplicate values in appRoles or scopes.")
        if len({each["id"] for each in together}) < len(together):
            raise Refusal(400, "Request_BadRequest", "It contains duplicate value. Please provide unique value: id.")
        known = {each["id"] for each in application["api"][scopes]}  # those that an earlier request made
        for client in after["api"]["preAuthorizedApplications"]:
            if set(client["delegatedPermissionIds"]) - known:
                raise Refusal(
                    400,
                    "InvalidValue",
                    "Property api.preAuthorizedApplications.delegatedPermissionIds has a Permission Id that cannot be"
                    " found in the AppPermissions sets.",
                )
        _check_uris(after)
        application.update(after)
        self.patches.append(change)
        return 204, None

    def _credentials(self, asked: Asked, application: dict[str, Any], identity: str) -> Answer:
        known = self.trusted.setdefault(application["id"], [])
        if asked.method == "GET":
            return 200, {"value": known}
        before = next((each for each in known if each["id"] == identity), None)
        if identity and before is None:
            raise Refusal(404, "Request_ResourceNotFound", "Resource does not exist.")
        if before is not None and asked.json.get("name", before["name"]) != before["name"]:
            raise Refusal(400, "Request_BadRequest", "Property name is read-only and cannot be set.")
        after = {"id": str(uuid.uuid4()), "description": None, **(before or {}), **asked.json}
        _check_credential(after, [each for each in known if each is not before])
        if before is None:
            known.append(after)
            return 201, after
        before.update(after)
        return 204, None

    def _create_principal(self, body: dict[str, Any]) -> Answer:
        app_id = body["appId"]
        known = [each for each in self.applications.values() if each["appId"] == app_id]
        if not known or self._unseen.get(app_id, 0):
            self._unseen[app_id] = max(0, self._unseen.get(app_id, 0) - 1)
            words = f"The appId '{app_id}' of the service principal does not reference a valid application object."
            raise Refusal(400, "Request_BadRequest", words)
        if app_id in self.principals:
            raise Refusal(409, "Request_MultipleObjectsWithSameKeyValue", "The service principal name is in use.")
        tenant = {"appOwnerOrganizationId": TENANT}
        made = {"id": str(uuid.uuid4()), "appRoleAssignmentRequired": False, **tenant, **body}
        self.principals[app_id] = made
        self._unseen["roles"] = self.lag
        return 201, made

    def _assignments(self, asked: Asked) -> Answer:
        """Two a page, whatever is asked for: a list may always have more pages."""
        skipped = int(re.search(r"skip=(\d+)", asked.path)[1]) if "skip=" in asked.path else 0  # type: ignore[index]
        page: dict[str, Any] = {"value": self.assigned[skipped : skipped + 2]}
        if skipped + 2 < len(self.assigned):
            here = f"http://{asked.headers['host']}{asked.path.partition('?')[0]}"
            page["@odata.nextLink"] = f"{here}?skip={skipped + 2}"
        return 200, page

    def _assign(self, body: dict[str, Any]) -> Answer:
        (application,) = [
            each for each in self.applications.values() if self.principals[each["appId"]]["id"] == body["resourceId"]
        ]
        roles = {role["id"] for role in application["appRoles"] if role["isEnabled"]}
        if body["appRoleId"] not in roles or self._unseen.get("roles", 0):
            self._unseen["roles"] = max(0, self._unseen.get("roles", 0) - 1)
            raise Refusal(400, "Request_BadRequest", "Permission being assigned was not found on application 'x'.")
        if body in self.assigned:
            raise Refusal(400, "Request_BadRequest", "Permission being assigned already exists on the object")
        self.assigned.append(body)
        return 201, body


def _shown(application: dict[str, Any]) -> dict[str, Any]:
    """As Graph gives it out: in any order, and roles say where they are defined, which no request may."""
    roles = [{**role, "origin": "Application"} for role in reversed(application["appRoles"])]
    return {**application, "appRoles": roles}


def _check_permissions(name: str, before: list[dict[str, Any]], after: list[dict[str, Any]]) -> None:
    then = {each["id"]: each for each in after}
    for each in after:
        if "origin" in each:
            raise Refusal(400, "Request_BadRequest", "Property origin is read-only and cannot be set.")
        if not _VALUE.fullmatch(each["value"]) or each["value"].startswith("."):
            raise Refusal(400, "Request_BadRequest", f"Invalid value of {name}.")
        uuid.UUID(each["id"])
    for each in before:
        changed = then.get(each["id"])
        if each["isEnabled"] and changed != each and changed != {**each, "isEnabled": False}:
            raise Refusal(
                400,
                "CannotDeleteOrUpdateEnabledEntitlement",
                "Permission (scope or role) cannot be deleted or updated unless disabled first.",
            )
    known = {each["id"] for each in before}
    if any(not each["isEnabled"] for each in after if each["id"] not in known):
        raise Refusal(400, "Request_BadRequest", "isEnabled must be true when a permission is created.")


def _check_credential(credential: dict[str, Any], others: list[dict[str, Any]]) -> None:
    for name, longest in (("name", 120), ("issuer", 600), ("subject", 600)):
        if not 0 < len(credential.get(name) or "") <= longest:
            raise Refusal(400, "Request_BadRequest", f"Property {name} is required, of {longest} characters at most.")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{2,119}", credential["name"]):
        raise Refusal(400, "Request_BadRequest", "Property name has to be friendly to URLs.")
    if len(credential.get("audiences") or ()) != 1:
        raise Refusal(400, "Request_BadRequest", "Property audiences has to have one value.")
    for other in others:
        same_trust = (other["issuer"], other["subject"]) == (credential["issuer"], credential["subject"])
        if other["name"] == credential["name"] or same_trust:
            words = "FederatedIdentityCredential with this name, or this issuer and subject, already exists."
            raise Refusal(409, "Request_MultipleObjectsWithSameKeyValue", words)
    if len(others) >= 20:
        raise Refusal(400, "Request_BadRequest", "Maximum of 20 federated identity credentials reached.")


def _check_uris(application: dict[str, Any]) -> None:
    for uri in application["web"]["redirectUris"]:
        if not re.match(r"https://|http://(localhost|127\.0\.0\.1)\b", uri) or set("!$'(),;") & set(uri):
            raise Refusal(400, "Request_BadRequest", f"Invalid redirect URI {uri}.")
    for uri in application["identifierUris"]:
        if uri.startswith("api://") and application["appId"] not in uri:
            raise Refusal(400, "HostNameNotOnVerifiedDomain", "Values of identifierUris must use a verified domain.")
    if application["groupMembershipClaims"] not in (None, "None", "All", "SecurityGroup", "ApplicationGroup"):
        raise Refusal(400, "Request_BadRequest", "Invalid value of groupMembershipClaims.")
