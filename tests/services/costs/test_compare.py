"""Two spans beside each other: the movers sum to the change, and say why."""

import pytest

from chargeback.domain.access.requester import RowScope
from chargeback.domain.costs.cost_query import CostQuery
from chargeback.domain.costs.dimension import Dimension
from chargeback.domain.errors import InvalidQuery
from chargeback.domain.money.exact import total
from chargeback.domain.time.days import BookDate
from tests.support.cost_views import EVERYTHING, ViewedProduct

pytestmark = pytest.mark.anyio

FEBRUARY = CostQuery(BookDate("2026-02-01"), BookDate("2026-02-28"))
MARCH = CostQuery(BookDate("2026-03-01"), BookDate("2026-03-31"))
APRIL = CostQuery(BookDate("2026-04-01"), BookDate("2026-04-30"))


async def test_the_movers_of_two_months_sum_to_the_change_of_their_printed_costs(viewed: ViewedProduct) -> None:
    compared = await viewed.reader.compare(FEBRUARY, MARCH, (Dimension.COST_CENTRE,), EVERYTHING, 100)

    (change,) = compared.changes
    before, after = [(await viewed.ask(span)).rows[0].cost for span in (FEBRUARY, MARCH)]
    assert (change.currency, change.before, change.after) == ("USD", before, after)
    assert before is not None
    assert after is not None
    assert total([mover.change for mover in change.movers]) == after - before
    assert all(total(list(mover.parts.values())) == mover.change for mover in change.movers)
    assert {mover.kind for mover in change.movers} == {"usage", "shared", "correction"}
    assert compared.before.final
    assert compared.after.final


async def test_movers_are_those_of_the_rows_that_one_may_see(viewed: ViewedProduct) -> None:
    scope = RowScope(cost_centres=frozenset({"research"}))

    compared = await viewed.reader.compare(FEBRUARY, MARCH, (Dimension.COST_CENTRE,), scope)

    (change,) = compared.changes
    assert {mover.key for mover in change.movers if mover.kind == "usage"} == {("research",)}
    assert change.before == (await viewed.ask(FEBRUARY, scope)).rows[0].cost


async def test_whoever_may_see_nothing_has_no_change(viewed: ViewedProduct) -> None:
    compared = await viewed.reader.compare(FEBRUARY, MARCH, (Dimension.MODEL,), RowScope())

    assert compared.changes == []


@pytest.mark.parametrize("by", [(), (Dimension.KIND,), (Dimension.MODEL, Dimension.REGION, Dimension.METER)])
async def test_movers_are_told_apart_by_one_or_two_dimensions(viewed: ViewedProduct, by: tuple[Dimension, ...]) -> None:
    with pytest.raises(InvalidQuery, match="one or two"):
        await viewed.reader.compare(FEBRUARY, MARCH, by, EVERYTHING)


async def test_spans_in_different_currencies_stand_beside_each_other_and_are_not_compared(
    viewed: ViewedProduct,
) -> None:
    compared = await viewed.reader.compare(FEBRUARY, APRIL, (Dimension.MODEL,), EVERYTHING)

    euros, dollars = compared.changes
    assert (euros.currency, euros.before) == ("EUR", None)
    assert {mover.reason for mover in euros.movers if mover.kind == "usage"} == {"new"}
    assert dollars.before is not None
    assert {mover.kind for mover in dollars.movers if mover.after} == {"correction"}


async def test_only_the_largest_changes_are_listed(viewed: ViewedProduct) -> None:
    everything = await viewed.reader.compare(FEBRUARY, MARCH, (Dimension.USER,), EVERYTHING, 100)
    two = await viewed.reader.compare(FEBRUARY, MARCH, (Dimension.USER,), EVERYTHING, 2)

    assert two.changes[0].movers == everything.changes[0].movers[:2]
    assert two.changes[0].total == everything.changes[0].total == len(everything.changes[0].movers)
