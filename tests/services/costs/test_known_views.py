"""How far the figures of some months together can be relied on."""

import pytest

from chargeback.adapters.memory.stores import MemoryControl
from chargeback.domain.periods.lifecycle import PeriodState
from chargeback.domain.time.months import Month
from chargeback.services.costs.known_views import KnownViews
from chargeback.services.costs.view_pointers import ViewPointers
from tests.support.closing_product import ClosingProduct

pytestmark = pytest.mark.anyio


async def test_a_span_that_goes_on_after_the_months_that_are_known_is_not_final(months: ClosingProduct) -> None:
    """Its next month will be in it: a month is known once the books have begun it."""
    pointers = ViewPointers(months.control)
    closed = [each for each in await pointers.all() if each.state is PeriodState.CLOSED]
    control = MemoryControl()
    for each in closed:
        await ViewPointers(control).swap(each, None)
    known = KnownViews(ViewPointers(control))
    last, later_month = closed[-1].month, Month("2026-04")

    whole, longer, later = [await known.of([*some]) for some in ((last,), (last, later_month), (later_month,))]

    assert (whole.standing.final, whole.standing.state) == (True, PeriodState.CLOSED)
    assert (longer.standing.final, longer.standing.state) == (False, PeriodState.OPEN)
    assert (later.standing.final, later.standing.state) == (False, PeriodState.OPEN)
    assert longer.of(last).final
