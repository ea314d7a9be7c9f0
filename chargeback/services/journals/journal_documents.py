"""Keeps the record of each journal: what it was made from, its documents, what waits, and what the ERP answered."""

import msgspec

from chargeback.domain.journals.entries import CarriedAmount, JournalDocument
from chargeback.domain.time.months import Month
from chargeback.services.ports.control import Control

KIND = "journal"


class ErpAnswer(msgspec.Struct, frozen=True, rename="camel"):
    """What the ERP answered to a document: the number that it gave, and the date of its posting."""

    document: str
    erp_number: str
    posted: str
    by: str
    at: str


class CurrencySums(msgspec.Struct, frozen=True, rename="camel"):
    """The sums of a journal in a currency, exact decimal text; `charged` + `waited` = `posted` + `waiting`.

    Attributes:
        printed: what the files of the period charge.
        charged: the same in minor units.
        waited: what earlier periods carried into this one.
        posted: what the cost centres are charged.
        waiting: what is carried into the next period.
    """

    currency: str
    printed: str
    charged: str
    waited: str
    posted: str
    waiting: str


class JournalRecord(msgspec.Struct, frozen=True, rename="camel"):
    """A journal.

    Attributes:
        name: the period, for an accrual with its date.
        until: the date of an accrual; empty for the charges of a closed period.
        version: name of the stored configuration whose posting rules made it.
        manifest: SHA-256 of the manifest of the files that it was made from.
        approved_by: who approved the period before it was closed; empty where nobody was asked.
        path, sha256: its file.
        is_filed: whether the file is in its place.
        answers: what the ERP answered; only ever added to.
    """

    name: str
    period: Month
    until: str
    version: str
    manifest: str
    approved_by: str
    path: str
    sha256: str
    documents: tuple[JournalDocument, ...]
    sums: tuple[CurrencySums, ...]
    carried: tuple[CarriedAmount, ...] = ()
    is_filed: bool = False
    made_at: str = ""
    answers: tuple[ErpAnswer, ...] = ()

    def answer_to(self, document: str) -> ErpAnswer | None:
        """What the ERP answered to a document."""
        return next((each for each in self.answers if each.document == document), None)


class JournalRecords:
    """The only owner of the documents of this kind."""

    def __init__(self, control: Control) -> None:
        self._control = control

    async def get(self, name: str) -> tuple[JournalRecord | None, str | None]:
        """A journal with the token of its document; None and None where there is none."""
        known = await self._control.get_versioned(KIND, name)
        return (msgspec.convert(known[0], JournalRecord), known[1]) if known else (None, None)

    async def swap(self, record: JournalRecord, after: str | None) -> str:
        """Set a journal. Raises `Superseded` if another run set it since `after`."""
        return await self._control.swap(KIND, record.name, msgspec.to_builtins(record), after)

    async def all(self) -> list[JournalRecord]:
        """Every journal, by name."""
        return [msgspec.convert(document, JournalRecord) for document in await self._control.all(KIND)]


def accrual_name(period: Month, until: str) -> str:
    """The name of an accrual's record."""
    return f"{period}-accrual-{until}"
