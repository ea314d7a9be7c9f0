"""Prints numbers for a page, as the domain writes them for people, with what only a page can show."""

from decimal import Decimal

from markupsafe import Markup, escape

from chargeback.domain.money.numerals import THIN_SPACE, at_places, grouped

_CENTS = 2


def exact(amount: Decimal, places: int, *, plus: bool = False) -> Markup:
    """An amount of a table with all its places; those after the cents are less prominent."""
    digits = at_places(amount, places, plus=plus)
    whole, point, decimals = digits.partition(".")
    if len(decimals) <= _CENTS:
        return Markup(digits)  # noqa: S704 digits, signs and spaces only
    return Markup(f"{whole}{point}{decimals[:_CENTS]}<small>{decimals[_CENTS:]}</small>")  # noqa: S704 as above


def at_least(shown: str, unknown: int) -> Markup:
    """An amount, marked where something in it has no cost yet."""
    return Markup("\N{GREATER-THAN OR EQUAL TO}{}{}").format(THIN_SPACE, shown) if unknown else escape(shown)


def percent(part: Decimal, whole: Decimal, *, plus: bool = False) -> str:
    """How much of a whole, at one decimal; empty where there is no whole."""
    return f"{at_places(part * 100 / whole, 1, plus=plus)}{THIN_SPACE}%" if whole else ""


def price_unit(unit: str) -> str:
    """What a price is the price of, such as `1 000 000 tokens`."""
    block, _, thing = unit.partition(" ")
    return f"{grouped(Decimal(block))} {thing}" if block.isdecimal() and thing else unit


def on_axis(value: float) -> str:
    """A number for the axis of a chart, which has few digits."""
    return grouped(Decimal(f"{value:.10g}"))


def css_text(text: str) -> Markup:
    """A string for a style sheet: letters and digits of any script, everything else as escapes."""
    return Markup('"' + "".join(each if each.isalnum() else f"\\{ord(each):06x}" for each in text) + '"')  # noqa: S704
