"""Records what the ERP answered to a document: once, and never another answer."""

from datetime import datetime

from msgspec.structs import replace

from chargeback.domain.errors import ChargebackError, PeriodClosed, Superseded
from chargeback.domain.journals.entries import EntryType
from chargeback.services.journals.journal_documents import ErpAnswer, JournalRecord, JournalRecords

_LONGEST = 60


async def confirm_document(records: JournalRecords, answer: ErpAnswer, now: datetime) -> tuple[JournalRecord, bool]:
    """The journal with the answer, and whether it was there before; `answer.posted` is a date.

    Raises `ChargebackError` where no journal has the document, `PeriodClosed` where the ERP answered otherwise before.
    """
    number = answer.erp_number.strip()
    if not number or not number.isprintable() or len(number) > _LONGEST:
        raise ChargebackError(f"{answer.erp_number!r} is not a number of 1 to {_LONGEST} letters and digits")
    answer = replace(answer, erp_number=number, at=now.isoformat())
    name = await _journal_of(records, answer.document)
    while True:
        record, token = await records.get(name)
        assert record is not None, "a journal is never removed"
        if known := record.answer_to(answer.document):
            if (known.erp_number, known.posted) == (answer.erp_number, answer.posted):
                return record, True
            raise PeriodClosed(
                f"{answer.document} was confirmed as {known.erp_number}, posted on {known.posted}, and keeps that:"
                " what the ERP posts in its place is a document of the ERP's own"
            )
        confirmed = replace(record, answers=(*record.answers, answer))
        try:
            await records.swap(confirmed, token)
        except Superseded:
            continue
        return confirmed, False


async def _journal_of(records: JournalRecords, document: str) -> str:
    for record in await records.all():
        for each in record.documents:
            if each.id != document:
                continue
            if each.type is EntryType.CARRY:
                raise ChargebackError(f"{document} says what waits for the next month; no ERP posts it")
            return record.name
    raise ChargebackError(
        f"no journal has a document {document!r}: `chargeback postings show PERIOD` lists those of a month"
    )
