"""The first sheet: a month on a page, with its headline, what is not final of it, its cost centres and two charts."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from xlsxwriter import Workbook
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from chargeback.domain.money.exact import EXACT
from chargeback.domain.money.numerals import at_places, grouped, said_amount
from chargeback.domain.time.months import Month
from chargeback.services.statements.print_dates import month_name
from chargeback.services.workbook.columns import Type
from chargeback.services.workbook.month_figures import MonthFigures
from chargeback.services.workbook.not_final import what_is_not_final
from chargeback.services.workbook.overview_charts import (
    COLUMN_WIDTH,
    DATA_COLUMN,
    FIRST_COLUMN,
    LAST_COLUMN,
    ChartValues,
    add_charts,
    chart_values,
)
from chargeback.services.workbook.overview_tree import TreeLine, other_budgets, relative_change, tree_lines
from chargeback.services.workbook.paper import set_up
from chargeback.services.workbook.styles import Styles, aligned

NAME = "Summary"

_WIDTHS = (40, 16, 16, 11, 16, 11, 2)
_TREE_COLUMNS = 6
_CHARTS_TOP = 3
_LEAST_ROWS = 36
"""As many rows as the charts reach down."""

_ROW_HEIGHT, _TITLE_HEIGHT, _FIGURE_HEIGHT = 15.0, 28.0, 22.0
_LINE_LETTERS = 105
"""So many letters of a sentence stand on one line."""

_MOST_BUDGETS = 5


class PageCell(NamedTuple):
    """A cell of the page; `across`: over how many columns."""

    value: Any
    style: Format
    across: int = 1


class PageRow(NamedTuple):
    """A row of the page: its cells by column."""

    cells: dict[int, PageCell]
    height: float = _ROW_HEIGHT


def write_overview(book: Workbook, of: MonthFigures, styles: Styles) -> None:
    """Add the sheet."""
    page = book.add_worksheet(NAME)
    values = chart_values(of)
    rows = [*_headline(of, styles), *_not_final(of, styles), *_tree(of, styles)]
    rows += [PageRow({})] * (_LEAST_ROWS - len(rows))
    data = list(_chart_data(values, styles))
    for number, width in enumerate((*_WIDTHS, *[COLUMN_WIDTH] * (LAST_COLUMN - FIRST_COLUMN + 1))):
        page.set_column(number, number, width)
    for number in range(max(len(rows), _CHARTS_TOP + len(data))):
        _write_row(page, number, rows, data)
    add_charts(book, page, NAME, values, top=_CHARTS_TOP, currency=of.frame.currency, axis=styles.axis(of.headline))
    set_up(page, of.frame, lines=1)
    page.print_area(0, 0, len(rows) - 1, LAST_COLUMN)


def _write_row(page: Worksheet, number: int, rows: Sequence[PageRow], data: Sequence[dict[int, PageCell]]) -> None:
    row = rows[number] if number < len(rows) else PageRow({})
    page.set_row(number, row.height)
    beside = data[number - _CHARTS_TOP] if 0 <= number - _CHARTS_TOP < len(data) else {}
    for column, cell in sorted({**row.cells, **beside}.items()):
        if cell.across > 1:
            page.merge_range(number, column, number, column + cell.across - 1, "", cell.style)
        _write(page, number, column, cell)


def _write(page: Worksheet, row: int, column: int, cell: PageCell) -> None:
    """A string as a string, whatever it looks like."""
    if cell.value is None:
        page.write_blank(row, column, None, cell.style)
    elif isinstance(cell.value, datetime):
        page.write_datetime(row, column, cell.value, cell.style)
    elif isinstance(cell.value, str):
        page.write_string(row, column, cell.value, cell.style)
    else:
        page.write_number(row, column, float(cell.value), cell.style)


def _headline(of: MonthFigures, styles: Styles) -> Iterator[PageRow]:
    frame = of.frame
    faint, big = styles.of(**styles.faint), {"bold": True, "font_size": 14, "align": "left"}
    state = "Final: the month is closed" if frame.is_closed else "Provisional: the month is still open"
    approved = f", approved by {frame.standing.approved_by}" if frame.standing.approved_by else ""
    said = f"{state}{approved}. Charged by {frame.issuer.name}; days of {frame.time_zone}."
    title = f"Azure OpenAI charges, {month_name(frame.period)}"
    yield PageRow({0: PageCell(title, styles.of(**styles.title))}, _TITLE_HEIGHT)
    yield PageRow({0: PageCell(said, faint)})
    yield PageRow({})
    number, count = styles.numbers[Type.MONEY], styles.numbers[Type.COUNT]
    change, label = _change(of)
    labels = (f"Charged ({frame.currency})", label, "Calls")
    places = ((0, 1), (1, 3), (4, 2))
    yield PageRow(
        {column: PageCell(text, faint, across) for text, (column, across) in zip(labels, places, strict=True)}
    )
    figures: list[tuple[Any, str]] = [(of.headline, number), (change, styles.change)]
    figures.append((sum(each.requests or 0 for each in of.months.values()), count))
    yield PageRow(
        {
            column: PageCell(figure, styles.of(num_format=form, **big), across)
            for (figure, form), (column, across) in zip(figures, places, strict=True)
        },
        _FIGURE_HEIGHT,
    )
    yield PageRow({})


def _change(of: MonthFigures) -> tuple[Decimal | str, str]:
    """By how much the month before is exceeded, and what to write over it."""
    before = month_name(Month(of.frame.previous_period))
    if not of.is_compared:
        kept = f"kept in {', '.join(of.currencies_before)}" if of.currencies_before else "never published"
        return "unknown", f"Change from {before}: it was {kept}"
    relative = relative_change(of.headline, of.headline_before)
    said = "" if relative is None else f": {at_places(relative * 100, 1, plus=True)} %"
    so_far = "" if of.frame.is_closed else " so far"
    return EXACT.subtract(of.headline, of.headline_before), f"Change from {before}{so_far}{said}"


_RELATIVE = "+0.0%;-0.0%;0.0%"


def _not_final(of: MonthFigures, styles: Styles) -> Iterator[PageRow]:
    heading, said = styles.of(**styles.heading), styles.of(text_wrap=True, valign="top")
    yield PageRow({0: PageCell("What is not final", heading)})
    sentences = list(what_is_not_final(of)) or ["Nothing: no amount rests on estimates, and none is missing."]
    for sentence in sentences:
        lines = -(-len(sentence) // _LINE_LETTERS)
        yield PageRow({0: PageCell(sentence, said, _TREE_COLUMNS)}, lines * _ROW_HEIGHT)
    yield PageRow({})


def _tree(of: MonthFigures, styles: Styles) -> Iterator[PageRow]:
    currency = of.frame.currency
    texts = (
        "Cost centre, with those below it",
        f"Charged ({currency})",
        f"Change ({currency})",
        "Change",
        f"Budget ({currency})",
        "Budget used",
    )
    headers = [styles.header(Type.NAME), *[styles.header(Type.MONEY)] * (_TREE_COLUMNS - 1)]
    yield PageRow(
        {n: PageCell(text, style) for n, (text, style) in enumerate(zip(texts, headers, strict=True))}, 2 * _ROW_HEIGHT
    )
    lines, unlisted = tree_lines(of)
    for line in lines:
        yield PageRow(dict(enumerate(_cells(line, styles))))
    change = EXACT.subtract(of.headline, of.headline_before) if of.is_compared else None
    relative = relative_change(of.headline, of.headline_before) if of.is_compared else None
    whole = TreeLine("The whole month", 0, of.headline, change, relative, None, None)
    yield PageRow(dict(enumerate(_cells(whole, styles, bold=True, top=1))))
    faint = styles.of(**styles.faint)
    if unlisted:
        yield PageRow({0: PageCell(f"{grouped(unlisted)} more are on the sheet Cost centres.", faint)})
    for centre in other_budgets(of, _MOST_BUDGETS):
        assert centre.budget is not None
        said = said_amount(centre.budget.amount, centre.budget.currency)
        yield PageRow({0: PageCell(f"The budget of {centre.name[:60]} is {said}.", faint)})


def _cells(line: TreeLine, styles: Styles, **look: Any) -> Iterator[PageCell]:
    money, right = styles.numbers[Type.MONEY], {**aligned(Type.MONEY), **look}
    over = {"bold": True, "font_color": "#B00020"} if line.used is not None and line.used > 1 else {}
    yield PageCell(line.name, styles.of(indent=line.depth, **look))
    yield PageCell(line.charged, styles.of(num_format=money, **right))
    yield PageCell(line.change, styles.of(num_format=styles.change, **right))
    yield PageCell(line.relative, styles.of(num_format=_RELATIVE, **right))
    yield PageCell(line.budget, styles.of(num_format=money, **right))
    yield PageCell(line.used, styles.of(num_format=styles.numbers[Type.RATIO], **right | over))


def _chart_data(values: ChartValues, styles: Styles) -> Iterator[dict[int, PageCell]]:
    """What the charts are drawn from, beside the page; its first row says so."""
    faint = styles.of(**styles.faint)
    texts = ("Day", "Usage", "Shared costs", "", "Cost centre", "Cost")
    yield {DATA_COLUMN + number: PageCell(text, faint) for number, text in enumerate(texts) if text}
    day, money = (styles.of(num_format=styles.numbers[kind], **styles.faint) for kind in (Type.DATE, Type.MONEY))
    for number in range(max(len(values.days), len(values.centres))):
        cells = {}
        if number < len(values.days):
            date, *amounts = values.days[number]
            cells = {0: PageCell(datetime.fromisoformat(date), day)} | {
                n: PageCell(a, money) for n, a in enumerate(amounts, 1)
            }
        if number < len(values.centres):
            name, cost = values.centres[number]
            cells |= {4: PageCell(name, faint), 5: PageCell(cost, money)}
        yield {DATA_COLUMN + column: cell for column, cell in cells.items()}
