"""Reads the catalogue from its files: rate card, deployment map, cost centres and calendar, all checked first.

The same documents are stored as JSON, so that a month can be rated again with the catalogue of its time.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path

import msgspec

from chargeback.adapters.config.adjustments import AGREED_SECTIONS, unknown_payers
from chargeback.adapters.config.books import calendar_of
from chargeback.adapters.config.cost_centres import allocation
from chargeback.adapters.config.deployments import deployment_map
from chargeback.adapters.config.entries import sections
from chargeback.adapters.config.folders import path_of, require_company
from chargeback.adapters.config.own_prices import FILE as PRICES
from chargeback.adapters.config.own_prices import in_its_file, with_own_prices
from chargeback.adapters.config.rate_card import rate_card
from chargeback.adapters.config.yaml_files import line_number, read
from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.errors import InvalidConfig
from chargeback.services.configuring.versions import ACCESS_FILE

CARD, ADJUSTMENTS = "rate-card.yaml", "adjustments.yaml"

FILES = (CARD, "deployments.yaml", "cost-centres.yaml")

OPTIONAL_FILES = (
    "dated-deployments.yaml",
    "books.yaml",
    "shared-costs.yaml",
    "budgets.yaml",
    "posting.yaml",
    ACCESS_FILE,
)
"""Files that may be absent, as in versions that were applied before they existed; then a default holds."""

_DECIDING = (*FILES, "dated-deployments.yaml", "books.yaml")
"""The files that a catalogue depends on."""


def load_catalogue(folder: Path) -> Catalogue:
    """The catalogue of a folder; raises `InvalidConfig` with every fault as `file:line: place: reason`."""
    documents = to_documents(folder)
    try:
        return from_documents(documents, thorough=True)
    except InvalidConfig as error:
        raise InvalidConfig(
            [with_line(folder, _in_its_file(in_its_file(folder, fault))) for fault in error.faults]
        ) from None


def to_documents(folder: Path) -> dict[str, object]:
    """The files by name, with JSON types only, as they are stored: adjustments and own prices in the rate card."""
    require_company(folder)
    documents: dict[str, dict[str, object]] = {}
    faults: list[str] = []
    of_prices: list[str] = []
    present = [name for name in (*OPTIONAL_FILES, ADJUSTMENTS, PRICES) if path_of(folder, name).exists()]
    for name in (*FILES, *present):
        try:
            documents[name] = read(path_of(folder, name))
        except InvalidConfig as error:
            faults.extend(error.faults)
    agreed, own = documents.pop(ADJUSTMENTS, None), documents.pop(PRICES, None)
    if CARD in documents:
        documents[CARD] = with_own_prices(documents[CARD], own, of_prices)
        faults += [with_line(folder, fault) for fault in of_prices]
        faults += [with_line(folder, fault) for fault in _agreement_faults(documents[CARD], agreed)]
    if faults:
        raise InvalidConfig(faults)
    if agreed and agreed["adjustments"]:
        documents[CARD] = {**documents[CARD], "adjustments": agreed["adjustments"]}
    return {**documents}


def _agreement_faults(card: dict[str, object], agreed: dict[str, object] | None) -> Iterator[str]:
    """Agreements belong to the company; those in the card would be lost with the provider's next price list."""
    if "adjustments" in card:
        yield f"{CARD}: adjustments: this section is now in {ADJUSTMENTS}, among the files of your company"
    if agreed is not None:
        faults: list[str] = []
        sections(agreed, AGREED_SECTIONS, faults)
        yield from (f"{ADJUSTMENTS}: {fault}" for fault in faults)


def from_documents(documents: Mapping[str, object], *, thorough: bool = False) -> Catalogue:
    """The catalogue of stored documents; raises `InvalidConfig` with every fault as `file: place: reason`.

    `thorough` adds the checks that only files must pass: what is stored was in force and has to stay readable.
    """
    return _built(msgspec.json.encode({name: documents.get(name) for name in _DECIDING}), thorough=thorough)


@lru_cache(maxsize=8)
def _built(content: bytes, *, thorough: bool) -> Catalogue:
    """Kept, as the files at the start, their stored version and one that is compared mostly say the same."""
    documents = msgspec.json.decode(content)
    faults: dict[str, list[str]] = {name: [] for name in _DECIDING}
    of_card, of_map, of_centres, of_dated, of_books = faults.values()
    calendar = calendar_of(documents.get("books.yaml"), of_books)
    card = rate_card(documents.get(CARD), of_card, calendar, thorough=thorough)
    now, dated = documents.get("deployments.yaml"), documents.get("dated-deployments.yaml")
    deployments = deployment_map(now, dated, calendar, of_map, of_dated, thorough=thorough)
    centres = allocation(documents.get("cost-centres.yaml"), calendar, of_centres, thorough=thorough)
    if thorough:
        of_card += unknown_payers(documents.get(CARD), {centre.path for centre in centres.centres})
    if any(faults.values()):
        raise InvalidConfig([f"{name}: {fault}" for name, found in faults.items() for fault in found])
    return Catalogue(
        card.currency,
        card.prices,
        deployments.deployed,
        centres,
        calendar,
        hosting=card.hosting,
        payers=card.payers,
        dated=[one for _, one in deployments.dated],
    )


def _in_its_file(fault: str) -> str:
    """A fault of stored documents, where the adjustments are a section of the rate card, by the files."""
    return fault.replace(CARD, ADJUSTMENTS, 1) if fault.startswith(f"{CARD}: adjustments") else fault


def with_line(folder: Path, fault: str) -> str:
    """A fault `file: place: reason` with the line of its place; as it is where there is no such file."""
    name, place, reason = fault.split(": ", 2)
    if not path_of(folder, name).exists():
        return fault
    return f"{name}:{line_number(path_of(folder, name), place)}: {place}: {reason}"
