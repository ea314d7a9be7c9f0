"""What somebody looks at in Explore: the parameters of its address, as the question that the API is asked by them.

A field of a form that is left blank says nothing, so a value that is empty, such as the application of a call that
nobody made, has a parameter of its own: `without=application`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlencode

from chargeback.api.costs.asked import SPAN
from chargeback.api.costs.names import FILTERS, DimensionName
from chargeback.api.errors import ErrorDetail, ErrorText
from chargeback.domain.errors import InvalidConfig
from chargeback.domain.time.months import Month, dates_of
from chargeback.web.api_client import ApiRefused

WITHOUT = "without"
ROWS_OF_PAGE = "100"

_OTHER_NAMES = {other: name for name, (other, _) in SPAN.items()} | {
    other: each.name for each in FILTERS.values() for other in each.others
}
_OF_PAGE = ("month", WITHOUT, "compare", "cursor", "maxpagesize", "groupBy", "granularity", "orderBy", "levels")
_ARRANGING = ("groupBy", "granularity", "orderBy", "levels")
_NOT_OVER_TIME = ("orderBy", "levels")

CostParameters = dict[str, list[str]]
"""The parameters of a question to the API."""


@dataclass(frozen=True, slots=True)
class CostView:
    """A view of the costs.

    Attributes:
        said: the parameters as they were given, in their order, without blank ones.
    """

    said: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, given: Iterable[tuple[str, str]]) -> "CostView":
        """The view that an address names; other names of a parameter count as its own."""
        return cls(tuple((_OTHER_NAMES.get(name, name), value) for name, value in given if value))

    def all(self, name: str) -> list[str]:
        """The values of a parameter."""
        return [value for known, value in self.said if known == name]

    def one(self, name: str) -> str:
        """The value of a parameter; empty if it is not there."""
        return next(iter(self.all(name)), "")

    def putting(self, **values: str | Iterable[str]) -> "CostView":
        """The same with other values of some parameters, on its first page; none: without them."""
        wanted = {name: [value] if isinstance(value, str) else [*value] for name, value in values.items()}
        kept = [(name, value) for name, value in self.said if name not in wanted and name != "cursor"]
        return CostView.of([*kept, *((name, value) for name, some in wanted.items() for value in some)])

    def only(self, name: DimensionName, value: str) -> "CostView":
        """The same where a dimension has one value."""
        without = [each for each in self.all(WITHOUT) if each != name]
        return self.putting(**{name: value, WITHOUT: without if value else [*without, name]})

    def dropping(self, name: str, value: str) -> "CostView":
        """The same without one value of a parameter, on its first page."""
        return CostView(tuple(each for each in self.said if each != (name, value) and each[0] != "cursor"))

    def address(self, path: str = "/explore") -> str:
        """Where it is looked at."""
        return f"{path}?{urlencode(self.said)}" if self.said else path

    @property
    def group_by(self) -> list[str]:
        """What rows are told apart by; as the API does, by cost centre unless something else or a time is named."""
        return self.all("groupBy") or ([] if self.is_over_time else [DimensionName.COST_CENTRE])

    @property
    def is_over_time(self) -> bool:
        """Whether rows stand for days or months."""
        return self.one("granularity") not in ("", "none")

    @property
    def levels(self) -> int:
        """After how many components cost centres are cut; 0: not at all."""
        said = self.one("levels")
        return 0 if self.is_over_time or not (said.isascii() and said.isdecimal()) else int(said)

    @property
    def path(self) -> str:
        """Which route of the API answers it."""
        return "/costs/series" if self.is_over_time else "/costs/breakdown"

    def span_and_filters(self) -> CostParameters:
        """Which costs are asked for, for any route. Raises `ApiRefused` for a month that is not one."""
        asked: CostParameters = self._month()
        for name, value in self.said:
            if name not in _OF_PAGE:
                asked.setdefault(name, []).append(value)
        for name in self.all(WITHOUT):
            asked.setdefault(name, []).append("")
        return asked

    def dates(self) -> CostParameters:
        """The first and the last date, as a form has them: as they were given, or those of the month."""
        try:
            asked = self._month()
        except ApiRefused:
            asked = {}
        return asked or {name: self.all(name) for name in ("startDate", "endDate")}

    def question(self) -> CostParameters:
        """The question, with all its rows. Raises `ApiRefused` likewise."""
        unable = _NOT_OVER_TIME if self.is_over_time else ("granularity",)
        arranged = {name: self.all(name) for name in _ARRANGING if name not in unable}
        return self.span_and_filters() | {name: values for name, values in arranged.items() if values}

    def page_asked(self) -> CostParameters:
        """The question about the page that is looked at: the cursor of a later one has the whole question in it."""
        if cursor := self.all("cursor"):
            return {"cursor": cursor}
        return self.question() | {"maxpagesize": self.all("maxpagesize") or [ROWS_OF_PAGE]}

    def _month(self) -> CostParameters:
        months = self.all("month")
        if not months:
            return {}
        if len(months) > 1 or self.one("startDate") or self.one("endDate"):
            raise _wrong("RepeatedParameter", "give one month, or dates")
        try:
            dates = dates_of(Month(months[0]))
        except InvalidConfig:
            raise _wrong("InvalidParameter", f"{months[0]!r} is not a month such as 2026-03") from None
        return {"startDate": [dates[0]], "endDate": [dates[-1]]}


def _wrong(code: str, message: str) -> ApiRefused:
    details = (ErrorDetail(code, message, "month"),)
    return ApiRefused(400, ErrorText(code, f"month: {message}", "month", details), "")
