"""Asks the catalogue of the subscription whether a deployed model retires soon: `python -m scripts.arm.models`.

It needs azd, signed in with the right to read, and AZURE_SUBSCRIPTION_ID, AZURE_ENV_NAME, AZURE_LOCATION and PROFILE.
"""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2] / "infra/hooks"))

from azure_rest import Azure, AzureRefused
from deployment import Misconfigured, needed, read_deployment
from preflight_models import check_models


def findings(azure: Any) -> Iterator[str]:
    """Every model that is deployed and retired, retires within 90 days, or cannot be made again."""
    base = f"/subscriptions/{needed('AZURE_SUBSCRIPTION_ID')}"
    group = f"rg-{needed('AZURE_ENV_NAME')}"
    yield from check_models(azure, base, group, read_deployment(), datetime.now(UTC).date())


def main(azure: Any) -> int:
    """Print them; 1 if there is one."""
    try:
        found = list(findings(azure))
    except (Misconfigured, AzureRefused) as error:
        found = [str(error)]
    print(*found, sep="\n", end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(Azure()))
