"""After provisioning: makes the keys that are missing, and names what is no longer configured."""

import os
import secrets
import sys

from azure_rest import ROLES_HOLD_WITHIN, Azure, AzureRefused
from deployment import Misconfigured, needed, profile_name, read_deployment, read_gateway
from existing import OWN_SECRETS, OWNER_TAG
from leftovers import leftovers

VAULT_SCOPE = "https://vault.azure.net/.default"
VAULT_VERSION = "7.4"


def ensure_key(azure: Azure, vault_url: str, name: str, seconds: float = ROLES_HOLD_WITHIN) -> bool:
    """Make the secret with a key of 32 bytes unless it exists; True if it was made."""
    url = f"{vault_url.rstrip('/')}/secrets/{name}?api-version={VAULT_VERSION}"
    doubt = "does whoever deploys have 'Key Vault Secrets Officer', and does the vault let this machine in?"
    try:
        azure.once_roles_hold(lambda: azure.send("GET", url, scope=VAULT_SCOPE), doubt, seconds)
    except AzureRefused as error:
        if error.status != 404:
            raise
        body = {"value": secrets.token_urlsafe(32), "attributes": {"enabled": True}, "tags": _owner()}
        azure.once_roles_hold(lambda: azure.send("PUT", url, body, scope=VAULT_SCOPE), doubt, seconds)
        return True
    return False


def _owner() -> dict[str, str]:
    """Whose key it is: in a vault that others use, only that environment may remove it."""
    environment = os.environ.get("AZURE_ENV_NAME", "")
    return {OWNER_TAG: environment} if environment else {}


def main(azure: Azure) -> int:
    """Do both; 1 with the reason if one fails."""
    try:
        for name in OWN_SECRETS:
            made = ensure_key(azure, needed("CHARGEBACK_KEY_VAULT_URL"), name)
            print(f"post-provision: the secret {name} {'was made' if made else 'exists'}.")
        group = f"/subscriptions/{needed('AZURE_SUBSCRIPTION_ID')}/resourceGroups/{needed('AZURE_RESOURCE_GROUP')}"
        for leftover in leftovers(azure, group, read_deployment(), read_gateway()):
            print(f"post-provision: {leftover}")
    except (Misconfigured, AzureRefused) as error:
        print(f"post-provision: {error}", file=sys.stderr)
        if profile_name() == "production":
            print(
                "post-provision: a private deployment must let this machine in: set STORE_IP_ADDRESSES.",
                file=sys.stderr,
            )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(Azure()))
