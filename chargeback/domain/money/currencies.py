"""Which strings can be the code of a currency, and how many decimals its money has."""

import re

_CODE = re.compile(r"[A-Z]{3}", re.A)

_WITHOUT_DECIMALS = (
    *("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG"),
    *("RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF"),
)
_MINOR_UNITS = {
    **dict.fromkeys(_WITHOUT_DECIMALS, 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}
"""Currencies whose minor unit is not a hundredth, by ISO 4217, list one."""


def currency_fault(code: str) -> str:
    """What is wrong with the code of a currency; empty where nothing is."""
    return "" if _CODE.fullmatch(code) else f"{code!r} is not an ISO 4217 code such as USD"


def minor_unit_decimals(code: str) -> int:
    """The decimals of the smallest amount that can be paid in a currency: 2 for EUR, 0 for JPY, 3 for KWD."""
    return _MINOR_UNITS.get(code, 2)
