"""Adds the list prices of prices.yaml, which are the company's own, to those of the rate card that ships."""

import re
from pathlib import Path
from typing import Any

from chargeback.adapters.config.entries import Sections, sections
from chargeback.adapters.config.folders import path_of
from chargeback.adapters.config.price_entry import PriceEntry
from chargeback.adapters.config.yaml_files import read

FILE = "prices.yaml"
SECTIONS = Sections({"prices": list[PriceEntry]})
_CARD = "rate-card.yaml"
_ENTRY = re.compile(r"\bprices\[(\d+)\]")


def with_own_prices(card: dict[str, object], own: dict[str, object] | None, faults: list[str]) -> dict[str, object]:
    """The card with the company's prices behind its own; faults of the other file are appended with its name."""
    if own is None:
        return card
    mine: list[str] = []
    added: Any = sections(own, SECTIONS, mine)["prices"]
    if not mine and not isinstance(added, list):
        mine.append("prices: expected a list")
    faults += [f"{FILE}: {fault}" for fault in mine]
    shipped = card.get("prices")
    return {**card, "prices": [*shipped, *added]} if not mine and isinstance(shipped, list) else card


def in_its_file(folder: Path, fault: str) -> str:
    """A fault `rate-card.yaml: prices[N]…: reason` of the card with both, by the files that have the entries."""
    name, place, reason = fault.split(": ", 2)
    first = _ENTRY.match(place)
    if name != _CARD or first is None:
        return fault
    shipped, own = _counts(folder)
    if own == 0:
        return fault

    def index(match: re.Match[str]) -> str:
        number = int(match[1])
        return f"prices[{number - shipped if number >= shipped else number}]"

    def mention(match: re.Match[str]) -> str:
        return f"{FILE if int(match[1]) >= shipped else _CARD} {index(match)}"

    file = FILE if int(first[1]) >= shipped else _CARD
    return f"{file}: {_ENTRY.sub(index, place)}: {_ENTRY.sub(mention, reason)}"


def _counts(folder: Path) -> tuple[int, int]:
    """How many entries the card has, and how many the company's file."""
    paths = [path_of(folder, name) for name in (_CARD, FILE)]
    found = [read(path).get("prices") if path.exists() else None for path in paths]
    shipped, own = (len(each) if isinstance(each, list) else 0 for each in found)
    return shipped, own
