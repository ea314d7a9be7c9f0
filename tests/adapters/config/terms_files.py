"""Files of terms that are right, for tests that make one of them wrong."""

from pathlib import Path

import pytest

from chargeback.adapters.config.catalogue import (
    FILES,
    load_catalogue,
)
from chargeback.adapters.config.folders import path_of
from chargeback.adapters.config.terms import load_terms
from chargeback.domain.errors import InvalidConfig
from chargeback.domain.terms.terms import Terms
from tests.support.config_files import config_folder

CARD = "currency: USD\nprices: []\n"
CENTRES = """\
costCentres:
  - {path: product, name: Product}
  - {path: research, name: Research}
  - {path: legacy, name: Given up, effectiveTo: 2026-03-15}
rules: []
"""
BOOKS = """\
books: [{from: "2026-01", timeZone: UTC, currency: EUR}]
exchangeRates:
  - {from: USD, to: EUR, rate: "0.92", date: 2026-02-27, source: ECB}
  - {from: USD, to: EUR, rate: "0.93", date: 2026-03-31, source: ECB}
closing: {graceHours: 48, maxUnsettledPercent: "0.5"}
"""
BUDGETS = """\
budgets:
  - {id: product, costCentre: product, amount: 9, steps: [{percent: 80, do: notify}, {percent: 100, do: notify}]}
"""
PTU = """\
  - id: ptu
    name: Reserved capacity
    kind: provisioned
    perHour: "1.25"
    units: 50
    currency: USD
    effectiveFrom: 2026-03-01
    basis: usage
    measure: tokens
    of: {accounts: [oai-a], deploymentTypes: [GlobalProvisionedManaged]}
    source: the price list
"""
FEE = """\
  - id: fee
    name: Platform
    kind: fee
    perMonth: "4000.00"
    currency: EUR
    basis: fixed
    shares: {product: "62.5", research: "37.5"}
    source: agreed
"""
TRUE_UP = """\
  - {id: true-up, name: Invoice, kind: true-up, amount: "-12.34", period: 2026-04, corrects: 2026-03, currency: USD,
     basis: weighted, weights: {research: "0.5"}, source: reconciliation}
"""


def terms_folder(folder: Path) -> Path:
    """The folder, with these files."""
    config_folder(folder, *FILES)
    write(folder, "rate-card.yaml", CARD)
    write(folder, "cost-centres.yaml", CENTRES)
    write(folder, "books.yaml", BOOKS)
    write(folder, "shared-costs.yaml", f"sharedCosts:\n{PTU}{FEE}{TRUE_UP}")
    write(folder, "budgets.yaml", BUDGETS)
    return folder


def write(folder: Path, name: str, text: str) -> None:
    """Replace a file."""
    path_of(folder, name).write_text(text)


def terms_of(folder: Path) -> Terms:
    """The terms that the files say."""
    return load_terms(folder, load_catalogue(folder))


def faults_of(folder: Path) -> list[str]:
    """Why the files are refused."""
    with pytest.raises(InvalidConfig) as caught:
        terms_of(folder)
    return caught.value.faults


DEPLOYMENTS = """\
accounts: [{account: oai-a, region: r, priority: 1, weight: 1, deployments: s}]
deploymentSets: {s: [{name: ptu, model: gpt-4o, version: "1", type: GlobalProvisionedManaged, capacity: 50}]}
"""
