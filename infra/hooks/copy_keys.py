"""After provisioning: makes the keys of a team the same at every gateway service, where each region has its own.

Traffic Manager sends a caller to any service, with the one key that the team has. The first service's keys count.

    python infra/hooks/copy_keys.py                          copies what differs
    python infra/hooks/copy_keys.py --rotate search secondary    makes a new secondary key and copies it
"""

import argparse
import sys
from collections.abc import Sequence

from azure_rest import Azure, AzureRefused
from deployment import Misconfigured, needed

VERSION = "2024-05-01"
BUILT_IN = "master"
"""The subscription that each service makes for itself; nobody calls with it."""


def copy_keys(azure: Azure, services: Sequence[str]) -> list[str]:
    """Give each other service the keys of the first one; the teams whose keys differed.

    A subscription that another service does not have, such as one that was made by hand, is named and left alone.
    """
    first, *others = services
    teams = [item["name"] for item in azure.every(f"{first}/subscriptions", VERSION) if item["name"] != BUILT_IN]
    copied = []
    for team in teams if others else ():
        keys = _keys(azure, first, team)
        known = {service: _keys(azure, service, team) for service in others}
        different = [service for service, found in known.items() if found and found != keys]
        for service in (service for service, found in known.items() if not found):
            print(f"keys: {service.rpartition('/')[2]} has no subscription {team}; it is left out.", file=sys.stderr)
        for service in different:
            path = f"{service}/subscriptions/{team}"
            azure.manage("PATCH", path, VERSION, {"properties": keys}, {"If-Match": "*"})
        if different:
            copied.append(team)
    return copied


def rotate(azure: Azure, services: Sequence[str], team: str, which: str) -> None:
    """Make a new key at the first service and copy it; meanwhile the other key of the pair works."""
    azure.manage("POST", f"{services[0]}/subscriptions/{team}/regenerate{which.capitalize()}Key", VERSION)
    copy_keys(azure, services)


def _keys(azure: Azure, service: str, team: str) -> dict[str, str]:
    """Both keys; none where the service does not have the subscription."""
    try:
        found = azure.manage("POST", f"{service}/subscriptions/{team}/listSecrets", VERSION)
    except AzureRefused as error:
        if error.status == 404:
            return {}
        raise
    return {"primaryKey": found["primaryKey"], "secondaryKey": found["secondaryKey"]}


def services_of(environment_group: str, names: str) -> list[str]:
    """The ids of the services, the first one first."""
    return [f"{environment_group}/providers/Microsoft.ApiManagement/service/{name}" for name in names.split(",")]


def main(azure: Azure, arguments: Sequence[str] = ()) -> int:
    """Copy, or rotate and copy; 1 with the reason if it fails. No key is ever printed."""
    parser = argparse.ArgumentParser(description="Keys of teams at every gateway service.")
    parser.add_argument("--rotate", nargs=2, metavar=("TEAM", "KEY"), help="KEY is primary or secondary")
    options = parser.parse_args(list(arguments))
    try:
        subscription, group = needed("AZURE_SUBSCRIPTION_ID"), needed("AZURE_RESOURCE_GROUP")
        services = services_of(f"/subscriptions/{subscription}/resourceGroups/{group}", needed("GATEWAY_NAMES"))
        if options.rotate:
            team, which = options.rotate
            if which not in ("primary", "secondary"):
                raise Misconfigured(f"a team has a primary and a secondary key, not {which!r}")
            rotate(azure, services, team, which)
            print(f"keys: the {which} key of {team} is new at {len(services)} service(s).")
        elif len(services) > 1:
            copied = copy_keys(azure, services)
            print(f"keys: copied to {len(services) - 1} other service(s): {', '.join(copied) or 'none differed'}.")
    except (Misconfigured, AzureRefused) as error:
        print(f"keys: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(Azure(), sys.argv[1:]))
