"""Which cost centres get a statement, its columns and rounding, and how long lists of charges are cut into pieces."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import groupby
from typing import NamedTuple

from chargeback.domain.cost_centres.tree import UNALLOCATED, level, with_ancestors
from chargeback.domain.money.currencies import minor_unit_decimals
from chargeback.domain.money.exact import round_to_total, round_total, total
from chargeback.domain.time.days import BookDate

STATEMENT_COLUMNS = (
    "billing_period",
    "charge_date",
    "cost_centre",
    "kind",
    "subscription_id",
    "app_id",
    "user",
    "model",
    "meter",
    "quantity",
    "unit",
    "unit_price",
    "price_unit",
    "pricing_currency",
    "exchange_rate",
    "exchange_rate_date",
    "exchange_rate_source",
    "cost",
    "currency",
    "state",
    "requests",
    "shared_cost",
    "allocation_basis",
    "allocated_ratio",
    "allocation_measure",
    "allocated_use",
    "allocated_use_of_all",
    "origin_unit_price",
    "origin_quantity",
    "origin_unit",
    "corrects_period",
    "corrects_charge_id",
    "correction_reason",
    "operation",
    "provider",
    "deployment",
    "deployment_type",
    "region",
    "service_tier",
    "product_id",
    "company",
    "billing_code",
    "tenant_id",
    "user_object_id",
    "apim_user_id",
    "backend",
    "variant",
    "allocation_rule",
    "price_id",
    "list_unit_price",
    "contracted_unit_price",
    "list_cost",
    "contracted_cost",
    "charge_id",
    "price_verified",
)
"""The columns of `statement-<period>.csv`: first what a reader looks for, then what tells one row from another."""


def covered(charged: Iterable[str]) -> list[str]:
    """Every cost centre that gets a statement: these, those above them, and the unallocated; ascending."""
    centres = {UNALLOCATED, *charged}
    return sorted({each for centre in centres for each in with_ancestors(centre)})


def listed(descendants: Sequence[str], most: int) -> list[str]:
    """The descendants to list: as many levels of the tree as have at most `most` members, but always the first."""
    levels = sorted({level(centre) for centre in descendants}, reverse=True)
    for deepest in levels:
        shown = [centre for centre in descendants if level(centre) <= deepest]
        if len(shown) <= most or deepest == levels[-1]:
            return shown
    return []


def in_cents(costs: Mapping[str, Decimal], decimals: int, currency: str) -> dict[str, Decimal]:
    """The costs of all cost centres in minor units, by largest remainder: what a reader adds up is the total in them.

    Equal remainders are served by path, as in the journal, so that a statement and what is posted show the same.
    `decimals` are the places of the costs; where they are fewer than the currency has, the costs stay as they are.
    """
    places = min(minor_unit_decimals(currency), decimals)
    paths = sorted(costs)
    known = [costs[path] for path in paths]
    return dict(zip(paths, round_to_total(known, round_total(total(known), places), places), strict=True))


class DayRows(NamedTuple):
    """How many rows a cost centre has on a day."""

    centre: str
    date: BookDate
    rows: int


def cut(counts: Sequence[DayRows], limit: int) -> list[list[DayRows]]:
    """Pieces of at most `limit` rows where days allow it, in order: each some whole cost centres, or days of one."""
    pieces: list[list[DayRows]] = []
    size = 0
    for _, group in groupby(counts, key=lambda each: each.centre):
        days = list(group)
        rows = sum(each.rows for each in days)
        if rows > limit:
            pieces.extend(_cut_days(days, limit))
            size = limit + 1
        elif pieces and size + rows <= limit:
            pieces[-1].extend(days)
            size += rows
        else:
            pieces.append(days)
            size = rows
    return pieces


def _cut_days(days: Sequence[DayRows], limit: int) -> Iterator[list[DayRows]]:
    piece: list[DayRows] = []
    for day in days:
        if piece and sum(each.rows for each in piece) + day.rows > limit:
            yield piece
            piece = []
        piece.append(day)
    yield piece
