"""Refuses a blob request whose data action a role lacks, as Azure does and Azurite does not.

Which action a request needs: the section *Permissions* of each operation at
https://learn.microsoft.com/rest/api/storageservices/operations-on-blobs, read 2026-11-29.
"""

from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml
from azure.core.exceptions import HttpResponseError
from azure.core.pipeline import PipelineRequest
from azure.core.pipeline.policies import SansIOHTTPPolicy

BLOBS = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/"
READ, WRITE, ADD, DELETE = f"{BLOBS}read", f"{BLOBS}write", f"{BLOBS}add/action", f"{BLOBS}delete"
ROLES = yaml.safe_load((Path(__file__).parents[2] / "infra/custom-roles.yaml").read_text("utf-8"))


class NotPermitted(HttpResponseError):
    """403 AuthorizationPermissionMismatch."""


def needed(method: str, url: str, headers: dict[str, str]) -> set[str]:
    """The data actions of which one is enough."""
    component = parse_qs(urlsplit(url).query).get("comp", [""])[0]
    match method, component:
        case "GET" | "HEAD", _:
            return {READ}
        case "DELETE", _:
            return {DELETE}
        case "PUT", "appendblock":
            return {WRITE, ADD}
        case "PUT", "" if headers.get("If-None-Match") == "*":
            return {WRITE, ADD}  # a new blob; one that exists is changed by writers alone
        case _:
            return {WRITE}


class As(SansIOHTTPPolicy[Any, Any]):
    """Whoever sends requests has this role of infra/custom-roles.yaml and no other."""

    def __init__(self, role: str) -> None:
        self.role, self.allowed = role, set(ROLES[role]["dataActions"])

    def on_request(self, request: PipelineRequest[Any]) -> None:
        sent = request.http_request
        wanted = needed(sent.method, sent.url, dict(sent.headers))
        if not wanted & self.allowed:
            raise NotPermitted(f"AuthorizationPermissionMismatch: {self.role} has none of {sorted(wanted)}")
