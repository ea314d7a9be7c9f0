"""Whether the invoice keeps a period from closing: it is not complete, or differs from what the books will charge.

Asked only where exports arrive at all, so that books without one close as before.
"""

import math
from collections.abc import Iterator
from decimal import Decimal

from chargeback.domain.invoice.reconciliation import ReconciliationRules
from chargeback.domain.money.exact import EXACT
from chargeback.domain.money.numerals import bare_amount, said_amount
from chargeback.domain.periods.obstacles import ObstacleKind
from chargeback.domain.periods.open_items import Excess
from chargeback.domain.time.months import Month
from chargeback.services.ports.control import Control
from chargeback.services.reconciling.reconciled_documents import Compared, Comparisons
from chargeback.services.reconciling.true_up_documents import TrueUp, TrueUps

_AGAIN = "run `chargeback reconcile {} --true-up`, or see why they differ"


async def against_invoice(
    control: Control, period: Month, rules: ReconciliationRules, published: Decimal | None = None
) -> list[Excess]:
    """Reasons to keep a period open; `published`: the sum of its files at contracted prices, once they are made."""
    known = await Comparisons(control).all()
    if not known:
        return []
    compared = known.get(period)
    if compared is None or not compared.is_final:
        return [
            Excess(
                ObstacleKind.INVOICE,
                f"its invoice is not complete: {_why(compared)}",
                f"wait {rules.lag_hours} hours after its end for the export, then `chargeback reconcile {period}`",
                {"invoice": 1},
            )
        ]
    true_up, _ = await TrueUps(control).get(period)
    now = Decimal(compared.published) if published is None else published
    return [*_stale(period, true_up, now), *_beyond(period, compared, true_up, rules, now)]


def _why(compared: Compared | None) -> str:
    return f"the run {compared.run} does not cover all of it" if compared else "no export of it was compared yet"


def _stale(period: Month, true_up: TrueUp | None, now: Decimal) -> Iterator[Excess]:
    if true_up is None or true_up.amount is None or not true_up.published:
        return
    moved = EXACT.subtract(now, Decimal(true_up.published))
    if moved:
        yield Excess(
            ObstacleKind.TRUE_UP,
            f"its books changed by {said_amount(moved, true_up.currency)} since its true-up was set by {true_up.by}",
            _AGAIN.format(period),
            {"true-up": _cents(moved)},
        )


def _beyond(
    period: Month, compared: Compared, true_up: TrueUp | None, rules: ReconciliationRules, now: Decimal
) -> Iterator[Excess]:
    """What remains between invoice and chargeback; a true-up subtracts by itself what the books learn after it."""
    rest = compared.variance(now)
    if true_up is not None and true_up.amount is not None:
        since = EXACT.subtract(now, Decimal(true_up.published)) if true_up.published else Decimal(0)
        rest = EXACT.add(EXACT.subtract(rest, Decimal(true_up.amount)), since)
    if rules.exceeded_by(rest, Decimal(compared.invoiced)):
        yield Excess(
            ObstacleKind.VARIANCE,
            f"the invoice of {said_amount(Decimal(compared.invoiced), compared.currency)} is"
            f" {bare_amount(abs(rest), compared.currency)}"
            f" {'above' if rest > 0 else 'below'} the chargeback; allowed are {rules.percent} % or {rules.absolute}"
            f" {compared.currency}",
            _AGAIN.format(period),
            {"variance": _cents(rest)},
        )


def _cents(amount: Decimal) -> int:
    return math.ceil(abs(amount) * 100)
