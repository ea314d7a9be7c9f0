"""Rounds what a period charges to minor units of the currency and decides what is too small to be posted now.

The total of a currency is rounded half to even, the cost centres to that total and their lines to the cost centre, each
by largest remainder. A correction that takes back the whole of what was posted takes back exactly that.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

from chargeback.domain.errors import InconsistentFile, PostingRefused
from chargeback.domain.journals.entries import CarriedAmount, EntryType, JournalLine
from chargeback.domain.journals.posting_rules import CentrePosting, PostingRules
from chargeback.domain.money.currencies import minor_unit_decimals
from chargeback.domain.money.exact import EXACT, ZERO, round_to_total, round_total, to_text, total
from chargeback.domain.time.calendar import Calendar
from chargeback.domain.time.days import BookDate, shifted
from chargeback.domain.time.effective import hour_name
from chargeback.domain.time.months import NO_MONTH, Month, dates_of


@dataclass(frozen=True, slots=True)
class ChargedSum:
    """What a cost centre is charged for a date: as printed in the files of the period, with the markup in it.

    Attributes:
        kind: `usage` or `shared`; for a correction, what it corrects.
        corrects_period: the closed period that it corrects; empty for the period's own.
    """

    cost_centre: str
    kind: str
    corrects_period: Month
    date: BookDate
    currency: str
    cost: Decimal
    markup: Decimal


@dataclass(frozen=True, slots=True)
class TargetAmount:
    """An amount in minor units and where it is posted to; `since`: the period it was carried from, if it was."""

    target: CentrePosting
    cost_centre: str
    kind: str
    corrects_period: Month
    date: BookDate
    currency: str
    amount: Decimal
    markup: Decimal
    since: Month = NO_MONTH

    @property
    def is_credit(self) -> bool:
        """Whether it takes back what an earlier period charged, by a credit note of its own.

        One that was too small for that and has waited is a line of a charge, with which it may become large enough.
        """
        return bool(self.corrects_period) and self.amount < 0 and not self.since


SumKey = tuple[str, str, Month, str]
"""Cost centre, kind, period and currency of what was posted."""

PostedPlace = tuple[str, str, str]
"""Company, type of the ERP object and object that something was posted to."""


@dataclass(frozen=True, slots=True)
class PostedBefore:
    """What earlier journals have posted for the periods that are corrected.

    Attributes:
        amounts: what is posted for a period now, corrections included, by where it was posted to.
        documents: the ids of all documents.
        of_centre: the document that first charged a cost centre for a period.
    """

    amounts: Mapping[SumKey, Mapping[PostedPlace, Decimal]] = field(default_factory=dict)
    documents: frozenset[str] = frozenset()
    of_centre: Mapping[SumKey, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RoundedPeriod:
    """The amounts of a period that are posted, and those that wait."""

    posted: Sequence[TargetAmount]
    waiting: Sequence[TargetAmount]

    def carried(self) -> list[CarriedAmount]:
        """What waits, as it is kept for the next period."""
        return [
            CarriedAmount(
                each.cost_centre,
                each.kind,
                each.corrects_period,
                each.date,
                each.currency,
                to_text(each.amount),
                to_text(each.markup),
                each.since,
            )
            for each in self.waiting
        ]


class Targets:
    """Finds where amounts are posted to, and collects what nobody has said a target for.

    `until`: the date of the posting.
    """

    def __init__(self, rules: PostingRules, calendar: Calendar, until: BookDate) -> None:
        self._rules = rules
        self._calendar = calendar
        self.moment = last_hour(calendar, until)
        self._known: dict[tuple[str, BookDate], CentrePosting | None] = {}
        self._missing: dict[tuple[str, BookDate, str], Decimal] = {}

    def of(self, cost_centre: str, date: BookDate, currency: str, amount: Decimal) -> CentrePosting | None:
        """Where a charge of a date is posted to; None is noted for `require_all`."""
        key = (cost_centre, date)
        if key not in self._known:
            self._known[key] = self._rules.target(cost_centre, last_hour(self._calendar, date), self.moment)
        if self._known[key] is None:
            missing = (cost_centre, date, currency)
            self._missing[missing] = EXACT.add(self._missing.get(missing, ZERO), amount)
        return self._known[key]

    def require_all(self, period: Month) -> None:
        """Raise `PostingRefused` with each cost centre that has no target, and its amount."""
        centres: dict[tuple[str, str], list[tuple[BookDate, Decimal]]] = defaultdict(list)
        for (centre, date, currency), amount in self._missing.items():
            centres[(centre, currency)].append((date, amount))
        reasons = [
            f"costCentres: no entry for {centre!r} or above it on {min(costs)[0]}; it has"
            f" {to_text(total([cost for _, cost in costs]))} {currency}"
            for (centre, currency), costs in sorted(centres.items())
        ]
        if self._rules.issuer(self.moment) is None:
            reasons.append(f"issuing: no entry is in force at {hour_name(self.moment)}")
        if reasons:
            raise PostingRefused(period, reasons)


def last_hour(calendar: Calendar, date: BookDate) -> datetime:
    """The last whole hour of a date of the books: what is in force then holds for the date."""
    after = calendar.midnight(shifted(date, 1))
    return after - timedelta(hours=1)


def in_minor_units(
    period: Month,
    sums: Sequence[ChargedSum],
    targets: Targets,
    rules: PostingRules,
    carried: Iterable[CarriedAmount] = (),
    before: PostedBefore | None = None,
    *,
    carries: bool = True,
) -> RoundedPeriod:
    """What is posted for a period and what waits; `carries`: whether small amounts may wait.

    Raises `PostingRefused` where a cost centre has no target.
    """
    exact = _exact(sums, targets)
    waited = list(_waited(carried, targets))
    targets.require_all(period)
    amounts = [*_shared_out(exact, before or PostedBefore()), *waited]
    if not carries:
        return RoundedPeriod([each for each in amounts if each.amount], [])
    found = _apart(amounts, rules, targets, period)
    _require_whole(sums, found, waited)
    return found


def _exact(sums: Sequence[ChargedSum], targets: Targets) -> list[TargetAmount]:
    """The sums by target, kind and corrected period; each with its first date."""
    found: dict[tuple[object, ...], TargetAmount] = {}
    for each in sorted(sums, key=lambda one: (one.currency, one.cost_centre, one.kind, one.corrects_period, one.date)):
        target = targets.of(each.cost_centre, each.date, each.currency, each.cost)
        if target is None:
            continue
        account = target.account(each.kind, is_correction=bool(each.corrects_period))
        key = (
            each.currency, each.cost_centre, each.kind, each.corrects_period,
            target.company, target.object_type, target.object, account, target.tax_code,
        )  # fmt: skip
        if (known := found.get(key)) is None:
            found[key] = TargetAmount(
                target, each.cost_centre, each.kind, each.corrects_period, each.date, each.currency, each.cost,
                each.markup,
            )  # fmt: skip
        else:
            cost, markup = EXACT.add(known.amount, each.cost), EXACT.add(known.markup, each.markup)
            found[key] = replace(known, amount=cost, markup=markup)
    return list(found.values())


def _waited(carried: Iterable[CarriedAmount], targets: Targets) -> Iterator[TargetAmount]:
    for each in carried:
        amount, markup = Decimal(each.amount), Decimal(each.markup)
        target = targets.of(each.cost_centre, each.date, each.currency, amount)
        if target is not None:
            yield TargetAmount(
                target, each.cost_centre, each.kind, each.corrects_period, each.date, each.currency, amount, markup,
                each.since,
            )  # fmt: skip


def _shared_out(exact: Sequence[TargetAmount], before: PostedBefore) -> list[TargetAmount]:
    by_currency: dict[str, dict[str, list[TargetAmount]]] = defaultdict(lambda: defaultdict(list))
    for each in exact:
        by_currency[each.currency][each.cost_centre].append(each)
    found: list[TargetAmount] = []
    for currency, centres in by_currency.items():
        decimals = minor_unit_decimals(currency)
        whole = [total([each.amount for each in lines]) for lines in centres.values()]
        parts = round_to_total(whole, round_total(total(whole), decimals), decimals)
        markups = [each.markup for lines in centres.values() for each in lines]
        marked = iter(round_to_total(markups, round_total(total(markups), decimals), decimals))
        for lines, part in zip(centres.values(), parts, strict=True):
            amounts = round_to_total([each.amount for each in lines], part, decimals)
            found += _mirrored(
                lines,
                [
                    replace(each, amount=amount, markup=next(marked))
                    for each, amount in zip(lines, amounts, strict=True)
                ],
                before,
            )
    return found


def _mirrored(exact: Sequence[TargetAmount], lines: Sequence[TargetAmount], before: PostedBefore) -> list[TargetAmount]:
    """The lines of a cost centre, where a correction that is what was posted but for its rounding is exactly that.

    The differences, each less than a minor unit, are together an amount of the cost centre of its own.
    """
    alike = Counter((line.kind, line.corrects_period) for line in lines)
    found: list[TargetAmount] = []
    rest: list[TargetAmount] = []
    for whole, line in zip(exact, lines, strict=True):
        posted = _taken_back(whole, before, is_alone=alike[(line.kind, line.corrects_period)] == 1)
        if posted and (difference := EXACT.add(line.amount, posted)):
            found.append(replace(line, amount=-posted))
            rest.append(replace(line, corrects_period=NO_MONTH, amount=difference, markup=ZERO))
        else:
            found.append(line)
    if net := total([each.amount for each in rest]):
        found.append(replace(rest[0], amount=net))
    return found


def _taken_back(whole: TargetAmount, before: PostedBefore, *, is_alone: bool) -> Decimal:
    """What was posted, where a correction takes back the whole of it; else 0.

    `is_alone`: whether the cost centre's correction goes to one place, as after a move everything goes to a successor.
    """
    if not whole.corrects_period:
        return ZERO
    key = (whole.cost_centre, whole.kind, whole.corrects_period, whole.currency)
    posted = before.amounts.get(key, {})
    of_place = posted.get((whole.target.company, whole.target.object_type, whole.target.object), ZERO)
    unit = Decimal(1).scaleb(-minor_unit_decimals(whole.currency))
    for amount in (of_place, *([total(list(posted.values()))] if is_alone else [])):
        if abs(EXACT.add(whole.amount, amount)) < unit:
            return amount
    return ZERO


def _apart(amounts: Sequence[TargetAmount], rules: PostingRules, targets: Targets, period: Month) -> RoundedPeriod:
    """What is posted, and what waits: all that a cost centre has in a document, where it is too small together."""
    issuer = rules.issuer(targets.moment)
    parts: dict[tuple[str, str, str, Month], list[TargetAmount]] = defaultdict(list)
    for each in amounts:
        if each.amount:
            of = each.corrects_period if each.is_credit else NO_MONTH
            parts[(each.currency, each.target.company, each.cost_centre, of)].append(each)
    posted: list[TargetAmount] = []
    waiting: list[TargetAmount] = []
    for (currency, *_), part in parts.items():
        smallest = issuer.smallest.get(currency, ZERO) if issuer else ZERO
        if total([abs(each.amount) for each in part]) < smallest:
            waiting += [replace(each, since=each.since or period) for each in part]
        else:
            posted += part
    return RoundedPeriod(posted, waiting)


def _require_whole(sums: Sequence[ChargedSum], found: RoundedPeriod, waited: Sequence[TargetAmount]) -> None:
    """Nothing may be lost or made: what is posted and what waits is what the period charged and what had waited."""
    for currency in sorted({each.currency for each in sums} | {each.currency for each in waited}):
        charged = total([each.cost for each in sums if each.currency == currency])
        had_waited = total([each.amount for each in waited if each.currency == currency])
        given = total([each.amount for each in (*found.posted, *found.waiting) if each.currency == currency])
        if given != EXACT.add(round_total(charged, minor_unit_decimals(currency)), had_waited):
            raise InconsistentFile(
                f"the journal has {given} {currency} of a period that charges {charged}, with {had_waited} carried"
            )


def last_date(period: Month) -> BookDate:
    """The date that the charges of a period are posted on."""
    return dates_of(period)[-1]


def posted_before(lines: Iterable[JournalLine]) -> PostedBefore:
    """What the lines of earlier journals, in their order, have posted."""
    amounts: dict[SumKey, dict[PostedPlace, Decimal]] = {}
    of_centre: dict[SumKey, str] = {}
    documents: set[str] = set()
    for line in lines:
        documents.add(line.document_id)
        if not line.cost_centre or line.type is EntryType.CARRY:
            continue
        key = (line.cost_centre, line.kind, line.corrects_period or line.period, line.currency)
        place = (line.company, line.object_type, line.object)
        posted = amounts.setdefault(key, {})
        posted[place] = EXACT.add(posted.get(place, ZERO), line.amount)
        of_centre.setdefault(key, line.document_id)
    return PostedBefore(amounts, frozenset(documents), of_centre)
