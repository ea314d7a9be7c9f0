"""After provisioning: makes the events key where there is none, names what is left over."""

import os
import secrets
import sys
from collections.abc import Callable
from functools import partial

from azure_rest import Azure, AzureRefused
from deployment import Misconfigured, needed, read_deployment, read_gateway
from leftovers import leftovers

VAULT_SCOPE = "https://vault.azure.net/.default"
VAULT_VERSION = "7.4"
ROLES_SPREAD_WITHIN = 600.0
"""Seconds that a new role assignment may take to reach every store."""


def ensure_events_key(azure: Azure, vault_url: str, seconds: float = ROLES_SPREAD_WITHIN) -> bool:
    """Make the secret `events-key` unless it exists; True if it was made."""
    url = f"{vault_url.rstrip('/')}/secrets/events-key?api-version={VAULT_VERSION}"
    headers = azure.bearer(VAULT_SCOPE)
    try:
        _once_roles_hold(azure, "the right to read the vault", partial(azure.send, "GET", url, None, headers), seconds)
    except AzureRefused as error:
        if error.status != 404:
            raise
        azure.send("PUT", url, {"value": secrets.token_urlsafe(32), "attributes": {"enabled": True}}, headers)
        return True
    return False


def _once_roles_hold(azure: Azure, what: str, call: Callable[[], object], seconds: float) -> None:
    """Repeat a call that is forbidden only because its role was assigned a moment ago."""

    def done() -> bool:
        try:
            call()
        except AzureRefused as error:
            if error.status == 403:
                return False
            raise
        return True

    azure.wait(what, done, seconds)


def main(azure: Azure) -> int:
    """Run both; 1 with the reason if one fails."""
    try:
        made = ensure_events_key(azure, needed("KEY_VAULT_URL"))
        print(f"post-provision: the events key {'was made' if made else 'exists'}.")
        group = f"/subscriptions/{needed('AZURE_SUBSCRIPTION_ID')}/resourceGroups/{needed('AZURE_RESOURCE_GROUP')}"
        for leftover in leftovers(azure, group, read_deployment(), read_gateway()):
            print(f"post-provision: {leftover}")
    except (Misconfigured, AzureRefused) as error:
        print(f"post-provision: {error}", file=sys.stderr)
        if os.environ.get("PROFILE") == "production":
            print(
                "post-provision: a private deployment must let this machine in: ALLOWED_IP_ADDRESSES.", file=sys.stderr
            )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(Azure()))
