"""A product whose periods close: every store in memory, and a small publisher whose files say all that is billed."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import msgspec

from chargeback.adapters.memory.counter import MemoryCounter
from chargeback.adapters.memory.reports import MemoryReports
from chargeback.adapters.memory.settled import MemorySettledFiles
from chargeback.adapters.memory.stores import (
    MemoryBooks,
    MemoryCatalogues,
    MemoryControl,
    MemoryLedger,
    MemoryQuarantine,
)
from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.periods.lifecycle import BillingPeriod
from chargeback.domain.reports.manifest import Manifest, PublishedFile
from chargeback.domain.terms.terms import Terms
from chargeback.domain.time.calendar import Calendar
from chargeback.domain.usage.meters import Meter
from chargeback.services.closing.approve_period import UNSIGNED, Signatures
from chargeback.services.closing.close_period import Closer
from chargeback.services.closing.finish_days import ClosingBooks, ClosingRequest
from chargeback.services.closing.late_changes import LateChange
from chargeback.services.closing.publish_drafts import Drafts
from chargeback.services.closing.publish_period import Publisher
from chargeback.services.periods.periods import Periods
from chargeback.services.ports.control import Version
from chargeback.services.ports.reports import Reports
from chargeback.services.publishing.files import JSON, Files, whole
from chargeback.services.running.progress import Progress
from chargeback.services.settled.settled_days import SettledDays
from chargeback.services.usage.audit import Auditor
from chargeback.services.usage.estimate_spend import EffectiveSpendEstimator
from chargeback.services.usage.ingest import Ingest
from chargeback.services.usage.post import Poster
from tests.support.catalogues import START, catalogue, dated

Row = tuple[str, ...]
Billed = dict[Row, tuple[int, Decimal]]
Wrap = Callable[[str, Any], Any]


def priced(per_million: str = "2.5", calendar: Calendar | None = None) -> Catalogue:
    """A catalogue with one price for input; output has none."""
    return catalogue(dated(Meter.INPUT, (START, per_million)), calendar=calendar, account="oai-swedencentral")


@dataclass
class Bill:
    """Publishes what is billed as one JSON file: every charge of the period, and corrections of closed ones."""

    books: Any
    closed: Any
    after: Callable[[], Any] | None = None
    """Called between reading the books and writing the file."""
    for_hub: str = "hub/manifest.json"

    async def __call__(
        self,
        period: str,
        into: Reports,
        version: Version,
        late: Sequence[LateChange],
        progress: Progress,
        *,
        is_closed: bool,
        signatures: Signatures = UNSIGNED,
    ) -> Manifest:
        rows = await self.charges(period, version.catalogue.calendar.utc_days(period))
        for each in late:
            rows = _sum(rows, await self._corrections(each))
        if self.after:
            await self.after()
        files = Files(into)
        content = msgspec.json.encode([[*key, q, str(c)] for key, (q, c) in sorted(rows.items())])
        await files.write(f"{period}/bill-{period}.json", JSON, whole(len(rows), content))
        # Another manifest than that of the period.
        for_hub = self.for_hub.format(period.replace("-", "/"))
        await files.write(f"{period}/{for_hub}", JSON, whole(0, b"%d" % is_closed))
        manifest = _manifest(period, files.written)
        async with into.create(f"{period}/manifest.json", JSON) as file:
            await file.write(manifest.to_json())
        return manifest

    async def charges(self, period: str, days: Sequence[str]) -> Billed:
        """What the books say now."""
        rows: Billed = {}
        for day in days:
            async for page in self.books.records(day):
                for record in page:
                    for part in record.parts:
                        for charge in part.charges if part.date.startswith(period) else ():
                            key = (period, day, part.date, record.record_id, part.cost_centre, charge.meter.value)
                            rows = _sum(rows, {key: (charge.quantity, charge.cost or Decimal(0))})
        return rows

    async def _corrections(self, late: LateChange) -> Billed:
        due = await self.charges(late.period, sorted(late.days))
        for name in late.billed:
            billed = read_bill(b"".join([piece async for piece in self.closed.read(f"{name}/bill-{name}.json")]))
            due = _sum(due, {k: (-q, -c) for k, (q, c) in billed.items() if k[0] == late.period and k[1] in late.days})
        return {key: value for key, value in due.items() if any(value)}


def read_bill(content: bytes) -> Billed:
    """The rows of a bill: (period it is for, UTC day, date, line, cost centre, meter) → quantity, cost."""
    return {tuple(row[:-2]): (row[-2], Decimal(row[-1])) for row in msgspec.json.decode(content)}


def _sum(*bills: Billed) -> Billed:
    total: dict[Row, tuple[int, Decimal]] = defaultdict(lambda: (0, Decimal(0)))
    for bill in bills:
        for key, (quantity, cost) in bill.items():
            total[key] = (total[key][0] + quantity, total[key][1] + cost)
    return dict(total)


def _manifest(period: str, files: Sequence[PublishedFile]) -> Manifest:
    start, end = Calendar().bounds(period)
    return Manifest(
        billing_period=period,
        state="closed",
        start=start,
        end=end,
        time_zone="UTC",
        currency="USD",
        days=[],
        catalogue="",
        terms="",
        decimals=6,
        totals={},
        requests=0,
        states={},
        prices=[],
        exchange_rates=[],
        shared_costs=[],
        corrections=[],
        files=list(files),
        previous_manifest="",
        lineage={},
    )


_CHARGED = """
SELECT coalesce(nullif(corrects_period, ''), '{}'), charge_date, cost_centre, meter,
    sum(quantity), coalesce(sum(exact_cost), 0)
FROM '{}/charges.parquet'
WHERE kind <> 'shared'
GROUP BY ALL
"""


@dataclass
class ClosingProduct:
    """Stores in memory and the services over them."""

    catalogue: Catalogue = field(default_factory=priced)
    terms: Terms = field(default_factory=Terms)
    wrap: Wrap = lambda name, store: store
    over: Callable[[Any], Any] | None = None
    """Makes the catalogues over the control documents, where it is not tests that replace them."""

    def __post_init__(self) -> None:
        self.ledger = self.wrap("ledger", MemoryLedger())
        self.counter = self.wrap("counter", MemoryCounter())
        self.books = self.wrap("books", MemoryBooks())
        self.control = self.wrap("control", MemoryControl())
        self.reports = self.wrap("reports", MemoryReports())
        self.closed = self.wrap("closed", MemoryReports())
        self.settled_files = self.wrap("settled_files", MemorySettledFiles())
        self.settled_days = SettledDays(self.books, self.settled_files)
        self.catalogues: Any = MemoryCatalogues(self.catalogue, settled_by=self.terms, control=self.control)
        if self.over is not None:
            self.catalogues = self.over(self.control)
        self.periods = Periods(self.control, self.ledger)
        self.poster = Poster(self.ledger, self.counter, self.books, self.control, self.catalogues)
        self.auditor = Auditor(self.ledger, self.counter, self.books, self.control, self.catalogues, self.poster)
        self.bill = Bill(self.books, self.closed)
        self.closing_books = ClosingBooks(
            self.periods, self.books, self.catalogues, self.poster, self.auditor, self.control
        )
        self.closer = Closer(self.closing_books, self.reports, self.closed, self.bill)

    async def ingest(self, events: Sequence[bytes], now: datetime) -> None:
        estimator = EffectiveSpendEstimator(self.catalogues, await self.catalogues.current())
        await Ingest(self.ledger, self.counter, MemoryQuarantine(), estimator).ingest(events, now)

    async def close(self, period: str, now: datetime, by: str = "ann", override: str = "") -> BillingPeriod:
        return await self.closer.close(period, ClosingRequest(by, now, override))

    async def publish_drafts(self, now: datetime) -> None:
        """As the daily timer does: every open period, with corrections in the oldest."""
        await Drafts(self.closing_books, self.closer).publish_open(now)

    async def billed(self) -> Billed:
        """Everything that closed periods and drafts say together."""
        bills = [read_bill(content) for content in self.contents(self.closed, self.reports).values()]
        return {key: value for key, value in _sum(*bills).items() if any(value)}

    def read(self, period: str) -> Billed:
        """What a period's bill says, closed or draft; zero rows left out."""
        path = f"{period}/bill-{period}.json"
        content = self.closed.files.get(path) or self.reports.files[path]
        return {key: value for key, value in read_bill(content).items() if value[1]}

    def charged(self) -> dict[Row, tuple[Decimal, Decimal]]:
        """What `charges-*.parquet` of closed periods and drafts say together, exactly, by what they are for."""
        sums: dict[Row, tuple[Decimal, Decimal]] = {}
        files = {**self.reports.files, **self.closed.files}
        with TemporaryDirectory() as folder:
            for path in (path for path in files if path.endswith(".parquet")):
                (Path(folder) / "charges.parquet").write_bytes(files[path])
                for *key, quantity, cost in duckdb.sql(_CHARGED.format(path[:7], folder)).fetchall():
                    known = sums.get(tuple(key), (Decimal(0), Decimal(0)))
                    sums[tuple(key)] = known[0] + quantity, known[1] + cost
        return {key: value for key, value in sums.items() if any(value)}

    def contents(self, *reports: Any) -> Mapping[str, bytes]:
        return {path: content for each in reports for path, content in each.files.items() if "/bill-" in path}


def published_for_real(in_memory: ClosingProduct, *, keeps_evidence: bool = False) -> ClosingProduct:
    """The same empty house, with the files of the product instead of a bill."""
    publisher = Publisher(
        SettledDays(in_memory.books, MemorySettledFiles()),
        in_memory.control,
        in_memory.catalogues,
        in_memory.periods,
        in_memory.reports,
        in_memory.closed,
        decimals=6,
        keeps_evidence=keeps_evidence,
    )
    in_memory.closer = replace(in_memory.closer, publish=publisher)
    return in_memory


class Killed(BaseException):
    """The process ended."""
