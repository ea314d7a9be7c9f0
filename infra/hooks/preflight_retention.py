"""Before anything is created: checks that the storage keeps closed months as long as `retention` in books.yaml says."""

from collections.abc import Iterator, Mapping
from typing import Any

from azure_rest import Azure
from deployment import Deployment, Note
from preflight_changes import STORAGE_VERSION, all_in

KEPT = ("closed/", "settled/")
"""What is kept: the closed files with their evidence, and the days that they were made of."""


def check_kept(deployment: Deployment) -> Iterator[str]:
    """Nobody can delete the files of a closed month before their time where its policy lasts as long."""
    if deployment.retention is None:
        return
    needed, days = deployment.retention.longest_days, int(deployment.settings["retention"]["reportImmutability"])
    if days < needed:
        said = (
            f"books.yaml keeps closed months for up to {needed} days, and retention.reportImmutability is {days}: their"
            f" files can be deleted before that. Set {needed} or more in the overrides."
        )
        yield said if deployment.profile == "production" else Note(said)


def check_lifecycle(azure: Azure, base: str, group: str, deployment: Deployment) -> Iterator[str]:
    """No rule of the storage account deletes closed months, or the settled days, before their time."""
    if deployment.retention is None:
        return
    needed = deployment.retention.longest_days
    inside = f"{base}/resourceGroups/{group}/providers/Microsoft.Storage/storageAccounts"
    for account in all_in(azure, inside, STORAGE_VERSION):
        policy = azure.find(f"{account['id']}/managementPolicies/default", STORAGE_VERSION) or {}
        for rule in policy.get("properties", {}).get("policy", {}).get("rules", ()):
            for place in _places(rule):
                days = _days_of(rule, place)
                if days is not None and days < needed:
                    yield (
                        f"rule {rule['name']} of the lifecycle of {account['name']} deletes {place} after {days} days,"
                        f" and books.yaml keeps closed months for up to {needed}: remove the rule, or let it wait."
                    )


def _places(rule: Mapping[str, Any]) -> Iterator[str]:
    """The kept containers that an enabled rule is about; one without a prefix is about all."""
    if not rule.get("enabled", True):
        return
    prefixes = (rule["definition"].get("filters") or {}).get("prefixMatch") or [""]
    for place in KEPT:
        if any(place.startswith(prefix) or prefix.startswith(place) for prefix in prefixes):
            yield place


def _days_of(rule: Mapping[str, Any], place: str) -> int | None:
    """After how many days a rule deletes. Replaced versions of settled days may go at any time."""
    actions = rule["definition"]["actions"]
    deleting = [actions.get("baseBlob", {}).get("delete")]
    if place == "closed/":
        deleting.append(actions.get("version", {}).get("delete"))
    found = [int(days) for each in deleting if each for name, days in each.items() if name.startswith("daysAfter")]
    return min(found, default=None)
