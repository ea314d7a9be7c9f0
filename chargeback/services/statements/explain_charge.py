"""Says on the first page of a statement how its amount came about: prices, parts of shared costs, markups, budgets.

What is printed in cents elsewhere is computed here from exact amounts; the steps of a chain are rounded like the rows,
and what that leaves is a step of its own, so that they sum to what was charged.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Context, Decimal

from chargeback.domain.budgets.budget import Budget
from chargeback.domain.journals.documents import document_name
from chargeback.domain.money.exact import EXACT, ZERO, round_total, total
from chargeback.domain.money.numerals import grouped
from chargeback.domain.reports.figures import ChainPart, Figures, PricedUse, SharedPart
from chargeback.domain.terms.shared_costs import IDLE
from chargeback.domain.terms.terms import ExchangeRate
from chargeback.services.publishing.period_tables import PeriodFrame
from chargeback.services.statements.print_numbers import percent

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_DIVISION = Context(prec=60)
_ONE = Decimal(1)
_KINDS = {"usage": "Usage", "shared": "Shared costs", "correction": "Corrections"}
_UNITS = {
    "tokens": "tokens",
    "capacity": "weighted input tokens",
    "requests": "calls",
    "cost": "cost of the calls",
    "quantity": "units",
}


@dataclass(frozen=True, slots=True)
class SharedShare:
    """A cost centre's part of a shared cost in this month and the one before; None where it has none then."""

    now: SharedPart | None
    before: SharedPart | None

    @property
    def part(self) -> SharedPart:
        """The one that there is; this month's where there are both."""
        found = self.now or self.before
        assert found is not None
        return found

    @property
    def measure(self) -> str:
        """What use is measured in, in words; empty where use does not decide."""
        return _UNITS.get(self.part.measure, "")

    @property
    def is_idle(self) -> bool:
        """Whether it is the part that nobody used."""
        return self.part.meter == IDLE


def shared_shares(figures: Figures) -> list[SharedShare]:
    """The parts of both months beside each other, the costliest first."""
    now = {(each.shared_cost, each.meter): each for each in figures.shared}
    before = {(each.shared_cost, each.meter): each for each in figures.shared_before}
    found = [SharedShare(now.get(key), before.get(key)) for key in {**now, **before}]
    return sorted(found, key=lambda each: (-(each.now.cost if each.now else ZERO), each.part.shared_cost))


def why_it_moved(share: SharedShare, *, is_compared: bool) -> str:
    """One sentence on what the part is made of, and what changed; empty where there is nothing to say."""
    now, before = share.now, share.before
    if now is None:
        return "it was not charged to you this month."
    if before is None:
        return "it was not charged to you the month before." if is_compared else ""
    if before.ratio == now.ratio and before.whole == now.whole:
        return "your part and the whole are as they were the month before."
    said = [_moved("what nobody used is" if share.is_idle else "your part is", before.ratio, now.ratio)]
    if now.own_use is not None and before.own_use is not None and now.measure == before.measure and not share.is_idle:
        said.append(f"you used {_change(before.own_use, now.own_use)}")
        said.append(f"all together used {_change(_used(before), _used(now))}")
    if now.whole != before.whole:
        said.append(f"the whole costs {_change(before.whole, now.whole)}")
    return f"{said[0]}: {', '.join(said[1:])}." if said[1:] else f"{said[0]}."


def _moved(what: str, before: Decimal, now: Decimal) -> str:
    said = f"{what} {_percent(now)}"
    if before == now:
        return f"{said}, as before"
    return f"{said}, after {_percent(before)}"


def _used(part: SharedPart) -> Decimal:
    """How much all together used, without what stayed idle."""
    return EXACT.subtract(part.use_of_all or ZERO, part.idle_use or ZERO)


def _percent(ratio: Decimal) -> str:
    return percent(ratio, _ONE)


def _change(before: Decimal, now: Decimal) -> str:
    """In words, because two long numbers are hard to compare: they stand in the table."""
    if before == now:
        return "as much as before"
    if not before:
        return "more than before, which was nothing"
    more = _DIVISION.divide(EXACT.subtract(now, before), abs(before))
    return f"{percent(abs(more), _ONE)} {'more' if more > 0 else 'less'} than before"


def one_unit(prices: Sequence[PricedUse]) -> tuple[str, str] | None:
    """Currency and unit of all prices; None where they differ."""
    units = {(each.currency, each.price_unit) for each in prices if each.currency and each.price_unit}
    return units.pop() if len(units) == 1 else None


@dataclass(frozen=True, slots=True)
class ChainStep:
    """A step from published prices to what was charged: its amount for each kind of charge, and in all."""

    name: str
    amounts: Sequence[Decimal]
    sum: Decimal


@dataclass(frozen=True, slots=True)
class ChargeChain:
    """All steps, in the order in which prices come about, and the kinds of charges that there are."""

    kinds: Sequence[str]
    steps: Sequence[ChainStep]
    charged: ChainStep


def charge_chain(parts: Sequence[ChainPart], places: int) -> ChargeChain | None:
    """The steps, rounded to the places of the rows; None where nothing was charged."""
    found = [part for kind in _KINDS for part in parts if part.kind == kind]
    if not found:
        return None
    columns = [_column(part, places) for part in found]
    names = ("At published prices", "Negotiated discounts", "Markup", "Rounding of the rows")
    steps = [_step(name, [column[place] for column in columns]) for place, name in enumerate(names)]
    kept = [step for place, step in enumerate(steps) if place == 0 or any(step.amounts)]
    return ChargeChain([_KINDS[part.kind] for part in found], kept, _step("Charged", [part.cost for part in found]))


def _column(part: ChainPart, places: int) -> list[Decimal]:
    listed = round_total(part.listed, places)
    discount = round_total(EXACT.subtract(part.contracted, part.listed), places)
    markup = round_total(EXACT.subtract(part.charged, part.contracted), places)
    return [listed, discount, markup, EXACT.subtract(part.cost, total([listed, discount, markup]))]


def _step(name: str, amounts: Sequence[Decimal]) -> ChainStep:
    return ChainStep(name, amounts, total(amounts))


@dataclass(frozen=True, slots=True)
class BudgetUse:
    """How much of a budget was used.

    Attributes:
        used, limit: both in `currency`.
        rate: what one of them was converted at; None where the budget is in the currency of the books.
    """

    used: Decimal
    limit: Decimal
    currency: str
    rate: ExchangeRate | None = None


def budget_use(budget: Budget | None, cost: Decimal, frame: PeriodFrame) -> BudgetUse | None:
    """How much of a budget a cost uses; None without a budget, or where no exchange rate is known."""
    if budget is None:
        return None
    if budget.currency == frame.currency:
        return BudgetUse(cost, budget.amount, frame.currency)
    rate = frame.budget_rates.get(budget.currency)
    if rate is None:
        return None
    if rate.to_currency == frame.currency:
        return BudgetUse(cost, EXACT.multiply(budget.amount, rate.rate), frame.currency, rate)
    return BudgetUse(EXACT.multiply(cost, rate.rate), budget.amount, budget.currency, rate)


@dataclass(frozen=True, slots=True)
class PostedTo:
    """Where charges of a cost centre are booked.

    Attributes:
        document: once the period is closed.
        may_wait: whether the cost centre is charged so little that it may be booked with a later period.
    """

    company: str
    object_type: str
    object: str
    document: str
    may_wait: bool = False


def posted_to(path: str, charged: Decimal, frame: PeriodFrame) -> Sequence[PostedTo]:
    """The companies and objects of a cost centre during the period, in their order; empty where nobody says."""
    if (rules := frame.posting) is None:
        return ()
    last = frame.end - _HOUR
    issuer = rules.issuer(last)
    may_wait = issuer is not None and abs(charged) < issuer.smallest.get(frame.currency, ZERO)
    days = (frame.end - frame.start) // _DAY
    found: dict[PostedTo, None] = {}
    for moment in (*(frame.start + day * _DAY for day in range(days)), last):
        if target := rules.target(path, moment, last):
            document = document_name(frame.period, target.company) if frame.is_closed else ""
            found[PostedTo(target.company, target.object_type, target.object, document, may_wait)] = None
    return tuple(found)


def whole_of(part: SharedPart) -> str:
    """`37 200 PTU-hours at 1.00 USD`; empty where the file does not say."""
    if part.price is None or part.quantity is None or part.unit in ("", "units"):
        return ""
    unit = part.unit.removesuffix("s") if part.quantity == 1 else part.unit
    return f"{grouped(part.quantity)} {unit} at {grouped(part.price)} {part.currency}"
