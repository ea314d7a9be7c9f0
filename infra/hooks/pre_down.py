"""Before everything is deleted: says what would outlive it, or stand in its way, and how to end that too."""

import os
import sys

from azure_rest import Azure, AzureRefused
from deployment import Misconfigured, needed, read_deployment

POLICY = "blobServices/default/containers/closed/immutabilityPolicies/default"


def release_closed_periods(azure: Azure, storage_id: str) -> bool:
    """Remove the unlocked immutability policy of the closed periods; False where there is none."""
    policy = azure.find(f"{storage_id}/{POLICY}", "2025-06-01")
    if policy is None:
        return False
    url = f"{azure.arm}{storage_id}/{POLICY}?api-version=2025-06-01"
    azure.send(
        "DELETE", url, None, {**azure.bearer("https://management.azure.com/.default"), "If-Match": policy["etag"]}
    )
    return True


def main(azure: Azure) -> int:
    """Refuse to delete immutable books unless DELETE_BOOKS says so; 1 where it refuses."""
    try:
        settings = read_deployment().settings
        if not settings["retention"]["reportImmutability"]:
            return 0
        environment = needed("AZURE_ENV_NAME")
        if os.environ.get("DELETE_BOOKS") != environment:
            print(
                "down: the closed periods of this profile are immutable, so that nobody deletes books by mistake."
                " Keep what must be kept (docs/operations.md, 'Ending a deployment'), then:"
                f" azd env set DELETE_BOOKS {environment}",
                file=sys.stderr,
            )
            return 1
        released = release_closed_periods(azure, needed("STORAGE_ACCOUNT_ID"))
        print(f"down: the immutability policy of the closed periods {'was removed' if released else 'does not exist'}.")
    except (Misconfigured, AzureRefused) as error:
        print(f"down: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(Azure()))
