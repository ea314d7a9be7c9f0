"""Recomputes a closed period from its evidence alone: by the code that rates, allocates, converts, rounds and prints.

The evidence stands in for every store: its days for the books, its documents for the control documents, its
configurations for the stored ones, and what was billed before for the closed files.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec

from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.errors import ChargebackError, Superseded
from chargeback.domain.rating.effective_catalogues import EffectiveCatalogues
from chargeback.domain.rating.rating import rate
from chargeback.domain.rating.usage_record import RecordPart, UsageRecord
from chargeback.domain.reports.evidence import EvidenceRecord
from chargeback.domain.reports.layout import (
    evidence_billed_path,
    evidence_configuration_path,
    evidence_folder,
    evidence_usage_path,
    period_of_charges,
)
from chargeback.domain.reports.manifest import Manifest
from chargeback.domain.terms.terms import Terms
from chargeback.domain.time.days import UtcDay
from chargeback.domain.time.months import Month, month_of
from chargeback.services.closing.late_changes import LateChange
from chargeback.services.closing.publish_period import Publisher
from chargeback.services.configuring.versions import ConfigVersion
from chargeback.services.periods.documents import PeriodDocuments
from chargeback.services.ports.control import AppliedVersion, Document, Version
from chargeback.services.ports.reports import OpenReport, Reports, ReportWriter
from chargeback.services.running.progress import Progress
from chargeback.services.running.work_folder import work_folder
from chargeback.services.settled.unpack import unpack_records

ReadConfig = Callable[[Document], tuple[Catalogue, Terms]]
"""Reads the documents of a stored configuration."""


@dataclass(frozen=True, slots=True)
class EvidenceDays:
    """The days of the evidence; see `publishing.staging.BookedDays`."""

    evidence: Reports
    period: Month

    @asynccontextmanager
    async def rows(self, day: UtcDay) -> AsyncIterator[Path | None]:
        """A day's file as a local one, while the context lasts; None where the evidence has none of that day."""
        path = evidence_usage_path(self.period, day)
        if path not in await self.evidence.paths(path):
            yield None
            return
        with work_folder("evidence") as folder:
            file = Path(folder, "records.parquet")
            with file.open("wb") as local:  # noqa: ASYNC230 a temporary file
                async for piece in self.evidence.read(path):
                    await asyncio.to_thread(local.write, piece)
            yield file

    async def days(self) -> list[UtcDay]:
        """The days that the evidence has, ascending."""
        paths = await self.evidence.paths(f"{evidence_folder(self.period)}usage/")
        return sorted({UtcDay(path.split("utc_day=")[1][:10]) for path in paths if "utc_day=" in path})


class EvidenceControl:
    """The documents of the evidence; see `services.ports.control.Control`. None is ever written."""

    def __init__(self, documents: Mapping[str, Mapping[str, Document]]) -> None:
        self._documents = documents

    async def get(self, kind: str, name: str) -> Document | None:
        """One document."""
        return self._documents.get(kind, {}).get(name)

    async def get_versioned(
        self, kind: str, name: str, known: tuple[Document, str] | None = None
    ) -> tuple[Document, str] | None:
        """One document, always the same."""
        document = await self.get(kind, name)
        return known or ((document, "evidence") if document is not None else None)

    async def swap(self, kind: str, name: str, document: Document, after: str | None) -> str:  # noqa: ARG002
        """Refuse: evidence stays as it is."""
        raise Superseded(f"{kind}/{name}: evidence is never written")

    async def all(self, kind: str) -> list[Document]:
        """Every document of a kind, by name."""
        return [document for _, document in sorted(self._documents.get(kind, {}).items())]

    async def names(self, kind: str) -> list[str]:
        """The names of the documents of a kind, ascending."""
        return sorted(self._documents.get(kind, {}))


class EvidenceCatalogues:
    """The configurations of the evidence; see `services.ports.control.Catalogues`."""

    def __init__(self, evidence: Reports, record: EvidenceRecord, read_config: ReadConfig) -> None:
        self._evidence = evidence
        self._record = record
        self._read_config = read_config
        self._known: dict[str, Version] = {}

    async def current(self) -> Catalogue:
        """The catalogue that the period was closed with."""
        return (await self.version()).catalogue

    async def in_force(self) -> EffectiveCatalogues:
        """That, and those of closed months that rate some of the days."""
        return EffectiveCatalogues(await self.current(), await self.frozen())

    async def frozen(self) -> dict[Month, Catalogue]:
        """Those of closed months."""
        return {month: (await self.stored_version(name)).catalogue for month, name in self._record.frozen.items()}

    async def terms(self) -> Terms:
        """The terms that the period was closed with."""
        return (await self.version()).terms

    async def completed(self, terms: Terms) -> Terms:
        """The same terms: budgets change no amount, and nobody makes one in evidence."""
        return terms

    async def version(self) -> Version:
        """The configuration that the period was closed with."""
        return await self.stored_version(self._record.configuration)

    async def stored_version(self, name: str) -> Version:
        """A configuration by its name."""
        if name not in self._known:
            path = evidence_configuration_path(self._record.billing_period, name)
            content = await content_of(self._evidence, path)
            stored = msgspec.json.decode(content, type=ConfigVersion)
            catalogue, terms = await asyncio.to_thread(self._read_config, stored.documents)
            self._known[name] = Version(name, catalogue, terms)
        return self._known[name]

    async def applied_since(self, since: datetime) -> list[tuple[AppliedVersion | None, AppliedVersion]]:  # noqa: ARG002
        """None: who changed what is in the manifest, and nobody applies anything in evidence."""
        return []


@dataclass(frozen=True, slots=True)
class BilledBefore:
    """The exact rows of earlier months under the paths that they have where closed files are; nothing is written."""

    evidence: Reports
    period: Month

    async def paths(self, prefix: str) -> list[str]:
        """None of these is looked for."""
        return [path for path in [prefix] if period_of_charges(path) and await self.evidence.paths(self._place(path))]

    def read(self, path: str) -> AsyncIterator[bytes]:
        """A file's content."""
        return self.evidence.read(self._place(path))

    async def open(self, path: str) -> OpenReport:
        """A file, to be read in parts."""
        return await self.evidence.open(self._place(path))

    @asynccontextmanager
    async def create(
        self,
        path: str,
        content_type: str,  # noqa: ARG002
        *,
        only_if_absent: bool = False,  # noqa: ARG002
    ) -> AsyncIterator[ReportWriter]:
        """Refuse: evidence stays as it is."""
        raise Superseded(f"{path}: evidence is never written")
        yield

    async def remove(self, path: str) -> None:
        """Refuse: evidence stays as it is."""
        raise Superseded(f"{path}: evidence is never written")

    def _place(self, path: str) -> str:
        billed = period_of_charges(path)
        if billed is None:
            raise ChargebackError(f"{path}: is not among the evidence")
        return evidence_billed_path(self.period, billed)


class Recomputation:
    """A period and its evidence.

    `evidence` is the container or the folder that has it, and `into` is where the recomputed files go.
    """

    def __init__(self, record: EvidenceRecord, evidence: Reports, into: Reports, read_config: ReadConfig) -> None:
        self.record = record
        self.evidence = evidence
        self.into = into
        self.catalogues = EvidenceCatalogues(evidence, record, read_config)
        self.days = EvidenceDays(evidence, record.billing_period)

    async def publish(self, progress: Progress) -> Manifest:
        """Make the files of the period again; the rows and the sums have to be the same bytes."""
        control = EvidenceControl(self.record.documents)
        billed = BilledBefore(self.evidence, self.record.billing_period)
        publisher = Publisher(
            self.days, control, self.catalogues, PeriodDocuments(control), self.into, billed, self.record.decimals
        )
        late = [LateChange(each.period, each.days, tuple(each.billed), each.true_up) for each in self.record.corrected]
        version = await self.catalogues.version()
        return await publisher(self.record.billing_period, self.into, version, late, progress, is_closed=True)

    async def rate_again(self, progress: Progress) -> AsyncIterator[str]:
        """Rate every line again from its hours; yields what differs from what was charged, with day and line."""
        in_force = await self.catalogues.in_force()
        months = {self.record.billing_period, *(each.period for each in self.record.corrected)}
        count = 0
        for day in await self.days.days():
            async with self.days.rows(day) as file:
                if file is None:
                    continue
                async for page in unpack_records(day, file):
                    for record in page:
                        for fault in _faults(record, in_force, months):
                            yield fault
                    count += len(page)
                    progress("rating", count)


def _faults(record: UsageRecord, in_force: EffectiveCatalogues, months: set[Month]) -> Iterator[str]:
    rated = rate(record.day, record.line, record.hours, in_force)
    was, now = _charged(record, months), _charged(rated, months)
    place = f"{record.day}, line {record.record_id}"
    if (record.deployment_type, record.region) != (rated.deployment_type, rated.region) and was:
        yield f"{place}: was charged as {record.deployment_type} in {record.region}, not as {rated.deployment_type}"
    for key in sorted(was.keys() | now.keys()):
        if was.get(key) != now.get(key):
            said = f"{_cost(was.get(key))} was charged, {_cost(now.get(key))} is due"
            yield f"{place}, {' '.join(filter(None, key))}: {said}"


def _charged(record: UsageRecord, months: set[Month]) -> dict[tuple[str, str, str], RecordPart]:
    parts = (part for part in record.parts if part.charges and month_of(part.date) in months)
    return {(part.date, part.cost_centre, part.rule): part for part in parts}


def _cost(part: RecordPart | None) -> str:
    return "nothing" if part is None else f"{part.cost} of {sum(charge.quantity for charge in part.charges)} units"


async def content_of(reports: Reports, path: str) -> bytes:
    """A small file in one piece."""
    return b"".join([piece async for piece in reports.read(path)])
