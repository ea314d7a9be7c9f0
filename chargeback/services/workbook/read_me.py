"""The last sheet: how to read the workbook."""

from textwrap import wrap

from xlsxwriter import Workbook

from chargeback.domain.reports.layout import chargeback_path, manifest_path, name_of
from chargeback.services.publishing.period_tables import PeriodFrame
from chargeback.services.workbook.paper import set_up
from chargeback.services.workbook.styles import Styles

_WIDTH = 120
_LINE_LETTERS = 118
_LINE_HEIGHT, _BETWEEN = 13.5, 6

READ_ME = (
    "Chargeback of {period}. The period is {state}.",
    "Costs are in {currency}. Where many charges are summed they are shown as they are paid; each cell has all "
    "{decimals} decimal places, so that lines add up to their totals. Days are those of the time zone {zone}.",
    "Excel keeps about 15 digits of a number. For every digit, take the CSV files; "
    "{manifest} says what they hold, and its totals are those of this workbook.",
    "Each sheet but the first and this one is a table with a name of its own, such as CostCentres, to filter, to sort "
    "and to name in formulas. Its totals follow the filter.",
    "Summary: the month on a page. Its amounts are rounded so that those of all cost centres add up, as on their "
    "statements.",
    "Cost centres: the cost of each one by itself, and with those below it. The column that includes these is not "
    "added up, because it contains amounts several times.",
    "Shared costs: what was split between cost centres, and each one's part.",
    "Corrections: the difference from what closed periods were billed. A closed period itself never changes. "
    "Those of periods that were kept in another currency are on the sheet Other currencies, with totals of their own.",
    "Open items: usage that has no cost yet, because its price is missing (unpriced) or its quantities are not "
    "known yet (unsettled). It is in no total, and it is not free of charge.",
    "Charges: the month without its days, users and claims; {every_row} has every row. Columns that only serve to look "
    "something up are not printed.",
)


def write_read_me(book: Workbook, frame: PeriodFrame, styles: Styles) -> None:
    """Add the sheet."""
    page = book.add_worksheet("Read me")
    page.set_column(0, 0, _WIDTH)
    set_up(page, frame, lines=len(READ_ME))
    page.print_area(0, 0, len(READ_ME) - 1, 0)
    wrapped = styles.of(text_wrap=True, valign="top")
    state = "closed: these figures do not change any more" if frame.is_closed else "open: these figures still change"
    named = {
        "period": frame.period,
        "state": state,
        "currency": frame.currency,
        "zone": frame.time_zone,
        "decimals": frame.decimals,
        "manifest": name_of(manifest_path(frame.period)),
        "every_row": name_of(chargeback_path(frame.period)),
    }
    for row, text in enumerate(READ_ME):
        said = text.format(**named)
        page.set_row(row, _BETWEEN + _LINE_HEIGHT * len(wrap(said, _LINE_LETTERS)))
        page.write_string(row, 0, said, wrapped)
