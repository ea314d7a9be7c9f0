"""Before everything is deleted: says what would outlive it, or stand in its way, and how to end that too."""

import os
import sys

from azure_rest import Azure, AzureRefused
from deployment import Misconfigured, needed, read_deployment
from preflight import budgets_of
from preflight_changes import GUARDED, STORAGE_VERSION, policy_of


def release(azure: Azure, storage_id: str, container: str) -> bool:
    """Remove the unlocked immutability policy of a container; False where there is none."""
    path = f"{storage_id}/{policy_of(container)}"
    policy = azure.find(path, STORAGE_VERSION)
    if policy is None:
        return False
    url = f"{azure.arm}{path}?api-version={STORAGE_VERSION}"
    azure.send(
        "DELETE", url, None, {**azure.bearer("https://management.azure.com/.default"), "If-Match": policy["etag"]}
    )
    return True


def remove_budget(azure: Azure, subscription: str, environment: str) -> None:
    """Remove the budget of the resources: it lies beside the groups, in the subscription."""
    for budget in budgets_of(azure, subscription, environment):
        azure.manage("DELETE", budget["id"], "2024-08-01")
        print(f"down: the budget {budget['name']} was removed.")


def main(azure: Azure) -> int:
    """Refuse to delete immutable books unless DELETE_BOOKS says so; 1 where it refuses."""
    try:
        retention = read_deployment().settings["retention"]
        environment = needed("AZURE_ENV_NAME")
        kept = [container for container, setting in GUARDED.items() if retention[setting]]
        if kept and os.environ.get("DELETE_BOOKS") != environment:
            print(
                "down: the ledger and closed periods of this profile are immutable, so that nobody deletes books by"
                " mistake. Keep what must be kept (docs/operations.md, 'Ending a deployment'), then:"
                f" azd env set DELETE_BOOKS {environment}",
                file=sys.stderr,
            )
            return 1
        for container in kept:
            removed = release(azure, needed("STORAGE_ACCOUNT_ID"), container)
            print(f"down: the immutability policy of {container} {'was removed' if removed else 'does not exist'}.")
        remove_budget(azure, needed("AZURE_SUBSCRIPTION_ID"), environment)
    except (Misconfigured, AzureRefused) as error:
        print(f"down: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(Azure()))
