"""Whether a document writes an exact number correctly: as a quoted decimal in ASCII digits, never as a float."""

import re
from typing import TypeGuard

_DECIMAL = re.compile(r"-?(\d+)(?:\.(\d+))?", re.A)


def is_decimal(value: object, *, places: int, digits: int = 12, signed: bool = False) -> TypeGuard[str]:
    """Whether a value is a quoted decimal with at most so many digits before the point and places behind it."""
    if not isinstance(value, str) or (value.startswith("-") and not signed):
        return False
    found = _DECIMAL.fullmatch(value)
    return found is not None and len(found[1]) <= digits and len(found[2] or "") <= places
