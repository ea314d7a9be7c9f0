"""What is asked of the costs, checked before anything is read."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from chargeback.domain.costs.dimension import Dimension
from chargeback.domain.errors import InvalidQuery
from chargeback.domain.reports.rows import KINDS
from chargeback.domain.time.days import BookDate
from chargeback.domain.time.months import YEARS, Month, month_of, months_between
from chargeback.domain.usage.states import LineState

MOST_DIMENSIONS = 4
"""A breakdown by more has nearly as many rows as the files, which are there for that."""

MOST_DAYS = 1100
"""Three years."""

MOST_VALUES = 100
"""The most values of one filter."""

LONGEST_VALUE = 400

MOST_LEVELS = 20

MOST_ROWS_OF_PAGE = 50_000

_KNOWN = {Dimension.KIND: KINDS, Dimension.STATE: tuple(state.value for state in LineState)}


class Granularity(StrEnum):
    """Which time a row of an answer stands for: the whole span, a month or a date of the books."""

    NONE = "none"
    MONTH = "month"
    DAY = "day"


class RowOrder(StrEnum):
    """Which rows of an answer come first: those of earlier times and smaller values, or those that cost most."""

    KEY = "key"
    COST = "cost"


@dataclass(frozen=True, slots=True)
class Paging:
    """Which rows of an answer are given.

    Attributes:
        offset: how many rows come before them.
        size: how many are given at most.
    """

    offset: int = 0
    size: int = 1000

    def __post_init__(self) -> None:
        if not (self.offset >= 0 and 1 <= self.size <= MOST_ROWS_OF_PAGE):
            raise InvalidQuery({"top": f"ask for 1 to {MOST_ROWS_OF_PAGE} rows at once"})


FIRST_PAGE = Paging()


@dataclass(frozen=True, slots=True)
class CostQuery:
    """A question about costs. Raises `InvalidQuery` with everything that is wrong with it.

    Attributes:
        first, last: dates of the books, both included. A correction counts on the first date of the month that bills
            it, whatever date it corrects; every other charge on its own date.
        filters: dimension → the values of which a row has one. A cost centre also stands for all below it, and a user
            for the object id as well as for the name that calls claim.
        group_by: what the rows of the answer are told apart by, in addition to currency and time.
        granularity: which time they stand for.
        levels: cut cost centres that rows are grouped by after so many components; 0: not at all.
        order: which come first.
    """

    first: BookDate
    last: BookDate
    filters: Mapping[Dimension, tuple[str, ...]] = field(default_factory=dict)
    group_by: tuple[Dimension, ...] = ()
    granularity: Granularity = Granularity.NONE
    levels: int = 0
    order: RowOrder = RowOrder.KEY

    def __post_init__(self) -> None:
        if faults := dict(self._faults()):
            raise InvalidQuery(faults)

    @property
    def months(self) -> list[Month]:
        """The months that the span touches, ascending."""
        return months_between(month_of(self.first), month_of(self.last))

    def _faults(self) -> Iterator[tuple[str, str]]:
        yield from span_faults(self.first, self.last)
        if len(self.group_by) > MOST_DIMENSIONS:
            yield "group_by", f"group by {MOST_DIMENSIONS} dimensions at most; every row is in the files of the month"
        if len({*self.group_by}) < len(self.group_by):
            yield "group_by", "names a dimension twice"
        if not 0 <= self.levels <= MOST_LEVELS:
            yield "levels", f"is not from 0 to {MOST_LEVELS}"
        for dimension, values in self.filters.items():
            yield from ((dimension.value, fault) for fault in _value_faults(dimension, values))


def cost_query(first: str, last: str, filters: Mapping[str, Sequence[str]], group_by: Sequence[str]) -> CostQuery:
    """The question of somebody who writes names of dimensions. Raises `InvalidQuery`."""
    unknown = [name for name in (*filters, *group_by) if name not in {*Dimension}]
    if unknown:
        names = ", ".join(Dimension)
        raise InvalidQuery(dict.fromkeys(unknown, f"is not a dimension: these are {names}"))
    return CostQuery(
        BookDate(first),
        BookDate(last),
        {Dimension(name): tuple(values) for name, values in filters.items()},
        tuple(map(Dimension, group_by)),
    )


def span_faults(first: str, last: str) -> Iterator[tuple[str, str]]:
    """What is wrong with a span of dates: where, and what."""
    faults = {name: _date_fault(said) for name, said in (("first", first), ("last", last))}
    yield from ((name, fault) for name, fault in faults.items() if fault)
    if not any(faults.values()):
        days = (date.fromisoformat(last) - date.fromisoformat(first)).days + 1
        if days < 1:
            yield "last", f"{last} lies before {first}"
        elif days > MOST_DAYS:
            yield "last", f"{days} days are too many: ask for {MOST_DAYS} at most"


def _date_fault(said: str) -> str:
    try:
        known = date.fromisoformat(said)
    except ValueError:
        known = None
    if known is None or known.isoformat() != said:
        return f"{said!r} is not a date such as 2026-03-31"
    return "" if known.year in YEARS else f"{said} is not between {YEARS.start} and {YEARS.stop - 1}"


def _value_faults(dimension: Dimension, values: tuple[str, ...]) -> Iterator[str]:
    if not values:
        yield "names no value"
    if len(values) > MOST_VALUES:
        yield f"name {MOST_VALUES} values at most, not {len(values)}"
    if any(len(value) > LONGEST_VALUE for value in values):
        yield f"has a value of more than {LONGEST_VALUE} characters"
    known = _KNOWN.get(dimension)
    if known and (others := [value for value in values if value not in known]):
        yield f"{others[0]!r} is not one of {', '.join(known)}"
