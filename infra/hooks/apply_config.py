"""After deployment: makes the deployed app apply its own config/ to the books, and prints what that changed.

The gateway was provisioned from the same files, so gateway and books cannot drift apart silently. The app does it under
its own identity, so the one who deploys needs no right to write the books.
"""

import sys
from typing import Any

import cosmos
from azure_rest import Azure, AzureRefused
from deployment import ROOT, Misconfigured, needed
from functions_host import start

from chargeback.adapters.config.digest import config_digest

FUNCTION = "apply_config"
WITHIN = 10 * 60.0
"""Seconds for a cold start, the app's first indexing, and marking the days of the open periods."""


def outcome(azure: Azure, endpoint: str, database: str, digest: str) -> dict[str, Any] | None:
    """The outcome of the deployment with this digest; None while there is none."""
    text = "SELECT VALUE c.document FROM c WHERE c.kind = 'deployment' AND c.id = 'config'"
    found = azure.once_roles_hold(
        lambda: cosmos.query(azure, endpoint, database, "control", "deployment", text, {}), cosmos.DOUBT
    )
    return next((dict(each) for each in found if each["digest"] == digest), None)


def run(azure: Azure, seconds: float = WITHIN, every: float = 10) -> dict[str, Any] | None:
    """Start the function and wait for its record; None where the app does not let this machine in."""
    digest = config_digest(ROOT / "config")
    endpoint, database = needed("CHARGEBACK_COSMOS_ENDPOINT"), needed("CHARGEBACK_COSMOS_DATABASE")
    before = outcome(azure, endpoint, database, digest)
    if before is not None:
        return before
    app_id, host = needed("FUNCTION_APP_ID"), needed("FUNCTION_APP_HOST")
    if not start(azure, app_id, host, FUNCTION):
        return None
    found: dict[str, Any] = azure.wait(
        f"function {FUNCTION} to apply config/ (see its log)",
        lambda: outcome(azure, endpoint, database, digest),
        seconds,
        every,
    )
    return found


def main(azure: Azure) -> int:
    """Print the diff; 1 where the app refuses the configuration, with its reasons."""
    try:
        found = run(azure)
    except (Misconfigured, AzureRefused) as error:
        print(f"configuration: {error}", file=sys.stderr)
        return 1
    if found is None:
        print(
            "configuration: this machine cannot start the function, because the app is private. The app applies config/"
            " by itself at 06:00 UTC, and says so in the log (config_applied, or config_refused).",
            file=sys.stderr,
        )
        return 0
    refused = found["state"] == "refused"
    for line in found["lines"]:
        print(f"configuration: {line}", file=sys.stderr if refused else sys.stdout)
    if found.get("moreLines"):
        print(f"configuration: and {found['moreLines']} more changes")
    if refused:
        print("configuration: the books refuse it and stay as they were; the gateway already uses it.", file=sys.stderr)
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main(Azure()))
