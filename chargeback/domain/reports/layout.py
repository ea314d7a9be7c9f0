"""Where each published file of a period is: the only place that builds or reads such a path."""

import re

from chargeback.domain.time.months import Month

_CHARGES = re.compile(r"(\d{4}-\d\d)/charges-\1\.parquet")


def charges_path(period: Month) -> str:
    """The file with the exact rows of a period."""
    return f"{period}/charges-{period}.parquet"


def period_of_charges(path: str) -> Month | None:
    """The period whose exact rows a file has; None for any other file."""
    found = _CHARGES.fullmatch(path)
    return Month(found[1]) if found else None
