"""Whether who deploys may do something, by Azure's own list of what is allowed."""

from collections.abc import Iterable
from fnmatch import fnmatchcase

from azure_rest import Azure
from existing import seen_items


def may(azure: Azure, scope: str, wanted: str) -> bool:
    """Whether an action (in lower case) is allowed in a subscription or group, or on a resource."""
    granted = seen_items(azure, f"{scope}/providers/Microsoft.Authorization/permissions", "2022-04-01")
    return any(
        _covers(entry.get("actions", ()), wanted) and not _covers(entry.get("notActions", ()), wanted)
        for entry in granted
    )


def _covers(patterns: Iterable[str], action: str) -> bool:
    """Azure's wildcard stands for any string, even in the middle: Microsoft.Authorization/*/Write."""
    return any(fnmatchcase(action, pattern.lower()) for pattern in patterns)
