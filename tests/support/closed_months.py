"""Months that are closed with given charges, without the work of publishing them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import msgspec

from chargeback.adapters.memory.reports import MemoryReports
from chargeback.adapters.memory.stores import MemoryCatalogues, MemoryControl
from chargeback.domain.journals.amounts import ChargedSum
from chargeback.domain.journals.entries import JournalLine
from chargeback.domain.money.exact import to_text
from chargeback.domain.periods.lifecycle import BillingPeriod, PeriodState
from chargeback.domain.reports.layout import charges_path, manifest_path
from chargeback.domain.reports.manifest import Manifest
from chargeback.domain.terms.terms import Terms
from chargeback.domain.time.months import Month
from chargeback.services.closing.file_period import sha256_of
from chargeback.services.duck.row_types import row_types
from chargeback.services.journals.accrue import Accruals
from chargeback.services.journals.make_postings import JournalMaker
from chargeback.services.periods.documents import PeriodDocuments
from tests.support.catalogues import catalogue
from tests.support.journals import calendar, rules

NOW = datetime(2026, 5, 2, tzinfo=UTC)


@dataclass
class ClosedMonths:
    """Stores in memory, with months whose charges are given."""

    terms: Terms = field(default_factory=lambda: Terms(posting=rules()))
    currency: str = "EUR"
    control: MemoryControl = field(default_factory=MemoryControl)
    reports: MemoryReports = field(default_factory=MemoryReports)
    closed: MemoryReports = field(default_factory=MemoryReports)

    def __post_init__(self) -> None:
        self.catalogues = MemoryCatalogues(
            catalogue(calendar=calendar(self.currency)), settled_by=self.terms, control=self.control
        )

    @property
    def journals(self) -> JournalMaker:
        return JournalMaker(self.control, self.catalogues, self.closed)

    @property
    def accruals(self) -> Accruals:
        return Accruals(self.control, self.catalogues, self.reports)

    async def close(self, period: Month, sums: Sequence[ChargedSum], approved_by: str | None = None) -> None:
        """Close a month with these charges."""
        write_period(self.closed, period, sums, self.currency, approved_by)
        digest = await sha256_of(self.closed.read(manifest_path(period)))
        version = (await self.catalogues.version()).name
        known = BillingPeriod(
            period, PeriodState.CLOSED, version=version, closed_with=version, manifest=digest, is_filed=True
        )
        documents = PeriodDocuments(self.control)
        await documents.swap(known, (await documents.get(period))[1])

    def draft(self, period: Month, sums: Sequence[ChargedSum]) -> None:
        """Publish the draft of an open month with these charges."""
        write_period(self.reports, period, sums, self.currency)

    async def lines(self, period: Month) -> list[JournalLine]:
        """The journal of a month, made if need be."""
        return await self.journals.lines(await self.journals.make(period, NOW))


def write_period(
    reports: MemoryReports, period: Month, sums: Sequence[ChargedSum], currency: str, approved_by: str | None = None
) -> None:
    """Write the charges and the manifest of a period."""
    totals: dict[str, Decimal] = {}
    for each in sums:
        totals[each.currency] = totals.get(each.currency, Decimal(0)) + each.cost
    reports.files[charges_path(period)] = _charges(sums)
    manifest = Manifest(
        **dict.fromkeys(("catalogue", "terms", "previous_manifest"), ""),
        **{name: [] for name in ("days", "prices", "exchange_rates", "shared_costs", "corrections", "files")},
        billing_period=period,
        approved_by=approved_by,
        state="closed",
        start=calendar().bounds(period)[0],
        end=calendar().bounds(period)[1],
        time_zone="Europe/Berlin",
        currency=currency,
        decimals=6,
        totals={name: to_text(cost) for name, cost in totals.items()},
        requests=0,
        states={},
        lineage={},
    )  # type: ignore[misc]
    reports.files[manifest_path(period)] = msgspec.json.encode(manifest)


def _charges(sums: Sequence[ChargedSum]) -> bytes:
    types = row_types(6)
    columns = ", ".join(f'"{name}" {kind}' for name, kind in types.items())
    with TemporaryDirectory() as folder, duckdb.connect() as engine:
        engine.execute(f"CREATE TABLE rows ({columns})")
        for each in sums:
            row: dict[str, Any] = {
                "cost_centre": each.cost_centre,
                "kind": "correction" if each.corrects_period else each.kind,
                "shared_cost": "platform" if each.kind == "shared" else "",
                "corrects_period": each.corrects_period,
                "charge_date": each.date,
                "currency": each.currency,
                "cost": each.cost,
                "exact_cost": each.cost,
                "contracted_cost": each.cost - each.markup,
                "state": "exact",
            }
            names = ", ".join(f'"{name}"' for name in row)
            engine.execute(f"INSERT INTO rows ({names}) VALUES ({', '.join('?' * len(row))})", list(row.values()))
        file = Path(folder) / "charges.parquet"
        engine.execute(f"COPY rows TO '{file}' (FORMAT parquet)")
        return file.read_bytes()
