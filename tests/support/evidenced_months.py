"""Two closed months with evidence: shared costs, exchange rates, a correction, a true-up, an override, an approval.

March is closed by the timer after an approval. Then come a late call, another rate card by which March is corrected, a
fee for March, true-ups of both months, and a call that nobody can price, in spite of which April is closed.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from chargeback.adapters.config.applied import AppliedCatalogues, read_stored
from chargeback.adapters.config.catalogue import load_catalogue, to_documents
from chargeback.adapters.config.folders import path_of
from chargeback.adapters.config.terms import load_terms
from chargeback.adapters.memory.reports import MemoryReports
from chargeback.domain.periods.lifecycle import PeriodChange
from chargeback.domain.reports.layout import export_part_path, reconciliation_path
from chargeback.domain.reports.manifest import Manifest
from chargeback.services.closing.approve_period import Approver
from chargeback.services.closing.correct_period import correct_period
from chargeback.services.configuring.apply_config import bring_into_force
from chargeback.services.reconciling.reconciled_documents import Compared, Comparisons
from chargeback.services.reconciling.true_up_documents import TrueUp, TrueUps
from chargeback.services.verifying.verify_period import Verification, Verifier
from tests.support.builders import tokens, usage_event
from tests.support.closing_product import ClosingProduct, published_for_real
from tests.support.config_files import config_folder

MARCH, APRIL = "2026-03", "2026-04"
APRIL_5 = datetime(2026, 4, 5, 6, tzinfo=UTC)
MAY_5 = datetime(2026, 5, 5, 6, tzinfo=UTC)
EXPORT, LATE_EXPORT = "e" * 64, "f" * 64

_FILES = {
    "books.yaml": """
books: [{from: "2026-01", timeZone: Europe/Berlin, currency: EUR}]
approval: [{from: "2026-01", required: true}]
exchangeRates:
  - {from: USD, to: EUR, rate: "0.90", date: 2026-03-31, source: the bank in March}
  - {from: USD, to: EUR, rate: "0.80", date: 2026-04-30, source: the bank in April}
""",
    "deployments.yaml": """
accounts:
  - {account: oai-swedencentral, region: swedencentral, priority: 1, weight: 1, deployments: eu}
deploymentSets:
  eu:
    - {name: gpt-4o, model: gpt-4o, version: "2024-11-20", type: DataZoneStandard, capacity: 1}
""",
    "cost-centres.yaml": """
costCentres:
  - {path: product, name: Product}
  - {path: product/search, name: Search}
  - {path: research, name: Research}
rules:
  - {id: search, when: {subscription: search}, costCentre: product/search}
  - {id: nomads, when: {subscription: nomads}, costCentre: product, effectiveTo: 2026-03-15}
  - {id: nomads-moved, when: {subscription: nomads}, costCentre: research, effectiveFrom: 2026-03-15}
""",
    "shared-costs.yaml": """
sharedCosts:
  - {id: platform, name: Platform, kind: fee, perMonth: "100.00", currency: USD, basis: even,
     among: [product/search, product, research], source: agreed}
""",
}
_CARD = """
currency: USD
prices:
  - {{provider: azure-openai, model: gpt-4o, deploymentTypes: [DataZoneStandard], effectiveFrom: 2024-01-01T00:00:00Z,
     source: "the page, of {0}", perMillion: {{input_tokens: "{0}", output_tokens: "8"}}}}
"""
MARCH_CALLS = [
    ("search", "2026-03-10T10:00:00Z"), ("nomads", "2026-03-14T22:59:59Z"), ("nomads", "2026-03-14T23:00:00Z"),
    ("stranger", "2026-03-31T21:59:59Z"),
]  # fmt: skip
APRIL_CALLS = [
    ("search", "2026-03-21T10:00:00Z"),
    ("nomads", "2026-03-31T22:00:00Z"),
    ("search", "2026-04-02T10:00:00Z"),
]


def call(team: str, time: str, **fields: object) -> bytes:
    return usage_event(subscriptionId=team, time=time, usage=tokens(1_000_000, 100_000), **fields)


_LATE_FEE = """\
  - {id: late-fee, name: Late fee, kind: fee, amount: "50.00", period: 2026-04, corrects: 2026-03, currency: USD,
     basis: usage, measure: tokens, source: agreed later}
"""


def folder_of(folder: Path, price: str, late_fee: str = "") -> Path:
    config_folder(folder)
    for name, content in (_FILES | {"shared-costs.yaml": _FILES["shared-costs.yaml"] + late_fee}).items():
        path_of(folder, name).write_text(content)
    path_of(folder, "rate-card.yaml").write_text(_CARD.format(price))
    return folder


def evidenced(tmp_path: Path, **given: Any) -> ClosingProduct:
    """An empty product whose closings keep their evidence."""
    folder = folder_of(tmp_path / "march", "2")
    in_memory = ClosingProduct(over=lambda control: AppliedCatalogues(control, folder), **given)
    return published_for_real(in_memory, keeps_evidence=True)


async def approve(in_memory: ClosingProduct, month: str, now: datetime) -> None:
    await in_memory.poster.post(now)
    await in_memory.auditor.audit(now)
    await in_memory.publish_drafts(now)
    approver = Approver(in_memory.periods, in_memory.catalogues, in_memory.auditor, in_memory.reports)
    await approver.approve(month, "Kim Ito", now)


async def ready_march(in_memory: ClosingProduct) -> ClosingProduct:
    """March is approved and waits for the timer."""
    await in_memory.ingest([call(*each) for each in MARCH_CALLS], APRIL_5 - timedelta(days=2))
    await approve(in_memory, MARCH, APRIL_5)
    return in_memory


async def both_months(tmp_path: Path) -> ClosingProduct:
    in_memory = await ready_march(evidenced(tmp_path))
    await in_memory.closer.close_due(APRIL_5)
    dearer = folder_of(tmp_path / "april", "4", _LATE_FEE)
    catalogue = load_catalogue(dearer)
    stores = in_memory.control, in_memory.catalogues, in_memory.ledger
    terms, documents = load_terms(dearer, catalogue), to_documents(dearer)
    await bring_into_force(*stores, catalogue, terms, documents, by="Pia Roe", now=APRIL_5)
    unpriced = call("search", "2026-04-03T10:00:00Z", deployment="mystery", model="mystery-1")
    await in_memory.ingest([*(call(*each) for each in APRIL_CALLS), unpriced], APRIL_5)
    change = PeriodChange("rated anew", APRIL_5, "Cora Im", "the contract says 4")
    await correct_period(MARCH, in_memory.closing_books, in_memory.ledger, change)
    in_memory.reports.files[export_part_path(MARCH, LATE_EXPORT)] = b"the rows of March"
    of_march = {"run": "run-0", "sha256": LATE_EXPORT}
    late = TrueUp(MARCH, "3.21", "EUR", "Dora Diaz", MAY_5.isoformat(), invoice=of_march)
    await TrueUps(in_memory.control).swap(msgspec.structs.replace(late, history=(late.said(),)), None)
    known = TrueUp(APRIL, "12.34", "EUR", "Dora Diaz", MAY_5.isoformat(), invoice={"run": "run-1", "sha256": EXPORT})
    await TrueUps(in_memory.control).swap(msgspec.structs.replace(known, history=(known.said(),)), None)
    await compared(in_memory)
    await approve(in_memory, APRIL, MAY_5)
    await in_memory.close(APRIL, MAY_5 + timedelta(hours=1), "ann", "agreed with finance")
    return in_memory


async def compared(in_memory: ClosingProduct) -> None:
    """A comparison with an invoice whose export is overwritten later."""
    for path in (
        export_part_path(APRIL, EXPORT),
        reconciliation_path(APRIL, "csv"),
        reconciliation_path(APRIL, "json"),
    ):
        in_memory.reports.files[path] = path.encode()
    said = Compared(
        APRIL, "run-1", True, "20.02", "0", "0", "EUR", overdue="0", sha256=EXPORT, invoice_ids=("E0700ABC",)
    )
    await Comparisons(in_memory.control).keep(said)


async def verify(closed: Any, month: str, expected: str = "", journal: str | None = None) -> Verification:
    return await Verifier(month, closed, MemoryReports(), read_stored, expected, journal).verify()


def manifest_of(in_memory: ClosingProduct, month: str) -> Manifest:
    return msgspec.json.decode(in_memory.closed.files[f"{month}/manifest.json"], type=Manifest)


def tampered(in_memory: ClosingProduct, path: str, change: Callable[[bytes], bytes]) -> MemoryReports:
    """A copy of the closed files in which one is other than it was."""
    copy = MemoryReports()
    copy.files = dict(in_memory.closed.files)
    copy.files[path] = change(copy.files[path])
    return copy
