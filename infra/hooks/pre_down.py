"""Before everything is deleted: says what would remain or block the deletion, and removes what must go first."""

import os
import sys

from azure_rest import Azure, AzureRefused
from deployment import Misconfigured, needed, read_deployment
from existing import existing_ids
from leave_networks import leave_networks
from own_groups import delete_own_groups, groups_of_others
from preflight import budgets_of, check_names
from preflight_changes import GUARDED, STORAGE_VERSION, all_in, policy_of
from remove_from_existing import remove_from_existing


def release(azure: Azure, storage_id: str) -> list[str]:
    """Remove the unlocked immutability policies of the books; the containers that had one.

    Raises `AzureRefused` for a locked one: nobody can delete the files under it before its time is over.
    """
    released = []
    for container in GUARDED:
        path = f"{storage_id}/{policy_of(container)}"
        policy = azure.find(path, STORAGE_VERSION)
        if policy is None or not policy["properties"].get("immutabilityPeriodSinceCreationInDays"):
            continue
        if policy["properties"].get("state") == "Locked":
            raise AzureRefused(409, f"the policy of container {container} is locked: its files outlive the deployment")
        azure.manage("DELETE", path, STORAGE_VERSION, headers={"If-Match": policy["etag"]})
        released.append(container)
    return released


def remove_budget(azure: Azure, subscription: str, environment: str) -> None:
    """Remove the budget of the resources: it is in the subscription, outside the groups."""
    for budget in budgets_of(azure, subscription, environment):
        azure.manage("DELETE", budget["id"], "2024-08-01")
        print(f"down: the budget {budget['name']} was removed.")


def refuses(kept: bool, environment: str) -> bool:  # noqa: FBT001 it is what is asked about
    """Whether the books are protected from deletion by mistake, and nobody confirmed that they may go."""
    if not kept or os.environ.get("DELETE_BOOKS") == environment:
        return False
    print(
        "down: the ledger and closed periods of this profile are immutable, so that nobody deletes books by"
        " mistake. Keep what must be kept (docs/operations.md, 'Ending a deployment'), then:"
        f" azd env set DELETE_BOOKS {environment}",
        file=sys.stderr,
    )
    return True


def _finish(azure: Azure, subscription: str, environment: str, others: list[str]) -> int:
    """Delete our groups here, and stop azd: it would delete the groups of others with everything in them."""
    gone = delete_own_groups(azure, subscription, environment)
    print(f"down: deleted with all that was in them: {', '.join(gone) or 'no group, as there was none'}.")
    for unpurged in check_names(azure, f"/subscriptions/{subscription}", environment):
        print(f"down: {unpurged}")
    print(
        "down: everything of this environment is removed. azd is stopped here on purpose, because it would go on to"
        f" delete groups that are not ours: {', '.join(others) or 'those of the resources that existed'}."
        " Do not run azd down without this hook. To forget the environment: azd env remove.",
        file=sys.stderr,
    )
    return 1


def main(azure: Azure) -> int:
    """Remove what must go first; 1 where it refuses. It asks Azure, because a failed deployment has no outputs."""
    try:
        deployment = read_deployment()
        settings = deployment.settings
        environment, subscription = needed("AZURE_ENV_NAME"), needed("AZURE_SUBSCRIPTION_ID")
        inside = f"/subscriptions/{subscription}/resourceGroups/rg-{environment}/providers"
        immutable = any(settings["retention"][setting] for setting in GUARDED.values())
        stores = all_in(azure, f"{inside}/Microsoft.Storage/storageAccounts", STORAGE_VERSION) if immutable else []
        if refuses(bool(stores), environment):
            return 1
        for removed in remove_from_existing(azure, deployment, environment):
            print(f"down: {removed}.")
        for store in stores:
            released = ", ".join(release(azure, store["id"]))
            print(f"down: immutability policies of {store['name']} removed: {released or 'it had none'}.")
        if settings["privateNetwork"]:
            leave_networks(azure, subscription, f"rg-{environment}")
        remove_budget(azure, subscription, environment)
        others = groups_of_others(azure, subscription, environment)
        if others or existing_ids(deployment):
            return _finish(azure, subscription, environment, others)
    except (Misconfigured, AzureRefused) as error:
        print(f"down: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(Azure()))
