"""Where a period's charges wait to be rounded and sorted: DuckDB on disk, so that memory does not grow with the month.

Amounts are DECIMAL(38, 18) throughout, never doubles: exact, or an error. Text is kept once per combination of
dimensions (a place), finished for the CSV; charges refer to it.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from hashlib import blake2b
from importlib.resources import files
from pathlib import Path
from typing import Any

import duckdb

from chargeback.domain.errors import Superseded
from chargeback.domain.meters import UNITS, Meter
from chargeback.domain.money import EXACT, round_to_total, round_total, to_text, total
from chargeback.domain.records import ChargeRow, Part, UsageRecord
from chargeback.domain.report import SUMMARY_METERS, back, cell, front, price_unit

SCALE = 18
"""Decimal places that an amount may have: a price per million has 6, its product with a quantity 12."""

STATES = ("estimated", "exact", "settled", "unpriced", "unsettled")

# Numbers that sort as the texts do.
_METERS = {meter: number for number, meter in enumerate(sorted(Meter))}
_STATES = {state: number for number, state in enumerate(STATES)}

_MAX_PLACES = 200_000
_LOAD_CHARS = 8 * 1024 * 1024
_FETCH_LINES = 4_000
_CSV = (
    "header = false, auto_detect = false, delim = ',', quote = '\"', escape = '\"', new_line = '\\n',"
    " nullstr = '~', allow_quoted_nulls = false"
)
_CHARGES = {
    "day": "VARCHAR",
    "place": "UUID",
    "meter": "UTINYINT",
    "state": "UTINYINT",
    "price": "UINTEGER",
    "quantity": "BIGINT",
    "cost": f"DECIMAL(38, {SCALE})",
}
_TEXTS = {"place": "UUID", "line": "UUID"} | dict.fromkeys(
    ("currency", "centre", "front_key", "back_key", "front", "back"), "VARCHAR"
)

Row = tuple[Any, ...]
Price = tuple[str, Meter, Decimal]


class Staging:
    """One period's charges: `add` them all, `settle` once, then read."""

    def __init__(self, folder: str, *, decimals: int, memory_limit_mb: int) -> None:
        self._folder = Path(folder)
        self._engine = duckdb.connect(
            f"{folder}/publish.duckdb",
            config={
                "memory_limit": f"{memory_limit_mb}MB",
                "temp_directory": f"{folder}/spill",
                "threads": 2,
            },
        )
        self._statements = _statements(decimals)
        self._decimals = decimals
        self._prices: dict[Price, int] = {}
        self._places: set[bytes] = set()
        self._charges: list[str] = []
        self._texts: list[str] = []
        self._chars = 0
        self._engine.execute(self._statements["tables"])

    def close(self) -> None:
        """Let go of the file."""
        self._engine.close()

    def add(self, records: Sequence[UsageRecord]) -> int:
        """Stage the charges of some records; tells how many."""
        before = len(self._charges)
        for record in records:
            for part in record.parts:
                start = f"{part.date},{self._place(record, part)}"
                self._charges += [self._charge(start, record, charge) for charge in part.charges]
        added = len(self._charges) - before
        self._chars += added * 100
        if self._chars >= _LOAD_CHARS:
            self._load()
        return added

    def _place(self, record: UsageRecord, part: Part) -> str:
        """The identity of a record's dimensions, whose texts are staged with its first sight."""
        before, after = front(record, part), back(record.line, part)
        state = record.line.state
        key = blake2b("\1".join((*before, record.currency, state, *after)).encode(), digest_size=16)
        place = key.hexdigest()
        if key.digest() not in self._places:
            if len(self._places) >= _MAX_PLACES:
                self._places.clear()
            self._places.add(key.digest())
            finished = (",".join(map(cell, before)), ",".join(map(cell, after)))
            texts = (
                record.currency,
                part.cost_centre,
                "\1".join(before),
                "\1".join((*after, state)),
                *finished,
            )
            self._texts.append(",".join((place, record.record_id, *map(_quoted, texts))) + "\n")
            self._chars += len(self._texts[-1])
        return place

    def _charge(self, start: str, record: UsageRecord, charge: ChargeRow) -> str:
        price = 0
        if charge.per_million is not None:
            key = (charge.price_id, charge.meter, charge.per_million)
            price = self._prices.setdefault(key, len(self._prices) + 1)
        cost = "~" if charge.cost is None else _exact(charge.cost, record)
        return f"{start},{_METERS[charge.meter]},{_STATES[charge.state]},{price},{charge.quantity},{cost}\n"

    def _load(self) -> None:
        for table, columns, lines in (("charges", _CHARGES, self._charges), ("texts", _TEXTS, self._texts)):
            if lines:
                path = self._folder / f"{table}.csv"
                path.write_text("".join(lines), encoding="utf-8", newline="")
                self._engine.execute(
                    f"INSERT INTO {table} FROM read_csv($path, columns = $columns, {_CSV})",
                    {"path": str(path), "columns": columns},
                )
                path.unlink()
                lines.clear()
        self._chars = 0

    def settle(self) -> None:
        """Round every cost, so that rows sum to their cost centre's amount and these to the total."""
        self._load()
        self._engine.executemany("INSERT INTO prices VALUES (?, ?, ?, ?)", self._price_rows())
        self._engine.executemany(
            "INSERT INTO meters VALUES (?, ?, ?)", [(n, m.value, UNITS[m]) for m, n in _METERS.items()]
        )
        self._engine.executemany("INSERT INTO states VALUES (?, ?)", [(n, state) for state, n in _STATES.items()])
        self._engine.execute(self._statements["places"])
        if twice := self._all("twice"):
            day, line = twice[0]
            raise Superseded(f"the books of {day} changed while they were read: line {line} came twice")
        self._engine.execute(self._statements["rows"])
        missing = self._missing()
        if missing:
            self._engine.executemany("INSERT INTO centres VALUES (?, ?, ?)", missing)
        self._engine.execute(self._statements["printed"])

    def _price_rows(self) -> list[Row]:
        ordered = sorted(self._prices, key=lambda price: (price[0], price[1], price[2]))
        texts = [(f"{to_text(amount)},{price_unit(meter)}", cell(price_id)) for price_id, meter, amount in ordered]
        rows = [
            (self._prices[price], rank, *text) for rank, (price, text) in enumerate(zip(ordered, texts, strict=True), 1)
        ]
        return [(0, 0, ",", ""), *rows]

    def _missing(self) -> list[Row]:
        """By how many units the rounded-down rows of each cost centre fall short of its amount."""
        unit = Decimal(1).scaleb(-self._decimals)
        by_currency: dict[str, list[tuple[str, Decimal, Decimal]]] = {}
        for currency, centre, exact, floors in self._all("centres"):
            by_currency.setdefault(currency, []).append((centre, Decimal(exact), Decimal(floors)))
        missing: list[Row] = []
        for currency, centres in by_currency.items():
            exact = [amount for _, amount, _ in centres]
            amounts = round_to_total(exact, round_total(total(exact), self._decimals), self._decimals)
            for (centre, _, floors), amount in zip(centres, amounts, strict=True):
                missing.append((currency, centre, int(EXACT.divide(EXACT.subtract(amount, floors), unit))))
        return missing

    def lines(self, period: str, day: str) -> Iterator[list[str]]:
        """The day's finished CSV lines, sorted, without line ends."""
        result = self._engine.execute(self._statements["lines"], {"start": f"{period},{day},", "day": day})
        while rows := result.fetchmany(_FETCH_LINES):
            yield [line for (line,) in rows]

    def summary(self) -> list[Row]:
        """By cost centre and currency: cost, requests, the SUMMARY_METERS, rows, unpriced rows, unsettled requests,
        estimated cost."""
        return self._all("summary")

    def states(self) -> list[tuple[str, str, Meter, int, Decimal | None, int]]:
        """Rows, cost and quantity by state, currency and meter."""
        meters = list(_METERS)
        return [
            (STATES[state], currency, meters[meter], *rest) for state, currency, meter, *rest in self._all("states")
        ]

    def prices(self) -> list[tuple[Price, str, Meter, int]]:
        """Each price that was used, with the currency, the meter and the quantity; sorted."""
        meters, prices = list(_METERS), {number: price for price, number in self._prices.items()}
        return sorted(
            (prices[number], currency, meters[meter], quantity)
            for number, currency, meter, quantity in self._all("prices")
        )

    def _all(self, statement: str) -> list[Row]:
        return self._engine.execute(self._statements[statement]).fetchall()


def _statements(decimals: int) -> dict[str, str]:
    sums = ",\n    ".join(
        f"coalesce(sum(quantity) FILTER (meter = {_METERS[meter]}), 0)::HUGEINT" for meter in SUMMARY_METERS
    )
    text = (files("chargeback.services") / "publish.sql").read_text("utf-8")
    unit = f"CAST('{to_text(Decimal(1).scaleb(-decimals))}' AS DECIMAL(38, {decimals}))"
    for name, value in {
        "{scale}": SCALE,
        "{decimals}": decimals,
        "{unit}": unit,
        "{sums}": sums,
        "$requests": _METERS[Meter.REQUESTS],
        "$unpriced": _STATES["unpriced"],
        "$unsettled": _STATES["unsettled"],
        "$estimated": _STATES["estimated"],
    }.items():
        text = text.replace(name, str(value))
    return {name.strip(): body for name, _, body in (part.partition("\n") for part in text.split("-- name:")[1:])}


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _exact(amount: Decimal, record: UsageRecord) -> str:
    """The amount's digits. Raises `ValueError` where DECIMAL(38, 18) cannot hold them all."""
    text = str(amount)
    if len(text) <= SCALE and "E" not in text:
        return text
    text = to_text(amount)
    whole, _, fraction = text.lstrip("-").partition(".")
    if len(fraction) > SCALE or len(whole) > 38 - SCALE:
        raise ValueError(
            f"a cost of line {record.record_id} on {record.day} is {text}:"
            f" it has more than {38 - SCALE} digits or {SCALE} decimals"
        )
    return text
