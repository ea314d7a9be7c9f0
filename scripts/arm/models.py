"""Asks the subscription's model catalogue whether a deployed model retires soon: `python -m scripts.arm.models`.

It needs azd, signed in with the right to read, and AZURE_SUBSCRIPTION_ID, AZURE_ENV_NAME, AZURE_LOCATION and
CHARGEBACK_PROFILE.
"""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2] / "infra/hooks"))

from azure_rest import Azure, AzureRefused
from deployment import Misconfigured, needed, read_deployment
from preflight_models import check_models, longer_lived, offered


def findings(azure: Any) -> Iterator[str]:
    """Every model that is deployed and retired, retires within 90 days, or cannot be made again."""
    base = f"/subscriptions/{needed('AZURE_SUBSCRIPTION_ID')}"
    group = f"rg-{needed('AZURE_ENV_NAME')}"
    yield from check_models(azure, base, group, read_deployment(), datetime.now(UTC).date())


def suggestions(azure: Any) -> Iterator[str]:
    """Every deployment for which its region offers a longer-lived model of the same family; nothing to fail for."""
    base, deployment = f"/subscriptions/{needed('AZURE_SUBSCRIPTION_ID')}", read_deployment()
    for account in deployment.accounts:
        models = offered(azure, base, account["region"], deployment.models)
        items = deployment.sets[account["deployments"]]
        yield from longer_lived(models, deployment.models, account, items, datetime.now(UTC).date())


def main(azure: Any) -> int:
    """Print both; 1 if there is a finding."""
    try:
        print(*(f"note: {each}" for each in suggestions(azure)), sep="\n")
        found = list(findings(azure))
    except (Misconfigured, AzureRefused) as error:
        found = [str(error)]
    print(*found, sep="\n", end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(Azure()))
