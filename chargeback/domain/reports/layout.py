"""Where each published file of a period is: the only place that builds or reads such a path."""

import re

_CHARGES = re.compile(r"(\d{4}-\d\d)/charges-\1\.parquet")


def charges_path(period: str) -> str:
    """The file with the exact rows of a period."""
    return f"{period}/charges-{period}.parquet"


def period_of_charges(path: str) -> str | None:
    """The period whose exact rows a file has; None for any other file."""
    found = _CHARGES.fullmatch(path)
    return found[1] if found else None
