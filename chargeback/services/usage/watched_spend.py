"""How much each scope that budgets watch spent on a day: one document next to the day's sums, made from its records.

It says what it was made from: the fence of the records, and the digest of the scopes. A document of other scopes is
made again by whoever needs it, so that a new budget sees the past at once; so is one of other records, except where
what the counter has beyond it is added (`spend_beside`).

With it stands what the counter had spent before the lines in the records were read from it: whatever it has beyond that
is not in the books yet. So the two are never less than what was posted and what was counted since. Nothing is added
twice, except where a new set of scopes meets a posting that died halfway: until the next posting.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

import msgspec

from chargeback.domain.budgets.scopes import WatchedScopes
from chargeback.domain.budgets.spend_fields import read_spend_field, spend_fields
from chargeback.domain.errors import Superseded
from chargeback.domain.money.exact import EXACT, ZERO, to_text
from chargeback.domain.rating.usage_record import UsageRecord
from chargeback.domain.time.days import UtcDay
from chargeback.log_line import log_line
from chargeback.services.ports.books import BUDGETS, SUMS, Books
from chargeback.services.ports.control import Document
from chargeback.services.ports.counter import CountedSpend, Counter
from chargeback.services.running.day_fence import fence_of_day
from chargeback.services.usage.day_summary import charges_without_cost

log = logging.getLogger(__name__)

MAX_BYTES = 1_800_000
"""The store takes 2 MB a document. 2 000 cost centres on two dates of the books take 0.6 MB, and 0.8 MB if each has a
cost that is not known.
"""

NOTHING_COUNTED = CountedSpend(None, {})


@dataclass(frozen=True, slots=True)
class Watch:
    """What a posting or an audit knows for the spend of budgets that it writes down.

    Attributes:
        scopes: those that budgets name.
        counted: what the counter had spent before the lines in the records were read from it, without estimates and
            without lines that the books did not take; None where nobody read lines, so that what was known before
            stays.
    """

    scopes: WatchedScopes
    counted: CountedSpend | None = None

    def __bool__(self) -> bool:
        return not self.scopes.is_empty


NO_WATCH = Watch(WatchedScopes(()))


@dataclass(frozen=True, slots=True)
class DaySpend:
    """What the watched scopes spent of a UTC day, as far as it is in the books.

    Attributes:
        fence: that of the records that it was made from; empty where there are none.
        scopes: the digest of the scopes that it was made for.
        currencies: those of the costs, ascending; costs of several have no sum that means anything.
        costs: by field of the spend (`domain.budgets.spend_fields`), exact.
        counted: see `Watch`.
        unknown: by the same fields, the charges whose cost is not known (unpriced, unsettled): what was spent is more.
            None where a document of an older version does not say it.
        token: that of the document that it was read from; None where there is none.
    """

    fence: str
    scopes: str
    currencies: tuple[str, ...]
    costs: Mapping[str, Decimal]
    counted: CountedSpend
    unknown: Mapping[str, int] | None = field(default_factory=dict)
    token: str | None = field(default=None, compare=False)

    def is_made_of(self, fence: str, scopes: WatchedScopes) -> bool:
        """Whether it was made from the records of a fence, for these scopes."""
        return (self.fence, self.scopes) == (fence, scopes.digest)


class WatchedSums:
    """Adds up records by date and scope; with `spend`, beginning with what was added up before for these scopes."""

    def __init__(self, scopes: WatchedScopes, spend: "DaySpend | None" = None) -> None:
        self._scopes = scopes
        self.costs = dict(spend.costs) if spend else {}
        self.currencies = set(spend.currencies) if spend else set()
        self.unknown = dict(spend.unknown or {}) if spend else {}

    def add(self, records: Sequence[UsageRecord]) -> None:
        """Add a page of records."""
        for record in records:
            for part in record.parts:
                cost, without_cost = part.cost, part.without_cost
                if not (cost or without_cost):
                    continue
                fields = spend_fields(part.date, self._scopes.of(record.line, part.cost_centre))
                if cost and fields:
                    self.currencies.add(record.currency)
                    for each in fields:
                        self.costs[each] = EXACT.add(self.costs.get(each, ZERO), cost)
                if without_cost:
                    self._add_unknown(dict.fromkeys(fields, without_cost))

    def _add_unknown(self, charges: Mapping[str, int], sign: int = 1) -> None:
        for each, count in charges.items():
            self.unknown[each] = self.unknown.get(each, 0) + sign * count

    def changed(self, replaced: "WatchedSums", written: "WatchedSums") -> "WatchedSums | None":
        """The sums after some of the records were replaced and others written; None where several currencies meet."""
        found = WatchedSums(self._scopes)
        found.currencies = self.currencies | written.currencies
        for sums, combine in ((self, EXACT.add), (written, EXACT.add), (replaced, EXACT.subtract)):
            for each, amount in sums.costs.items():
                found.costs[each] = combine(found.costs.get(each, ZERO), amount)
        for sums, sign in ((self, 1), (written, 1), (replaced, -1)):
            found._add_unknown(sums.unknown, sign)
        return found if len(found.currencies) <= 1 else None

    def spend(self, fence: str, counted: CountedSpend | None) -> DaySpend:
        """The sums of all that was added."""
        costs = {each: amount for each, amount in self.costs.items() if amount}
        currencies = tuple(sorted(self.currencies)) if costs else ()
        unknown = {each: charges for each, charges in self.unknown.items() if charges}
        return DaySpend(fence, self._scopes.digest, currencies, costs, counted or NOTHING_COUNTED, unknown)


async def refresh_spend(books: Books, day: UtcDay, watch: Watch) -> DaySpend:
    """Write the spend of a day, added up again if it was made from other records or scopes, and return it."""
    while True:
        before = await read_spend(books, day)
        fence = await fence_of_day(books, day)
        unknown = None
        if before is not None and before.is_made_of(fence, watch.scopes):
            unknown = await _unknown_of(books, day, before)
        if before is not None and unknown is not None:
            made = replace(before, counted=watch.counted or NOTHING_COUNTED, unknown=unknown)
        else:
            sums = WatchedSums(watch.scopes)
            async for page in books.records(day):
                sums.add(page)
            made = sums.spend(fence, watch.counted)
        try:
            return await put_spend(books, day, made, before)
        except Superseded:
            continue


async def spend_beside(books: Books, counter: Counter, day: UtcDay, scopes: WatchedScopes) -> DaySpend:
    """The spend of a day for whoever adds what the counter has beyond it: no usage is in both.

    Nobody knows here what the counter had spent before records that were written since the document was. So the
    document stays as it is while it goes with the counter; the posting that wrote the records, or the next one,
    makes it again.
    """
    epoch, known = await counter.epoch(day), await read_spend(books, day)
    if known is not None and known.scopes == scopes.digest and epoch is not None and known.counted.epoch == epoch:
        return known
    return await refresh_spend(books, day, Watch(scopes))


async def read_spend(books: Books, day: UtcDay) -> DaySpend | None:
    """The document of a day."""
    known = await books.summary(day, BUDGETS)
    if known is None:
        return None
    document, token = known
    return DaySpend(
        document["fence"],
        document["scopes"],
        tuple(document["currencies"]),
        {each: Decimal(cost) for each, cost in document["costs"].items()},
        CountedSpend(document["epoch"], document["counted"]),
        document.get("unknown"),
        token,
    )


async def _unknown_of(books: Books, day: UtcDay, spend: DaySpend) -> Mapping[str, int] | None:
    """Which costs are unknown; where a document does not say it, none if the day's sums have none, else None."""
    if spend.unknown is not None:
        return spend.unknown
    sums = await books.summary(day, SUMS)
    is_of_same = sums is not None and sums[0].get("fence") == spend.fence
    return {} if sums is not None and is_of_same and not charges_without_cost(sums[0]["total"]) else None


async def put_spend(books: Books, day: UtcDay, spend: DaySpend, before: DaySpend | None) -> DaySpend:
    """Set the document unless it says the same. Raises `Superseded` if another run set it since.

    What nobody counted again keeps what was known to be counted. A document that is too large is not written, and then
    made from the records each time.
    """
    if spend.counted.epoch is None and before is not None:
        spend = replace(spend, counted=before.counted)
    if spend == before or not spend.fence:
        return spend
    document = _to_document(day, spend)
    size = len(msgspec.json.encode(document))
    if size > MAX_BYTES:
        log_line(log, "budgets_too_large", level=logging.WARNING, day=day, bytes=size, most=MAX_BYTES)
        return spend
    await books.put_summary(day, document, before.token if before else None, BUDGETS)
    return spend


def known_spend(counted: CountedSpend) -> CountedSpend:
    """What is counted without estimates, which no books are compared with, and without fields of older versions."""
    kept = {
        each: amount
        for each, amount in counted.picodollars.items()
        if amount and (known := read_spend_field(each)) and not known.estimated
    }
    return counted._replace(picodollars=kept)


def less(counted: CountedSpend, left_out: Mapping[str, int]) -> CountedSpend:
    """What is counted without a part of it; no field falls below zero."""
    kept = {each: max(amount - left_out.get(each, 0), 0) for each, amount in counted.picodollars.items()}
    return counted._replace(picodollars=kept)


def _to_document(day: UtcDay, spend: DaySpend) -> Document:
    return {
        "day": day,
        "fence": spend.fence,
        "scopes": spend.scopes,
        "currencies": list(spend.currencies),
        "costs": {each: to_text(cost) for each, cost in sorted(spend.costs.items())},
        "epoch": spend.counted.epoch,
        "counted": spend.counted.picodollars,
        "unknown": dict(sorted((spend.unknown or {}).items())),
    }
