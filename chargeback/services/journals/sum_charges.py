"""Sums what the published rows of a period charge each cost centre on each date."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import msgspec

from chargeback.domain.errors import ChargebackError, InconsistentFile
from chargeback.domain.journals.amounts import ChargedSum
from chargeback.domain.money.exact import EXACT, ZERO
from chargeback.domain.reports.layout import charges_path, manifest_path
from chargeback.domain.reports.manifest import Manifest
from chargeback.domain.time.days import BookDate
from chargeback.domain.time.months import Month
from chargeback.services.closing.file_period import sha256_of
from chargeback.services.duck.engine import Row, open_engine
from chargeback.services.duck.row_types import row_types
from chargeback.services.ports.reports import Reports
from chargeback.services.publishing.period_inputs import Stored
from chargeback.services.publishing.published_slices import published_slices
from chargeback.services.running.work_folder import work_folder

_MEMORY_MB = 160
_COLUMNS = (
    "cost_centre", "kind", "shared_cost", "corrects_period", "charge_date", "currency", "cost", "exact_cost",
    "contracted_cost", "state",
)  # fmt: skip

Key = tuple[str, str, str, str, str]


@dataclass(frozen=True, slots=True)
class PeriodCharges:
    """The charges of a published period.

    Attributes:
        manifest: what its files hold; `digest` is its SHA-256.
        unknown: rows whose cost is not known, which are in no sum.
    """

    manifest: Manifest
    digest: str
    sums: list[ChargedSum]
    unknown: int


async def sum_charges(period: Month, reports: Reports) -> PeriodCharges:
    """The charges of the files in a store. Raises `InconsistentFile` where they are not the totals of the manifest."""
    path = manifest_path(period)
    if path not in await reports.paths(path):
        raise ChargebackError(f"{period} was never published: run `chargeback publish {period}` first")
    content = b"".join([piece async for piece in reports.read(path)])
    manifest = msgspec.json.decode(content, type=Manifest)
    with work_folder("journal") as name:
        rows = await _rows(period, reports, manifest.decimals, Path(name))
    charges = PeriodCharges(
        manifest,
        await sha256_of(reports.read(path)),
        [ChargedSum(*_dimensions(key), cost, markup) for key, (cost, markup, _) in sorted(rows.items())],
        sum(unknown for _, _, unknown in rows.values()),
    )
    _require_totals(charges)
    return charges


async def _rows(
    period: Month, reports: Reports, decimals: int, folder: Path
) -> dict[Key, tuple[Decimal, Decimal, int]]:
    sums: dict[Key, tuple[Decimal, Decimal, int]] = {}
    types = {name: kind for name, kind in row_types(decimals).items() if name in _COLUMNS}
    slices = await published_slices(Stored(reports, charges_path(period)), folder)
    engine = open_engine("chargeback.services.journals", spill=folder / "spill", memory_limit_mb=_MEMORY_MB)
    with engine:
        async for files in slices.each():

            def ask(files: list[Path] = files) -> list[Row]:
                engine.show("read_rows", types, files)
                return engine.run("charges")

            _add(sums, await asyncio.to_thread(ask))
    return sums


def _add(sums: dict[Key, tuple[Decimal, Decimal, int]], rows: Iterable[Row]) -> None:
    for *key, cost, markup, unknown in rows:
        of = (str(key[0]), str(key[1]), str(key[2]), str(key[3]), str(key[4]))
        before = sums.get(of, (ZERO, ZERO, 0))
        sums[of] = EXACT.add(before[0], cost or ZERO), EXACT.add(before[1], markup or ZERO), before[2] + unknown


def _dimensions(key: Key) -> tuple[str, str, Month, BookDate, str]:
    centre, kind, corrects, date, currency = key
    return centre, kind, Month(corrects), BookDate(date), currency


def _require_totals(charges: PeriodCharges) -> None:
    found: dict[str, Decimal] = {}
    for each in charges.sums:
        found[each.currency] = EXACT.add(found.get(each.currency, ZERO), each.cost)
    for currency, said in charges.manifest.totals.items():
        if found.pop(currency, ZERO) != Decimal(said):
            raise InconsistentFile(
                f"the charges of {charges.manifest.billing_period} are not its total {said} {currency}"
            )
    if any(found.values()):
        raise InconsistentFile(f"the manifest of {charges.manifest.billing_period} has no total in {', '.join(found)}")
