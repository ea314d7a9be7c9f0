"""A product in memory whose months are published, reconciled and explained."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from chargeback.adapters.azure.cost_exports import LocalCostExports
from chargeback.adapters.memory.reports import MemoryReports
from chargeback.adapters.memory.settled import MemorySettledFiles
from chargeback.domain.catalogue.prices import PriceKey
from chargeback.domain.invoice.reconciliation import ReconciliationRules
from chargeback.domain.price_list.provider_meters import provider_meters
from chargeback.services.closing.publish_period import Publisher
from chargeback.services.explaining.explain import Explainer
from chargeback.services.explaining.explanation import Explanation
from chargeback.services.periods.periods import Periods
from chargeback.services.publishing.published_rows import Published
from chargeback.services.reconciling.reconcile import Reconciled, reconcile_period
from chargeback.services.reconciling.terms_around import terms_around
from chargeback.services.running.progress import ignore_progress
from chargeback.services.settled.settled_days import SettledDays
from tests.support.builders import NOW, usage_event
from tests.support.control_documents import put_document
from tests.support.cost_exports import gzipped, run_files
from tests.support.period_tables import write_rows
from tests.support.product_in_memory import ProductInMemory
from tests.support.published_files import PERIOD

HOST = "oai-eastus2-x1.openai.azure.com"
SEARCH = "product/search"


def call(**arguments: Any) -> bytes:
    """A call that an account of the test catalogue has answered."""
    return usage_event(backend=HOST, **arguments)


@dataclass
class PublishedProduct:
    """Stores in memory, the services over them, and the files that they publish."""

    in_memory: ProductInMemory
    decimals: int = 6
    reports: MemoryReports = field(default_factory=MemoryReports)
    closed: MemoryReports = field(default_factory=MemoryReports)

    @property
    def published(self) -> Published:
        return Published(self.in_memory.control, self.reports, self.closed)

    async def ingest(self, *events: bytes) -> None:
        await self.in_memory.ingest.ingest(list(events), NOW)

    async def publish(self, period: str = PERIOD) -> None:
        """Post what is counted and publish the open period."""
        in_memory = self.in_memory
        await in_memory.poster.post(NOW)
        periods = Periods(in_memory.control, in_memory.ledger)
        publisher = Publisher(
            SettledDays(in_memory.books, MemorySettledFiles()),
            in_memory.control,
            in_memory.catalogues,
            periods,
            self.reports,
            self.closed,
            self.decimals,
        )
        version = await in_memory.catalogues.version()
        await publisher(period, self.reports, version, [], ignore_progress, is_closed=False)

    def put(
        self, folder: Path, rows: Sequence[Mapping[str, Any]], period: str = PERIOD, *, closed: bool = False
    ) -> None:
        """Publish given rows."""
        folder.mkdir(parents=True)
        store = self.closed if closed else self.reports
        store.files[f"{period}/charges-{period}.parquet"] = write_rows(folder / "charges.parquet", rows).read_bytes()

    async def close(self, period: str = PERIOD) -> None:
        """Say that a period is closed, and move its rows to where closed files are."""
        path = f"{period}/charges-{period}.parquet"
        if path in self.reports.files:
            self.closed.files[path] = self.reports.files.pop(path)
        await put_document(self.in_memory.control, "period", period, {"period": period, "state": "closed"})

    async def explanation(self, centre: str = SEARCH, *, limit: int = 10, **options: Any) -> Explanation:
        in_memory = self.in_memory
        explainer = Explainer(self.published, in_memory.catalogues, in_memory.settled_days, in_memory.ledger, limit)
        return await explainer.explain(PERIOD, centre, **options)

    async def explain(self, centre: str = SEARCH, **options: Any) -> dict[str, Any]:
        """An explanation as auditors get it."""
        found: dict[str, Any] = json.loads(msgspec.json.encode(await self.explanation(centre, **options)))
        return found

    async def explain_largest(self, meter: str = "input_tokens", **options: Any) -> dict[str, Any]:
        """The largest charge of a meter in full."""
        groups = (await self.explain())["usage"]
        charge_id = next(group for group in groups if group["meter"] == meter)["largest"][0]["chargeId"]
        charge: dict[str, Any] = (await self.explain(charge_id=charge_id, **options))["charge"]
        return charge

    async def reconcile(
        self, exports: Path, meters: Mapping[str, Sequence[PriceKey]], *, period: str = PERIOD, **rules: Any
    ) -> Reconciled:
        catalogue = await self.in_memory.catalogues.current()
        return await reconcile_period(
            period,
            LocalCostExports([exports]),
            self.published,
            self.in_memory.settled_days,
            catalogue=catalogue,
            terms=await terms_around(period, self.in_memory.control, self.in_memory.catalogues),
            meters=provider_meters(meters, capacity=("provisioned", "hosting")),
            rules=ReconciliationRules(**rules),
        )


def invoice(folder: Path, rows: Sequence[Mapping[str, str]], **run: Any) -> Path:
    """A downloaded export with one run, one partition."""
    for name, data in run_files({"part_0_0001.csv.gz": gzipped(rows)}, **run).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder
