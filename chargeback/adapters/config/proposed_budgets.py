"""Reads budgets from a file on its own, which nobody has put in force.

They are checked as `config validate` checks those of a folder: in themselves, and whether all is there that they name.
"""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from chargeback.adapters.config.budget_names import proposed_name_faults
from chargeback.adapters.config.folders import path_of
from chargeback.adapters.config.terms import terms_from_documents
from chargeback.adapters.config.yaml_files import line_number, read
from chargeback.domain.budgets.budget import Budget
from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.errors import InvalidConfig

_FILE = "budgets.yaml"
_BOOKS = "books.yaml"


def load_proposed_budgets(file: Path, folder: Path, catalogue: Catalogue, now: datetime) -> Sequence[Budget]:
    """The budgets of a file, with the exchange rates, products and deployments of a folder.

    Raises `InvalidConfig` with every fault as `file:line: place: reason`.
    """
    books = path_of(folder, _BOOKS)
    documents = {_FILE: read(file), **({_BOOKS: read(books)} if books.exists() else {})}
    try:
        found = terms_from_documents(documents, catalogue, thorough=True).budgets
    except InvalidConfig as error:
        raise InvalidConfig([_with_line(file, fault) for fault in error.faults]) from None
    if faults := proposed_name_faults(file, folder, catalogue, now):
        raise InvalidConfig([_with_line(file, fault) for fault in faults])
    return found


def _with_line(file: Path, fault: str) -> str:
    name, place, reason = fault.split(": ", 2)
    return f"{file.name}:{line_number(file, place)}: {place}: {reason}" if name == _FILE else fault
