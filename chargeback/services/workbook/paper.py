"""How sheets are printed: on A4 across, as wide as the paper, with a number on each page."""

from xlsxwriter.worksheet import Worksheet

from chargeback.services.publishing.period_tables import PeriodFrame
from chargeback.services.statements.print_dates import month_name

_A4 = 9
_MARGINS = {"left": 0.5, "right": 0.5, "top": 0.75, "bottom": 0.6}
_ALL_PAGES = 0
_LINES_OF_A_PAGE = 45


def set_up(page: Worksheet, frame: PeriodFrame, *, lines: int) -> None:
    """Set up a sheet for printing: on one page if so many lines fit on it, else on as many as they need."""
    state = "final" if frame.is_closed else "provisional"
    page.set_landscape()
    page.set_paper(_A4)
    page.set_margins(**_MARGINS)
    page.fit_to_pages(1, 1 if lines <= _LINES_OF_A_PAGE else _ALL_PAGES)
    page.set_header(f"&L&8Chargeback, {month_name(frame.period)}, {state}&R&8&A")
    page.set_footer("&R&8&P / &N")
    page.hide_gridlines(2)
