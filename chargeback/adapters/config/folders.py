"""Which folder each configuration file belongs in: `provider/` ships with the product, `company/` is your own.

The hooks of the deployment read it, too, where only PyYAML is installed.
"""

from collections.abc import Iterator
from pathlib import Path

from chargeback.domain.errors import InvalidConfig

PROVIDER = ("models.yaml", "rate-card.yaml", "retail-meters.yaml", "retail-snapshot.yaml")

COMPANY = (
    "adjustments.yaml",
    "books.yaml",
    "budgets.yaml",
    "cost-centres.yaml",
    "dated-deployments.yaml",
    "deployments.yaml",
    "emitters.yaml",
    "gateway.yaml",
    "shared-costs.yaml",
)

_PLACES = {name: f"provider/{name}" for name in PROVIDER} | {name: f"company/{name}" for name in COMPANY}


def path_of(folder: Path, name: str) -> Path:
    """The path of a file; raises `InvalidConfig`, which names every file of the configuration that is elsewhere."""
    if faults := list(_misplaced(folder)):
        raise InvalidConfig(faults)
    return folder / _PLACES[name]


def _misplaced(folder: Path) -> Iterator[str]:
    """Files outside the two folders, where all files once were, or in the wrong one: nothing would read them."""
    for name, place in _PLACES.items():
        for other in (name, f"provider/{name}", f"company/{name}"):
            if other != place and (folder / other).is_file():
                yield f"{folder.name}/{other}: this file is now {folder.name}/{place}"
