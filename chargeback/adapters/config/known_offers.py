"""Reads what a company can begin with: the models of models.yaml that rate card or own prices cover."""

from datetime import datetime
from pathlib import Path

from chargeback.adapters.config.books import calendar_of
from chargeback.adapters.config.folders import path_of
from chargeback.adapters.config.models import load_models
from chargeback.adapters.config.own_prices import FILE as PRICES
from chargeback.adapters.config.own_prices import in_its_file, with_own_prices
from chargeback.adapters.config.rate_card import rate_card
from chargeback.adapters.config.yaml_files import read
from chargeback.domain.errors import InvalidConfig
from chargeback.domain.terms.offers import Offer, offers

CARD = "rate-card.yaml"


def load_offers(folder: Path, now: datetime) -> list[Offer]:
    """Every model, type and region that is offered and priced. Raises `InvalidConfig` for faults of the rate card."""
    faults: list[str] = []
    own = read(path_of(folder, PRICES)) if path_of(folder, PRICES).exists() else None
    document = with_own_prices(read(path_of(folder, CARD)), own, faults)
    if faults:
        raise InvalidConfig(faults)
    card = rate_card(document, faults, calendar_of(None, faults))
    if faults:
        raise InvalidConfig([in_its_file(folder, f"{CARD}: {fault}") for fault in faults])
    return list(offers(load_models(folder), card.prices, now))
