"""Which folder each configuration file belongs in: `provider/` ships with the product, `company/` is your own.

The hooks of the deployment read it, too, where only PyYAML is installed.
"""

import os
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path

from chargeback.domain.errors import InvalidConfig

PROVIDER = ("models.yaml", "rate-card.yaml", "retail-meters.yaml", "retail-snapshot.yaml")

COMPANY = (
    "access.yaml",
    "adjustments.yaml",
    "alerts.yaml",
    "books.yaml",
    "budgets.yaml",
    "cost-centres.yaml",
    "dated-deployments.yaml",
    "deployments.yaml",
    "emitters.yaml",
    "gateway.yaml",
    "posting.yaml",
    "prices.yaml",
    "shared-costs.yaml",
)

_UNWRITTEN = b"# Nothing yet: "
"""How the files begin that ship in config/company."""

_PLACES = {name: f"provider/{name}" for name in PROVIDER} | {name: f"company/{name}" for name in COMPANY}


def places() -> dict[str, str]:
    """The place of each file below the folder of a configuration, such as `company/books.yaml`."""
    return dict(_PLACES)


def path_of(folder: Path, name: str) -> Path:
    """The path of a file; raises `InvalidConfig`, which names every file of the configuration that is elsewhere."""
    if faults := list(_misplaced(folder)):
        raise InvalidConfig(faults)
    return folder / _PLACES[name]


def written_files(folder: Path) -> list[Path]:
    """The files of a company that somebody has written: not those that ship so that Bicep's compiler finds some."""
    return [
        path for path in sorted((folder / "company").glob("*.yaml")) if not path.read_bytes().startswith(_UNWRITTEN)
    ]


def require_company(folder: Path) -> None:
    """Raises `InvalidConfig`, which says how to begin, where nobody has written a file of their company yet."""
    if folder.is_dir() and not written_files(folder) and not any(_misplaced(folder)):
        raise InvalidConfig(
            [
                f"{folder.name}/company says nothing yet: `chargeback config init` writes the first ones; it asks for a"
                " region, a model and a team"
            ]
        )


def unread_files(folder: Path) -> list[str]:
    """YAML files that nothing reads, because their names are misspelt or nobody's: a budget there would limit nobody.

    Those that are in the wrong folder are `path_of`'s to refuse.
    """
    found = []
    for part, known in (("company", COMPANY), ("provider", PROVIDER)):
        for path in sorted(folder.glob(f"{part}/*.y*ml")):
            if path.name not in _PLACES:
                near = get_close_matches(path.stem, [name.removesuffix(".yaml") for name in known], 1, 0.8)
                what = f"is it {near[0]}.yaml?" if near else f"there are {', '.join(known)}"
                found.append(f"{folder.name}/{part}/{path.name}: nothing reads a file of this name; {what}")
    return found


def _misplaced(folder: Path) -> Iterator[str]:
    """Files outside the two folders, where all files once were, or in the wrong one: nothing would read them."""
    listed = {part: _names_in(folder / part) for part in ("", "provider/", "company/")}
    for name, place in _PLACES.items():
        for part, names in listed.items():
            if name in names and part + name != place:
                yield f"{folder.name}/{part}{name}: this file is now {folder.name}/{place}"


def _names_in(folder: Path) -> set[str]:
    """One list of a folder takes less than a look at each name that could be there, and every reader asks."""
    return {entry.name for entry in os.scandir(folder) if entry.is_file()} if folder.is_dir() else set()
