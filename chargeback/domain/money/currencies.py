"""Which strings can be the code of a currency."""

import re

_CODE = re.compile(r"[A-Z]{3}", re.A)


def currency_fault(code: str) -> str:
    """What is wrong with the code of a currency; empty where nothing is."""
    return "" if _CODE.fullmatch(code) else f"{code!r} is not an ISO 4217 code such as USD"
