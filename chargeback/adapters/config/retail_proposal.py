"""Writes a proposal for the rate card as a YAML file for a person to review."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import yaml

from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.price_list.comparison import Comparison
from chargeback.domain.price_list.proposal import proposal

_HEAD = """\
# Proposed changes of rate-card.yaml from the Azure Retail Prices API, read {read}.
#
# Nothing applies this file. Review each change, then edit rate-card.yaml:
#   close:    give the entry that these prices are of an effectiveTo; all of its prices then end.
#   add:      add these entries; they repeat the prices of a closed entry that did not change.
#             An entry with regions is for these regions only: the general price stays.
#   correct:  the card had the price wrong from its first hour: change it where it stands.
# Retail prices are list prices: what was negotiated stays in adjustments.yaml.
# Then: chargeback config validate, and prices diff again.

"""


def write_proposal(path: Path, found: Comparison, catalogue: Catalogue, now: datetime) -> Mapping[str, int]:
    """Write the proposal; returns how much there is to close, add and correct."""
    changes = proposal(found.differences, catalogue.prices, f"{now:%Y-%m-%d}")
    text = yaml.safe_dump(changes, sort_keys=False, allow_unicode=True, width=120)
    path.write_text(_HEAD.format(read=f"{now:%Y-%m-%d %H:%M}Z") + text)
    return {name: len(entries) for name, entries in changes.items()}
