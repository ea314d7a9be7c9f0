"""Warnings of `config validate` about a rate card without faults: doubtful prices for a person to look into."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from chargeback.adapters.config.books import calendar_of
from chargeback.adapters.config.catalogue import to_documents
from chargeback.adapters.config.folders import path_of
from chargeback.adapters.config.own_prices import in_its_file
from chargeback.adapters.config.rate_card import RateCard, rate_card
from chargeback.adapters.config.yaml_files import line_number
from chargeback.domain.catalogue.price_ratios import oddities
from chargeback.domain.catalogue.prices import Price
from chargeback.domain.time.effective import hour_name

FILE = "rate-card.yaml"
_SOON = timedelta(days=14)


def notes_on_prices(folder: Path, now: datetime) -> Iterator[str]:
    """Prices out of proportion, holes, and promises that have ended or soon will, each as `file:line: ...`."""
    card = _card(folder)
    for price, reason in oddities(card.prices, now):
        yield f"{_where(folder, card, price)}: {price.price_id} {reason}"
    promised: dict[tuple[str, datetime], list[Price]] = {}
    for key, dated in card.prices.items():
        for price in dated:
            ends = price.promised_until
            if ends is not None and ends - _SOON <= now and price.effective.after > ends:
                promised.setdefault((key.model, ends), []).append(price)
    for (model, ends), prices in promised.items():
        yield (
            f"{_where(folder, card, prices[0])}: {len(prices)} prices of {model} are promised until"
            f" {hour_name(ends)} only: read them again, then move promisedUntil or end the entries"
        )


def how_known(folder: Path) -> str:
    """How many prices are known in which way, such as `353 api, 12 assumed`."""
    card = _card(folder)
    known = Counter(str(price.verified or "not said") for dated in card.prices.values() for price in dated)
    return ", ".join(f"{count} {how}" for how, count in sorted(known.items()))


def _card(folder: Path) -> RateCard:
    documents = to_documents(folder)
    return rate_card(documents[FILE], [], calendar_of(documents.get("books.yaml"), []))


def _where(folder: Path, card: RateCard, price: Price) -> str:
    name, place, _ = in_its_file(folder, f"{FILE}: {card.places.get(price.price_id, 'prices')}: ").split(": ", 2)
    return f"{name}:{line_number(path_of(folder, name), place)}: {place}"
