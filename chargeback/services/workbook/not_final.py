"""Says what is not final of a month, in sentences; nothing where all of it is."""

from collections.abc import Iterator

from chargeback.domain.money.exact import total
from chargeback.domain.money.numerals import grouped, said_amount
from chargeback.domain.reports.standing import InvoiceCheck
from chargeback.services.statements.print_dates import month_name
from chargeback.services.workbook.month_figures import MonthFigures

_INVOICE = {
    InvoiceCheck.NOT_COMPARED: "The provider's invoice was not compared with it yet.",
    InvoiceCheck.INCOMPLETE: "The provider's invoice does not know all of the month yet.",
    InvoiceCheck.DIFFERS: "The provider's invoice differs from it by more than is tolerated.",
}
_MOST_TEXT = 300


def what_is_not_final(of: MonthFigures) -> Iterator[str]:
    """A sentence for each reason why the amounts may not be the last word."""
    frame, months = of.frame, of.months.values()
    if not frame.is_closed:
        until = f" The last usage counted so far is of {of.last_day}." if of.last_day else ""
        yield f"{month_name(frame.period)} is not closed: every amount may still change.{until}"
    if unpriced := _sum(each.unpriced for each in months):
        yield f"Usage without a price is in no amount: {_rows(unpriced)}. See the sheet Open items."
    if unsettled := _sum(each.unsettled for each in months):
        yield f"Calls whose tokens are not known yet are in no amount: {grouped(unsettled)}. See the sheet Open items."
    if estimated := total(each.estimated for each in months if each.estimated is not None):
        yield f"{said_amount(estimated, frame.currency)} of it rest on estimates."
    for currency, cost in of.elsewhere.items():
        yield (
            f"Corrections of months that were kept in {currency} come in addition: {said_amount(cost, currency)}."
            " See the sheet Other currencies."
        )
    if invoice := _INVOICE.get(frame.standing.invoice):
        yield invoice
    for deed in frame.standing.overrides:
        yield _clipped(f"{deed.by} closed the month in spite of what kept it open. Reason: {deed.reason}")


def _sum(numbers: Iterator[int | None]) -> int:
    return sum(each for each in numbers if each)


def _rows(number: int) -> str:
    return f"{grouped(number)} {'row' if number == 1 else 'rows'}"


def _clipped(text: str) -> str:
    return text if len(text) <= _MOST_TEXT else f"{text[: _MOST_TEXT - 1]}…"
