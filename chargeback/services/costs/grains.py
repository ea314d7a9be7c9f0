"""Which columns the files of a month's view have: the same rows, summed by fewer and fewer of them."""

from dataclasses import dataclass
from hashlib import md5
from typing import Final

KEYS: Final[dict[str, str]] = {
    "date": "DATE",  # of the books, always of the month: a correction counts on the first
    "cost_centre": "VARCHAR",
    "application": "VARCHAR",
    "model": "VARCHAR",
    "operation": "VARCHAR",
    "region": "VARCHAR",
    "deployment_type": "VARCHAR",
    "service_tier": "VARCHAR",
    "meter": "VARCHAR",
    "unit": "VARCHAR",
    "state": "VARCHAR",
    "kind": "VARCHAR",
    "currency": "VARCHAR",
    "shared_cost": "VARCHAR",  # of a shared cost: its id
    "corrects_period": "VARCHAR",  # of a correction
    "exchange_rate": "DECIMAL(28, 12)",
    "tenant_id": "VARCHAR",
    "app_id": "VARCHAR",
    "user_object_id": "VARCHAR",
    "user_name": "VARCHAR",  # as calls claim it
}
"""What the rows of a view are told apart by, with the types."""

_OUT = r"unit = 'tokens' AND meter SIMILAR TO 'output.*|reasoning.*'"
_IN = r"unit = 'tokens' AND meter NOT SIMILAR TO 'output.*|reasoning.*|training.*|unknown.*'"

VIEW_SUMS: Final[dict[str, tuple[str, str]]] = {
    "rows": ("BIGINT", "1"),
    "requests": ("BIGINT", "requests"),
    "input_tokens": ("BIGINT", f"CASE WHEN {_IN} THEN quantity ELSE 0 END"),
    "output_tokens": ("BIGINT", f"CASE WHEN {_OUT} THEN quantity ELSE 0 END"),
    "quantity": ("DECIMAL(38, 12)", "quantity"),
    "known_quantity": ("DECIMAL(38, 12)", "CASE WHEN cost IS NULL THEN 0 ELSE quantity END"),
    "cost": ("DECIMAL(38, 12)", "cost"),  # null where none is known
    "exact_cost": ("DECIMAL(38, 18)", "exact_cost"),
    "list_cost": ("DECIMAL(38, 18)", "list_cost"),
    "contracted_cost": ("DECIMAL(38, 18)", "contracted_cost"),
    "unpriced": ("BIGINT", "CASE WHEN state = 'unpriced' THEN 1 ELSE 0 END"),
    "unsettled": ("BIGINT", "CASE WHEN state = 'unsettled' THEN 1 ELSE 0 END"),
    "estimated": ("BIGINT", "CASE WHEN state = 'estimated' THEN 1 ELSE 0 END"),
}
"""What is summed: its type, and what it is for one published row."""

_PEOPLE = ("tenant_id", "app_id", "user_object_id", "user_name")
_KINDS = ("state", "kind", "currency")
_REASONS = ("service_tier", "shared_cost", "corrects_period", "exchange_rate")
"""Only a comparison asks by them."""


_PARTS: Final = 8
"""How many files the people of a month are divided into, so that whoever asks for their own rows reads one of them."""


@dataclass(frozen=True, slots=True)
class Grain:
    """A file of a view, or several that have its rows together.

    Attributes:
        name: that of the file, or what the names of its files begin with.
        keys: what its rows are told apart by.
        order: by which keys they are sorted first, so that few row groups have what is asked; none: as the published
            rows are, by date, or in any order where they are summed, as such a file is read as a whole.
        source: the finer grain that it is made of.
        is_summed: whether rows that have all keys in common are one.
        by_person: whether it has several files: some for verified people, and one for all other rows.
    """

    name: str
    keys: tuple[str, ...]
    order: tuple[str, ...] = ("cost_centre",)
    source: str = "detail"
    is_summed: bool = True
    by_person: bool = False

    @property
    def files(self) -> dict[str, str]:
        """The name of each file → the SQL condition of its rows."""
        if not self.by_person:
            return {self.name: "true"}
        digits = "if(user_object_id = '', '', md5(user_object_id)[1])"
        parts = {f"{self.name}-{part}": f"{digits} IN ({_quoted(part)})" for part in range(_PARTS)}
        return parts | {f"{self.name}-other": f"{digits} = ''"}

    def files_of(self, object_id: str) -> tuple[str, ...]:
        """The names of the files that can have rows of a verified person, or of all files where none is named."""
        if not (self.by_person and object_id):
            return tuple(self.files)
        digit = md5(object_id.encode(), usedforsecurity=False).hexdigest()[0]
        return (f"{self.name}-{int(digit, 16) * _PARTS // 16}",)


def _quoted(part: int) -> str:
    """The first hexadecimal digits of the hashes that a part has."""
    return ", ".join(f"'{digit:x}'" for digit in range(16) if digit * _PARTS // 16 == part)


def _without(*left_out: str) -> tuple[str, ...]:
    return tuple(key for key in KEYS if key not in left_out)


GRAINS: Final = (
    Grain("models-by-day", ("date", "model", *_KINDS), ("date",), source="use-by-day"),
    Grain("centres", ("cost_centre", *_KINDS), source="centres-by-day"),
    Grain("centres-by-day", ("date", "cost_centre", *_KINDS), ("cost_centre", "date"), source="use-by-day"),
    Grain("use-of-all", _without("date", "cost_centre", "application", *_PEOPLE), ("model",), source="use"),
    Grain("users-of-all", ("user_object_id", "user_name", *_KINDS), (), source="users"),
    Grain("use", _without("date", *_PEOPLE)),
    Grain("use-by-day", _without(*_PEOPLE, *_REASONS), ("cost_centre", "date")),
    Grain(
        "people",
        _without(*_REASONS),
        ("user_object_id", "user_name", "app_id", "date"),
        is_summed=False,
        by_person=True,
    ),
    Grain("users", _without("date", *_REASONS)),
    Grain("detail", tuple(KEYS), (), source="", is_summed=False),
)
"""The coarsest first: a question is answered from the first that has all its columns."""

VIEW_FILE_NAMES: Final = tuple(name for grain in GRAINS for name in grain.files)
"""The names of all files of a view."""


def type_of_sum(name: str) -> str:
    """The type of a sum."""
    return VIEW_SUMS[name][0]


def sums(names: tuple[str, ...] = tuple(VIEW_SUMS)) -> str:
    """SQL that adds up rows of a view."""
    return ", ".join(f"sum({name})::{type_of_sum(name)} AS {name}" for name in names)


def sums_of_row() -> str:
    """SQL that makes them of a published row."""
    return ", ".join(f"CAST({of_row} AS {kind}) AS {name}" for name, (kind, of_row) in VIEW_SUMS.items())
