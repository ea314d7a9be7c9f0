"""Overrides are on record for ever, and the last one made is the one that counts."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargeback.adapters.config.catalogue import load_catalogue
from chargeback.adapters.memory.stores import MemoryCatalogues, MemoryControl
from chargeback.domain.budgets.budget import Override
from chargeback.domain.errors import ChargebackError, Superseded
from chargeback.domain.terms.terms import Terms
from chargeback.services.budgets.overrides import BudgetOverrides, MadeOverride, OverrideHistory, OverrideRequest
from chargeback.services.ports.control import Document
from stack.example import EXAMPLE_CONFIG
from tests.support.budgets import monthly

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
CATALOGUE = load_catalogue(EXAMPLE_CONFIG)


def overrides(control: MemoryControl | None = None) -> BudgetOverrides:
    terms = Terms(budgets=[monthly("product", 100, 80), monthly("product/search", 100, 80)])
    return BudgetOverrides(control or MemoryControl(), MemoryCatalogues(CATALOGUE, settled_by=terms))


def request(
    amount: str = "50", budget: str = "product", until: datetime = NOW + 3 * DAY, **said: str
) -> OverrideRequest:
    return OverrideRequest(budget, Decimal(amount), until, said.get("by", "ada"), said.get("reason", "a launch"))


async def test_an_override_holds_from_when_it_is_made_until_its_end() -> None:
    kept = overrides()

    made = await kept.make(request(), NOW)

    (found,) = await kept.all()
    assert found == Override("product", made.amount, made.start, made.until, made.by, made.reason)
    assert (made.amount, made.by, made.reason) == (Decimal(50), "ada", "a launch")
    assert [found.holds(NOW - HOUR), found.holds(NOW), found.holds(NOW + 3 * DAY)] == [False, True, False]


async def test_a_second_override_ends_the_first_and_both_stay_on_record() -> None:
    kept = overrides()

    await kept.make(request("50"), NOW)
    await kept.make(request("70", until=NOW + 9 * DAY), NOW + DAY)

    first, second = await kept.all()
    assert (first.amount, first.until) == (Decimal(50), NOW + DAY)
    assert (second.amount, second.until) == (Decimal(70), NOW + 9 * DAY)
    (history,) = await kept.histories()
    assert [each.until for each in history.made] == [NOW + 3 * DAY, NOW + 9 * DAY]


async def test_an_override_of_nothing_ends_the_one_in_force_alone() -> None:
    kept = overrides()

    await kept.make(request("50"), NOW)
    await kept.make(request("0"), NOW + DAY)

    assert sum(each.amount for each in await kept.all() if each.holds(NOW + DAY)) == 0
    with pytest.raises(ChargebackError, match="no override is in force that it could end"):
        await kept.make(request("0", until=NOW + 3 * DAY), NOW + 2 * DAY)


async def test_budgets_above_and_below_each_other_have_histories_of_their_own() -> None:
    kept = overrides()

    await kept.make(request("50"), NOW)
    await kept.make(request("-20", "product/search"), NOW)

    assert {each.budget: each.amount for each in await kept.all()} == {
        "product": Decimal(50),
        "product/search": Decimal(-20),
    }


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (request(budget="nobody"), "is no budget that holds now or later; there are: product, product/search"),
        (request(until=NOW), "is over: an override ends in the future"),
        (request(until=NOW + 367 * DAY), "may last 366 days at most"),
        (request("0"), "changes nothing"),
        (request("0.001"), "is no amount of money with two places"),
        (request("NaN"), "is no amount of money"),
        (request("1000000000000"), "is no amount of money"),
        (request(by=" "), "says who made it and why"),
        (request(reason=""), "says who made it and why"),
        (request(reason="a\nb"), "1000 printable characters at most"),
        (request(reason="x" * 1001), "1000 printable characters at most"),
    ],
)
async def test_an_override_that_makes_no_sense_is_refused(asked: OverrideRequest, reason: str) -> None:
    kept = overrides()

    with pytest.raises(ChargebackError, match=reason):
        await kept.make(asked, NOW)

    assert await kept.histories() == []


async def test_an_override_that_somebody_makes_at_the_same_time_is_not_lost() -> None:
    class Racing(MemoryControl):
        """Another person is faster once."""

        raced = False

        async def swap(self, kind: str, name: str, document: Document, after: str | None) -> str:
            if not self.raced:
                self.raced = True
                await overrides(self).make(request("7", by="bob"), NOW - HOUR)
                raise Superseded("bob was faster")
            return await super().swap(kind, name, document, after)

    kept = overrides(Racing())

    await kept.make(request("50"), NOW)

    assert [(each.by, each.amount) for each in await kept.all()] == [("bob", Decimal(7)), ("ada", Decimal(50))]


@given(st.lists(st.tuples(st.integers(1, 5), st.integers(1, 9)), max_size=8), st.integers(-2, 60))
def test_at_most_one_override_is_in_force_and_it_is_the_last_one_made(made: list[tuple[int, int]], hour: int) -> None:
    start, entries = NOW, list[MadeOverride]()
    for pause, length in made:
        start += pause * HOUR
        entries.append(MadeOverride(Decimal(len(entries) + 1), start, start + length * HOUR, "ada", "why"))
    moment = NOW + hour * HOUR

    found = [each for each in OverrideHistory("b", tuple(entries)).in_effect() if each.holds(moment)]

    last = next((each for each in reversed(entries) if each.start <= moment), None)
    expected = [last.amount] if last is not None and moment < last.until else []
    assert [each.amount for each in found] == expected
