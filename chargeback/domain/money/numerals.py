"""How numbers are written for people: thin spaces between thousands, a decimal point, a real minus sign, no exponent.

What programs read, and what people compare digit by digit with a file, is written as `to_text` writes it.
"""

from decimal import Decimal

from chargeback.domain.money.currencies import minor_unit_decimals
from chargeback.domain.money.exact import round_total, to_text

THIN_SPACE = "\N{NARROW NO-BREAK SPACE}"
_MINUS = "\N{MINUS SIGN}"


def grouped(quantity: Decimal | int, *, plus: bool = False) -> str:
    """A number with the decimals that it has, such as `12 300.5`; `plus` marks a change."""
    return _signed(Decimal(quantity), to_text(Decimal(quantity).copy_abs()), plus=plus)


def at_places(amount: Decimal, places: int, *, plus: bool = False) -> str:
    """An amount, rounded half to even."""
    shown = round_total(amount, places)
    return _signed(shown, format(shown.copy_abs(), "f"), plus=plus)


def bare_amount(amount: Decimal, currency: str, *, plus: bool = False) -> str:
    """An amount without its currency, rounded to the decimals of the smallest one that can be paid in it."""
    return at_places(amount, minor_unit_decimals(currency), plus=plus)


def said_amount(amount: Decimal, currency: str, *, plus: bool = False) -> str:
    """Such as `6 432.10 USD` or `6 432 JPY`."""
    return f"{bare_amount(amount, currency, plus=plus)} {currency}".rstrip()


def _signed(amount: Decimal, digits: str, *, plus: bool) -> str:
    whole, point, decimals = digits.partition(".")
    sign = _MINUS if amount < 0 else "+" if plus and amount > 0 else ""
    return f"{sign}{int(whole):,}".replace(",", THIN_SPACE) + point + decimals
