"""Prints numbers for a page: thin spaces between thousands, a decimal point, a real minus sign, no exponents."""

from decimal import ROUND_HALF_EVEN, Context, Decimal

from markupsafe import Markup, escape

from chargeback.domain.money.exact import to_text

_THIN = "\N{NARROW NO-BREAK SPACE}"
_MINUS = "\N{MINUS SIGN}"
_CENTS = 2
_ROUNDING = Context(prec=120, rounding=ROUND_HALF_EVEN)


def rounded(amount: Decimal, places: int) -> Decimal:
    """Half to even at `places` decimals."""
    return amount.quantize(Decimal(1).scaleb(-places), context=_ROUNDING) + 0


def _grouped(digits: str) -> str:
    whole, point, decimals = digits.partition(".")
    return f"{int(whole):,}".replace(",", _THIN) + point + decimals


def _signed(amount: Decimal, digits: str, *, plus: bool) -> str:
    return (_MINUS if amount < 0 else "+" if plus and amount > 0 else "") + _grouped(digits)


def cents(amount: Decimal, *, plus: bool = False, places: int = _CENTS) -> str:
    """An amount of a headline, rounded; `plus` marks a change."""
    shown = rounded(amount, places)
    return _signed(shown, format(abs(shown), "f"), plus=plus)


def exact(amount: Decimal, places: int, *, plus: bool = False) -> Markup:
    """An amount of a table with all its places; those after the cents are less prominent."""
    digits = cents(amount, plus=plus, places=places)
    whole, point, decimals = digits.partition(".")
    if len(decimals) <= _CENTS:
        return Markup(digits)  # noqa: S704 digits, signs and spaces only
    return Markup(f"{whole}{point}{decimals[:_CENTS]}<small>{decimals[_CENTS:]}</small>")  # noqa: S704 as above


def at_least(shown: str, unknown: int) -> Markup:
    """An amount, marked where something in it has no cost yet."""
    return Markup("\N{GREATER-THAN OR EQUAL TO}\N{NARROW NO-BREAK SPACE}{}").format(shown) if unknown else escape(shown)


def number(quantity: Decimal | int) -> str:
    """A quantity with the decimals that it has."""
    quantity = Decimal(quantity)
    return _signed(quantity, to_text(abs(quantity)), plus=False)


def percent(part: Decimal, whole: Decimal, *, plus: bool = False) -> str:
    """How much of a whole, at one decimal; empty where there is no whole."""
    return f"{cents(part * 100 / whole, plus=plus, places=1)}{_THIN}%" if whole else ""


def price_unit(unit: str) -> str:
    """What a price is the price of, such as `1 000 000 tokens`."""
    block, _, thing = unit.partition(" ")
    return f"{number(Decimal(block))} {thing}" if block.isdecimal() and thing else unit


def on_axis(value: float) -> str:
    """A number for the axis of a chart, which has few digits."""
    return number(Decimal(f"{value:.10g}"))


def css_text(text: str) -> Markup:
    """A string for a style sheet: letters and digits of any script, everything else as escapes."""
    return Markup('"' + "".join(each if each.isalnum() else f"\\{ord(each):06x}" for each in text) + '"')  # noqa: S704
