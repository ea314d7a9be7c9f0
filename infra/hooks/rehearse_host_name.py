"""The second step of a rehearsal: gives the gateway its own host name, like production, and checks that it answers.

    python infra/hooks/rehearse_host_name.py    uses the selected azd environment and REHEARSAL_HOST_NAME

Key Vault itself makes the certificate, so the name needs no DNS and no authority. A first deployment cannot have a host
name, because the gateway reads its certificate under an identity that does not exist before.
"""

import base64
import http.client
import json
import os
import socket
import ssl
import subprocess
import sys
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from azure_rest import Azure, AzureRefused
from copy_keys import VERSION, services_of
from deployment import Misconfigured, needed, profile_name
from post_provision import VAULT_SCOPE, VAULT_VERSION

NAME = "rehearsal"
"""Name of the certificate in its vault."""
STATUS = "/status-0123456789abcdef"
"""Answered by API Management itself, without a policy or a key."""
MADE_WITHIN = 300.0
ANSWERS_WITHIN = 900.0
"""Seconds that the certificate may take, and the last region after an update is reported as done."""


@dataclass(frozen=True)
class Certificate:
    """A certificate in the vault: the address of its secret without a version, and its public part."""

    secret_url: str
    public: bytes


def policy(host_name: str) -> dict[str, Any]:
    """The certificate that Key Vault is to make by itself (issuer Self).

    Fields: https://learn.microsoft.com/rest/api/keyvault/certificates/create-certificate/create-certificate
    """
    return {
        "issuer": {"name": "Self"},
        "key_props": {"exportable": True, "kty": "RSA", "key_size": 2048, "reuse_key": False},
        "secret_props": {"contentType": "application/x-pkcs12"},
        "x509_props": {
            "subject": f"CN={host_name}",
            "sans": {"dns_names": [host_name]},
            "ekus": ["1.3.6.1.5.5.7.3.1"],  # a server's
            "key_usage": ["digitalSignature", "keyEncipherment"],
            "validity_months": 12,
        },
    }


def ensure_certificate(azure: Azure, vault_url: str, host_name: str, seconds: float = MADE_WITHIN) -> Certificate:
    """The certificate of the host name, made where the vault has none or one of another name."""
    url = f"{vault_url}/certificates/{NAME}"
    doubt = "does whoever deploys have 'Key Vault Certificates Officer', and does the vault let this machine in?"

    def at(path: str = "") -> Any:
        try:
            return azure.send("GET", f"{url}{path}?api-version={VAULT_VERSION}", scope=VAULT_SCOPE)
        except AzureRefused as error:
            if error.status == 404:
                return {}
            raise

    found = azure.once_roles_hold(at, doubt)
    if _names(found) != [host_name]:
        azure.send(
            "POST", f"{url}/create?api-version={VAULT_VERSION}", {"policy": policy(host_name)}, scope=VAULT_SCOPE
        )
        made = azure.wait("the certificate", partial(_ended, at), seconds, every=5)
        if made["status"] != "completed":
            raise AzureRefused(0, f"Key Vault did not make the certificate: {made.get('error') or made['status']}")
        found = at()
    return Certificate(f"{vault_url}/secrets/{NAME}", base64.b64decode(found["cer"]))


def _names(found: Any) -> list[str]:
    return list(found.get("policy", {}).get("x509_props", {}).get("sans", {}).get("dns_names", ()))


def _ended(at: Any) -> Any:
    pending = at("/pending")
    return None if pending.get("status") == "inProgress" else pending


def regions(azure: Azure, service: str) -> list[str]:
    """The addresses of the service, one for each region."""
    known = azure.manage("GET", service, VERSION)["properties"]
    others = [place["gatewayRegionalUrl"] for place in known.get("additionalLocations") or ()]
    return [known.get("gatewayRegionalUrl") or known["gatewayUrl"], *others]


def answer(address: str, host_name: str, certificate: Certificate) -> int:
    """The status that a region answers under the host name, with this certificate and no other; raises `OSError`.

    The connection goes to the region whatever DNS says about the name, like `curl --connect-to`.
    """
    trusts = ssl.create_default_context(cadata=certificate.public)
    # It signed itself and may sign no other, so it is trusted as it is, not as an authority.
    trusts.verify_flags = (trusts.verify_flags | ssl.VERIFY_X509_PARTIAL_CHAIN) & ~ssl.VERIFY_X509_STRICT
    place = urlsplit(address)
    connection = _To(str(place.hostname), place.port or 443, host_name, trusts)
    try:
        connection.request("GET", STATUS)
        return connection.getresponse().status
    finally:
        connection.close()


class _To(http.client.HTTPSConnection):
    """A connection to one place under the name of another."""

    def __init__(self, place: str, port: int, host_name: str, trusts: ssl.SSLContext) -> None:
        super().__init__(host_name, timeout=30, context=trusts)
        self._place, self._trusts = (place, port), trusts

    def connect(self) -> None:
        plain = socket.create_connection(self._place, timeout=30)
        self.sock = self._trusts.wrap_socket(plain, server_hostname=self.host)


def check(azure: Azure, addresses: list[str], host_name: str, certificate: Certificate, seconds: float) -> None:
    """Wait until every region answers on the host name. Raises `AzureRefused` that says what the last one said."""
    for address in addresses:
        said = ["nothing"]

        def answers(address: str = address, said: list[str] = said) -> bool:
            try:
                said.append(str(answer(address, host_name, certificate)))
            except (OSError, http.client.HTTPException) as error:
                said.append(str(error))
            return said[-1] == "200"

        try:
            azure.wait("an answer", answers, seconds)
        except AzureRefused:
            raise AzureRefused(0, f"{address} does not answer as {host_name}: {said[-1]}") from None
        print(f"rehearsal: {address} answers as {host_name}, with its certificate.")


def run(azure: Azure, host_name: str, vault_url: str, seconds: float = ANSWERS_WITHIN) -> None:
    """Make the certificate, provision with the name, and check it. Raises `AzureRefused` or `Misconfigured`."""
    group = f"/subscriptions/{needed('AZURE_SUBSCRIPTION_ID')}/resourceGroups/{needed('AZURE_RESOURCE_GROUP')}"
    certificate = ensure_certificate(azure, vault_url, host_name)
    services = services_of(group, needed("GATEWAY_NAMES"))
    addresses = [address for service in services for address in regions(azure, service)]
    values = {
        "GATEWAY_HOST_NAME": host_name,
        "GATEWAY_CERTIFICATE_URL": certificate.secret_url,
        # Nobody else trusts that certificate or finds the name, and the service's own name goes on to answer:
        # https://learn.microsoft.com/azure/api-management/configure-custom-domain#considerations
        "SMOKE_GATEWAY_URL": f"https://{needed('GATEWAY_NAME')}.azure-api.net",
    }
    for name, value in values.items():
        azd("env", "set", name, value)
    os.environ.update(values)  # a workflow sets some of them to nothing
    azd("provision", "--no-prompt")
    check(azure, addresses, host_name, certificate, seconds)


def azd(*words: str, output: bool = False) -> str:
    """Run azd; what it printed, if that is wanted. Raises `Misconfigured`."""
    try:
        done = subprocess.run(["azd", *words], check=True, text=True, stdout=subprocess.PIPE if output else None)
    except (FileNotFoundError, subprocess.CalledProcessError) as error:
        raise Misconfigured(f"azd {' '.join(words[:2])} failed: {error}") from None
    return done.stdout or ""


def main(azure: Azure, vaults: str = "https://{}.vault.azure.net") -> int:
    """Run if REHEARSAL_HOST_NAME is set; 1 with the reason if it fails."""
    host_name = os.environ.get("REHEARSAL_HOST_NAME", "").strip().lower()
    if not host_name:
        print("rehearsal: REHEARSAL_HOST_NAME is not set, so the host name and its certificate are not rehearsed.")
        return 0
    try:
        os.environ.update(json.loads(azd("env", "get-values", "--output", "json", output=True)))
        if profile_name() != "rehearsal":
            raise Misconfigured(
                "this is not a rehearsal: CHARGEBACK_PROFILE has another value,"
                " and callers do not trust such a certificate"
            )
        run(azure, host_name, vaults.format(needed("GATEWAY_VAULT_NAME")))
    except (Misconfigured, AzureRefused) as error:
        print(f"rehearsal: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(Azure()))
