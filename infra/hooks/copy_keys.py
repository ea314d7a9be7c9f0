"""After provisioning: makes the keys of a team the same at every gateway service, where each region has its own.

Traffic Manager sends a caller to any service, with the one key that the team has. The first service's keys count.

    python infra/hooks/copy_keys.py                          copies what differs
    python infra/hooks/copy_keys.py --rotate search secondary    makes a new secondary key and copies it
"""

import argparse
import os
import sys
from collections.abc import Collection, Sequence

from azure_rest import Azure, AzureRefused
from deployment import Misconfigured, needed, read_gateway
from existing import group_of

VERSION = "2024-05-01"
BUILT_IN = "master"
"""The subscription that each service makes for itself; nobody calls with it."""


def copy_keys(azure: Azure, services: Sequence[str], only: Collection[str] | None = None) -> list[str]:
    """Give each other service the keys of the first one; the teams whose keys differed.

    `only` are the teams of the configuration, where a service has those of others, too.

    A subscription that another service does not have, such as one that was made by hand, is named and left alone.
    """
    first, *others = services
    listed = [item["name"] for item in azure.every(f"{first}/subscriptions", VERSION) if item["name"] != BUILT_IN]
    teams = [name for name in listed if only is None or name in only]
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


def rotate(azure: Azure, services: Sequence[str], team: str, which: str, only: Collection[str] | None = None) -> None:
    """Make a new key at the first service and copy it; meanwhile the other key of the pair works."""
    azure.manage("POST", f"{services[0]}/subscriptions/{team}/regenerate{which.capitalize()}Key", VERSION)
    copy_keys(azure, services, only)


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
        home = f"/subscriptions/{subscription}/resourceGroups/{group}"
        known = os.environ.get("GATEWAY_IDS", "")  # an earlier deployment has none yet
        services = known.split(",") if known else services_of(home, needed("GATEWAY_NAMES"))
        only = None
        if any(group_of(service).casefold() != home.casefold() for service in services):
            gateway = read_gateway()
            only = () if gateway.get("metering") else [each["id"] for each in gateway["subscriptions"]]
        if options.rotate:
            team, which = options.rotate
            if which not in ("primary", "secondary"):
                raise Misconfigured(f"a team has a primary and a secondary key, not {which!r}")
            if only is not None and team not in only:
                raise Misconfigured(f"config/company/gateway.yaml has no subscription {team!r}")
            rotate(azure, services, team, which, only)
            print(f"keys: the {which} key of {team} is new at {len(services)} service(s).")
        elif len(services) > 1:
            copied = copy_keys(azure, services, only)
            print(f"keys: copied to {len(services) - 1} other service(s): {', '.join(copied) or 'none differed'}.")
    except (Misconfigured, AzureRefused) as error:
        print(f"keys: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(Azure(), sys.argv[1:]))
