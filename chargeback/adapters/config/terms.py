"""Reads the terms from their files: books, shared costs, budgets, posting and owners, checked by their catalogue."""

from collections.abc import Mapping
from pathlib import Path

from chargeback.adapters.config.access import ownership
from chargeback.adapters.config.books import (
    approval_settings,
    closing_rules,
    date_faults,
    exchange_rates,
    retention_rule,
)
from chargeback.adapters.config.budgets import budgets
from chargeback.adapters.config.catalogue import OPTIONAL_FILES, with_line
from chargeback.adapters.config.folders import path_of
from chargeback.adapters.config.issuer import issuer_of
from chargeback.adapters.config.posting import posting_rules
from chargeback.adapters.config.reconciliation import reconciliation_rules
from chargeback.adapters.config.shared_costs import shared_costs
from chargeback.adapters.config.yaml_files import read
from chargeback.domain.budgets.faults import budget_faults, twins
from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.errors import InvalidConfig
from chargeback.domain.terms.coverage import free_capacity
from chargeback.domain.terms.faults import (
    exchange_rate_faults,
    free_deployments,
    missing_rates,
    refused_in_files,
    shared_cost_faults,
    unknown_in_budgets,
)
from chargeback.domain.terms.terms import Terms
from chargeback.services.configuring.versions import ACCESS_FILE


def load_terms(folder: Path, catalogue: Catalogue) -> Terms:
    """The terms of a folder; raises `InvalidConfig` with every fault as `file:line: place: reason`."""
    documents = {name: read(path_of(folder, name)) for name in OPTIONAL_FILES if path_of(folder, name).exists()}
    try:
        terms = terms_from_documents(documents, catalogue, thorough=True)
        if faults := [f"books.yaml: {fault}" for fault in date_faults(documents.get("books.yaml"))]:
            raise InvalidConfig(faults)
        return terms
    except InvalidConfig as error:
        raise InvalidConfig([with_line(folder, fault) for fault in error.faults]) from None


def terms_from_documents(documents: Mapping[str, object], catalogue: Catalogue, *, thorough: bool = False) -> Terms:
    """The terms of stored documents; raises `InvalidConfig` with every fault as `file: place: reason`.

    `thorough` adds the checks that only files must pass: what is stored was in force and has to stay readable.
    """
    of_books: list[str] = []
    of_costs: list[str] = []
    of_budgets: list[str] = []
    of_posting: list[str] = []
    of_access: list[str] = []
    limits = budgets(documents.get("budgets.yaml"), catalogue.calendar, of_budgets, thorough=thorough)
    costs = shared_costs(documents.get("shared-costs.yaml"), catalogue, of_costs)
    terms = Terms(
        exchange_rates=exchange_rates(documents.get("books.yaml"), of_books),
        shared_costs=[cost for _, cost in costs],
        budgets=[budget for _, budget in limits],
        closing=closing_rules(documents.get("books.yaml"), of_books),
        reconciliation=reconciliation_rules(documents.get("books.yaml"), of_books),
        approvals=approval_settings(documents.get("books.yaml"), of_books),
        retention=retention_rule(documents.get("books.yaml"), of_books),
        posting=posting_rules(
            documents.get("posting.yaml"), catalogue.calendar, catalogue.allocation, of_posting, thorough=thorough
        ),
        issuer=issuer_of(documents.get("books.yaml"), of_books),
        ownership=ownership(documents.get(ACCESS_FILE), catalogue.allocation, of_access, thorough=thorough),
    )
    # The places of a file with faults would not be those of the values.
    if not of_books:
        of_books += exchange_rate_faults(terms.exchange_rates)
    if not of_costs:
        of_costs += shared_cost_faults(costs, catalogue)
    if not of_budgets:
        of_budgets += [f"{place}.{fault}" for place, budget in limits for fault in budget_faults(budget)]
        of_budgets += [*twins(limits), *unknown_in_budgets(limits, terms, catalogue)]
    if not of_books and not of_costs:
        of_books += missing_rates(terms, catalogue)
        of_costs += free_deployments(terms.shared_costs, catalogue)
        if thorough:
            of_costs += [*refused_in_files(costs), *free_capacity(costs, catalogue)]
    found = {
        "books.yaml": of_books,
        "shared-costs.yaml": of_costs,
        "budgets.yaml": of_budgets,
        "posting.yaml": of_posting,
        ACCESS_FILE: of_access,
    }
    if any(found.values()):
        raise InvalidConfig([f"{name}: {fault}" for name, faults in found.items() for fault in faults])
    return terms
