"""Writes the evidence of a period that is closing: beside its final files, before the manifest that names it.

Everything goes through in pieces, so that it takes no temporary disk and little memory. What a killed attempt wrote
lies in the folder of that attempt; only what the manifest names is filed.
"""

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from chargeback import __version__
from chargeback.domain.errors import StoreUnavailable
from chargeback.domain.periods.lifecycle import BillingPeriod, PeriodState
from chargeback.domain.reports.evidence import (
    EVIDENCE_VERSION,
    CorrectedMonth,
    EvidenceIndex,
    EvidenceRecord,
    UsedInvoice,
)
from chargeback.domain.reports.layout import (
    chargeback_path,
    evidence_billed_path,
    evidence_configuration_path,
    evidence_index_path,
    evidence_invoice_path,
    evidence_record_path,
    evidence_table_path,
    export_part_path,
    name_of,
    period_of_charges,
    reconciliation_path,
    summary_path,
)
from chargeback.domain.reports.manifest import cell, csv_line
from chargeback.domain.time.calendar import next_period, previous_period
from chargeback.domain.time.months import Month
from chargeback.services.configuring.versions import ConfigVersions
from chargeback.services.evidence.evidence_files import EvidenceFiles, at_once
from chargeback.services.evidence.recorded_days import RecordedDays
from chargeback.services.periods.documents import PeriodDocuments
from chargeback.services.ports.control import Control
from chargeback.services.ports.reports import Reports
from chargeback.services.publishing.files import Files
from chargeback.services.publishing.period_inputs import PeriodInputs, Stored
from chargeback.services.publishing.staging import BookedDays
from chargeback.services.publishing.write_manifest import Holdings
from chargeback.services.reconciling.reconciled_documents import Comparisons
from chargeback.services.reconciling.true_up_documents import TrueUps

PRICE_COLUMNS = (
    "price_id", "meter", "currency", "unit_price", "contracted_unit_price", "list_unit_price", "price_unit", "quantity",
    "effective_from", "effective_to", "source",
)  # fmt: skip
RATE_COLUMNS = ("currency", "to_currency", "rate", "date", "source")


@dataclass(frozen=True, slots=True)
class ClosingBasis:
    """What a closing was made from, beside what is published.

    Attributes:
        configuration: name of the stored configuration.
        corrected: the closed months whose corrections it carries.
        approval: as it is on the period's record; None where the books ask for none.
    """

    configuration: str
    corrected: Sequence[CorrectedMonth] = ()
    approval: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class EvidenceWriter:
    """Writes the evidence of one closing.

    Attributes:
        inputs: what the files are made from.
        compared: the container with the comparisons with the invoice.
        evidence: where it goes.
    """

    inputs: PeriodInputs
    basis: ClosingBasis
    control: Control
    compared: Reports
    evidence: EvidenceFiles

    def recorded(self, books: BookedDays) -> RecordedDays:
        """The books; each day that is read from them comes into the evidence."""
        return RecordedDays(books, self.inputs.period, self.evidence)

    async def __call__(self, files: Files, held: Holdings) -> None:
        """Write everything else, the index last, and add all of it to the files that the manifest names."""
        period, write = self.inputs.period, self.evidence.write
        frozen = await self._frozen()
        for name in sorted({self.basis.configuration, *frozen.values(), *await self._billed_with()}):
            await write(evidence_configuration_path(period, name), at_once(await self._configuration(name)))
        for stored in self._billed():
            billed = period_of_charges(stored.path)
            assert billed is not None
            await write(evidence_billed_path(period, billed), stored.reports.read(stored.path))
        invoices = [each async for each in self._invoices()]
        await write(evidence_table_path(period, "prices"), at_once(b"".join(_prices(self.inputs, held))))
        await write(evidence_table_path(period, "exchange-rates"), at_once(b"".join(_rates(self.inputs, held))))
        record = await self._record(frozen, invoices)
        await write(evidence_record_path(period), at_once(_said(record)))
        index = EvidenceIndex(
            version=EVIDENCE_VERSION,
            billing_period=period,
            files=sorted(self.evidence.indexed.values(), key=lambda each: each.path),
            results=[each for each in files.written if each.path in (chargeback_path(period), summary_path(period))],
            sums=held.centres,
        )
        await write(evidence_index_path(period), at_once(_said(index)))
        files.written.extend(self.evidence.files.written)

    async def _configuration(self, name: str) -> bytes:
        version = await ConfigVersions(self.control).get(name)
        if version is None:
            raise StoreUnavailable(f"the configuration {name!r} is not among the control documents")
        return _said(version.without_people)

    async def _frozen(self) -> dict[Month, str]:
        """The configurations of closed months that rate some of the hours: corrected months, and months beside them."""
        own = [self.inputs.period, *(each.period for each in self.basis.corrected)]
        months = {month for each in own for month in (previous_period(each), each, next_period(each))}
        return {each.month: each.version for each in await self._closed() if each.month in months and each.version}

    async def _billed_with(self) -> list[str]:
        """The configurations that corrected months were closed with: these say what was shared."""
        months = {each.period for each in self.basis.corrected}
        return [each.closed_with for each in await self._closed() if each.month in months and each.closed_with]

    async def _closed(self) -> list[BillingPeriod]:
        return await PeriodDocuments(self.control).closed()

    def _billed(self) -> list[Stored]:
        """Every file with what was billed before that takes part."""
        of_corrections = (stored for each in self.inputs.corrected for stored in (each.billed, *each.later))
        of_costs = (stored for several in self.inputs.past.values() for stored in several)
        found = {stored.path: stored for stored in (*of_corrections, *of_costs)}
        return [found[path] for path in sorted(found)]

    async def _invoices(self) -> AsyncIterator[UsedInvoice]:
        """What is known of the invoices, each file copied, because an export may be overwritten.

        A closed month is trued up in the period that corrects it, so what that was computed from is evidence here.
        """
        for month in (self.inputs.period, *(each.period for each in self.basis.corrected)):
            used = await self._used(month)
            if used or month == self.inputs.period:
                for suffix in ("csv", "json"):
                    await self._copied(reconciliation_path(month, suffix))
            for digest, (run, invoice_ids) in used.items():
                path = await self._copied(export_part_path(month, digest))
                yield UsedInvoice(run, digest, invoice_ids, path)

    async def _used(self, month: Month) -> dict[str, tuple[str, list[str]]]:
        """The digests of the exports that a month was trued up with, and the period itself compared with."""
        used: dict[str, tuple[str, list[str]]] = {}
        true_up, _ = await TrueUps(self.control).get(month)
        if true_up is not None and (digest := true_up.invoice.get("sha256", "")):
            used[digest] = true_up.invoice.get("run", ""), []
        compared = (await Comparisons(self.control).all()).get(month)
        if compared is not None and compared.sha256 and (month == self.inputs.period or compared.sha256 in used):
            used[compared.sha256] = compared.run, list(compared.invoice_ids)
        return used

    async def _copied(self, path: str) -> str:
        """Where a file of the comparisons is in the evidence; empty where there is none."""
        if path not in await self.compared.paths(path):
            return ""
        copy = evidence_invoice_path(self.inputs.period, name_of(path))
        await self.evidence.write(copy, self.compared.read(path))
        return copy

    async def _record(self, frozen: Mapping[Month, str], invoices: Sequence[UsedInvoice]) -> EvidenceRecord:
        billed = {period_of_charges(stored.path) for stored in self._billed()}
        periods: dict[str, Any] = {
            each.month: msgspec.to_builtins(each)
            for each in await self._closed()
            if each.month in billed and each.state is PeriodState.CLOSED
        }
        true_ups: dict[str, Any] = {}
        for month in (self.inputs.period, *(each.period for each in self.basis.corrected)):
            true_up, _ = await TrueUps(self.control).get(month)
            if true_up is not None:
                true_ups[month] = msgspec.to_builtins(true_up)
        return EvidenceRecord(
            billing_period=self.inputs.period,
            decimals=self.inputs.decimals,
            configuration=self.basis.configuration,
            frozen=dict(frozen),
            previous_manifest=self.inputs.previous_manifest,
            corrected=list(self.basis.corrected),
            documents={PeriodDocuments.kind: periods, TrueUps.kind: true_ups},
            invoices=list(invoices),
            approval=dict(self.basis.approval) if self.basis.approval is not None else None,
            deeds=list(self.inputs.deeds),
            product_version=__version__,
        )


def _said(value: Any) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value, order="deterministic"), indent=1) + b"\n"


def _prices(inputs: PeriodInputs, held: Holdings) -> Iterator[bytes]:
    """The prices of the period with who says so; a price of a corrected month may be of its own configuration."""
    yield csv_line(PRICE_COLUMNS)
    catalogues = (inputs.catalogue, *(each.catalogue for each in inputs.corrected))
    cards = [card for each in catalogues for card in (each.prices, *each.payers.prices.values())]
    known = {price.price_id: price for card in reversed(cards) for dated in card.values() for price in dated}
    for used in held.prices:
        price = known.get(used.price_id)
        bounds = _bounds(price.effective.start, price.effective.end) if price else ("", "")
        numbers = (used.unit_price, used.contracted_unit_price, used.list_unit_price, used.price_unit)
        yield csv_line(
            (
                cell(used.price_id), used.meter, used.currency, *numbers, str(used.quantity), *bounds,
                cell("; ".join(price.said) if price else ""),
            )
        )  # fmt: skip


def _bounds(*moments: Any) -> Iterable[str]:
    return ["" if moment is None else f"{moment:%Y-%m-%dT%H:%MZ}" for moment in moments]


def _rates(inputs: PeriodInputs, held: Holdings) -> Iterator[bytes]:
    yield csv_line(RATE_COLUMNS)
    for rate in held.exchange_rates:
        yield csv_line((rate.currency, inputs.currency, rate.rate, rate.date, cell(rate.source)))
