"""Microsoft Graph under the identity that az is signed in with: applications, service principals, assignments."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

sys.path.insert(0, str(Path(__file__).parents[2] / "infra/hooks"))

from azure_rest import Azure, AzureRefused

__all__ = ["AzureRefused", "Graph", "az_token"]

GRAPH = "https://graph.microsoft.com"

REPLICATED_WITHIN = 180.0
"""Seconds until another server of the directory knows what one has written."""

_NOT_YET = (
    "does not reference a valid application object",
    "Permission being assigned was not found on application",
)
"""What Graph answers while a server does not know yet what another one has written."""
_THERE_ALREADY = "Permission being assigned already exists on the object"

Answer = TypeVar("Answer")


def az_token(scope: str) -> str:
    """An access token of the account that az is signed in with."""
    command = ["az", "account", "get-access-token", "--scope", scope, "--output", "json"]
    try:
        run = subprocess.run(command, capture_output=True, text=True, check=True)
    except FileNotFoundError:
        raise AzureRefused(0, "az is not on the PATH: https://aka.ms/azure-cli") from None
    except subprocess.CalledProcessError as error:
        reason = error.stderr.strip()[:300]
        raise AzureRefused(0, f"az gives no token for {scope}; run 'az login' ({reason})") from None
    return str(json.loads(run.stdout)["accessToken"])


@dataclass
class Graph:
    """What the registration needs of Graph; every call may be made again.

    Attributes:
        url: where Graph is; other clouds have their own.
        patience: seconds that the servers of the directory may take to agree.
        every: seconds between two looks.
    """

    azure: Azure
    url: str = GRAPH
    patience: float = REPLICATED_WITHIN
    every: float = 5.0

    def application(self, name: str) -> dict[str, Any] | None:
        """The application of a unique name, or None."""
        return self._find(f"/applications(uniqueName='{name}')")

    def create_application(self, name: str, title: str) -> dict[str, Any]:
        """The application of a unique name, made where there is none, also if two people make it at once."""
        body = {"displayName": title, "signInAudience": "AzureADMyOrg"}
        path = f"/applications(uniqueName='{name}')"
        made = self.call("PATCH", path, body, {"Prefer": "create-if-missing"})
        return made or self._once_known(lambda: self.application(name), f"application {name}")

    def patch_application(self, object_id: str, changes: Mapping[str, Any]) -> None:
        """Change some properties."""
        self._once_replicated(lambda: self.call("PATCH", f"/applications/{object_id}", dict(changes)))

    def service_principal(self, app_id: str) -> dict[str, Any] | None:
        """What stands for an application in this tenant, or None."""
        return self._find(f"/servicePrincipals(appId='{app_id}')")

    def create_service_principal(self, app_id: str) -> dict[str, Any]:
        """The service principal of an application; the tag shows it among the enterprise applications."""
        body = {"appId": app_id, "tags": ["WindowsAzureActiveDirectoryIntegratedApp"]}
        return dict(self._once_replicated(lambda: self.call("POST", "/servicePrincipals", body)))

    def federated_credentials(self, application: str) -> list[dict[str, Any]]:
        """The identities that an application trusts; there are 20 at most."""
        path = f"/applications/{application}/federatedIdentityCredentials"
        return list(self._once_replicated(lambda: self.call("GET", path))["value"])

    def set_federated_credential(self, application: str, credential: str, body: Mapping[str, Any]) -> None:
        """Make a federated credential, or change the one with an id."""
        path = f"/applications/{application}/federatedIdentityCredentials"
        method, path = ("PATCH", f"{path}/{credential}") if credential else ("POST", path)
        self._once_replicated(lambda: self.call(method, path, dict(body)))

    def assignments(self, principal: str) -> list[dict[str, Any]]:
        """Who has which app role of a service principal."""
        found: list[dict[str, Any]] = []
        page = self.call("GET", f"/servicePrincipals/{principal}/appRoleAssignedTo?$top=999")
        while True:
            found += page["value"]
            if "@odata.nextLink" not in page:
                return found
            page = self.azure.send("GET", page["@odata.nextLink"], None, None, self._scope)

    def assign(self, resource: str, role: str, holder: str) -> None:
        """Give a person, group or service principal an app role; harmless where they have it."""
        body = {"principalId": holder, "resourceId": resource, "appRoleId": role}
        try:
            self._once_replicated(lambda: self.call("POST", f"/servicePrincipals/{resource}/appRoleAssignedTo", body))
        except AzureRefused as error:
            if _THERE_ALREADY not in str(error):
                raise

    @property
    def _scope(self) -> str:
        return f"{self.url}/.default"

    def call(self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None) -> Any:
        """Call version 1.0 of Graph."""
        return self.azure.send(method, f"{self.url}/v1.0{path}", body, headers, self._scope)

    def _find(self, path: str) -> dict[str, Any] | None:
        try:
            return dict(self.call("GET", path))
        except AzureRefused as error:
            if error.status == 404:
                return None
            raise

    def _once_known(self, look: Callable[[], Answer | None], what: str) -> Answer:
        return self.azure.wait(what, look, self.patience, self.every)  # type: ignore[no-any-return]

    def _once_replicated(self, call: Callable[[], Answer]) -> Answer:
        deadline = time.monotonic() + self.patience
        while True:
            try:
                return call()
            except AzureRefused as error:
                waits = error.status == 404 or any(words in str(error) for words in _NOT_YET)
                if not waits or time.monotonic() > deadline:
                    raise
            time.sleep(self.every)
