"""Each region hears what changed at once, the rest each minute, and a region that fails keeps no other from it."""

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from chargeback.adapters.memory.gateways import MemoryGateways
from chargeback.domain.budgets.budget import Scope, ScopeKind
from chargeback.domain.budgets.decisions import Product
from chargeback.domain.budgets.state import BooksClock, BudgetState
from chargeback.domain.cost_centres.rules import Rule
from chargeback.domain.time.effective import Effective
from chargeback.services.budgets import push_decisions
from chargeback.services.budgets.push_decisions import DecisionPusher, Decisions
from chargeback.services.budgets.states import Evaluation
from tests.support.conditions import until
from tests.support.decisions import NOW, midnight, read, state

pytestmark = pytest.mark.anyio

STANDARD = Product("standard", frozenset({"search"}))
PREMIUM = Product("premium", frozenset({"support"}))
SEARCH = Scope(ScopeKind.SUBSCRIPTION, "search")


class Budgets:
    """States that a test sets."""

    def __init__(self, *states: BudgetState) -> None:
        self.states = states
        self.evaluated = 0

    async def evaluate(self, now: datetime) -> Evaluation:
        self.evaluated += 1
        await asyncio.sleep(0)
        clock = BooksClock(now, now.date(), midnight, lambda moment: moment.date())
        return Evaluation(clock, self.states, {"lost": "no rate"})


def catalogues(*rules: Rule) -> Any:
    async def current() -> Any:
        return SimpleNamespace(allocation=SimpleNamespace(rules=rules))

    return SimpleNamespace(current=current)


class Pushing:
    """A pusher over regions in memory, with a clock of its own."""

    def __init__(
        self,
        budgets: Budgets,
        *rules: Rule,
        regions: tuple[str, ...] = ("sweden", "virginia"),
        products: Sequence[Product] = (STANDARD, PREMIUM),
    ) -> None:
        self.gateways = MemoryGateways(*regions)
        self.decisions = Decisions(budgets, catalogues(*rules), products)
        self.seconds = 0.0
        self.pusher = DecisionPusher(self.decisions, self.gateways, self.now, lambda: self.seconds)

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.seconds)

    async def push(self, seconds: float) -> tuple[int, dict[str, str]]:
        self.seconds = seconds
        self.gateways.taken.clear()
        pushed = await self.pusher.push()
        return pushed.sent, dict(pushed.failed)


async def test_each_region_hears_of_each_product_what_concerns_it() -> None:
    pushing = Pushing(Budgets(state(SEARCH)))

    assert await pushing.push(0) == (4, {})
    assert list(read(pushing.gateways.known["virginia", "standard"])) == ["subscription/search"]
    assert read(pushing.gateways.known["virginia", "premium"]) == {}


async def test_what_changed_is_sent_at_once_and_the_rest_each_minute() -> None:
    budgets = Budgets()
    pushing = Pushing(budgets)
    await pushing.push(0)
    nothing = await pushing.push(2)
    budgets.states = (state(SEARCH),)
    changed = await pushing.push(4), list(pushing.gateways.taken)
    minute = await pushing.push(60)

    assert nothing == (0, {})
    assert changed == ((2, {}), [("sweden", "standard"), ("virginia", "standard")])
    assert minute == (4, {})
    assert pushing.gateways.known["sweden", "premium"].startswith(f"at={int((NOW.timestamp() + 60) * 1000)};")


async def test_a_region_that_is_away_keeps_no_other_from_its_strings_and_gets_its_own_at_the_next_round() -> None:
    pushing = Pushing(Budgets(state(SEARCH)))
    pushing.gateways.away.add("sweden")
    away = await pushing.push(0)
    pushing.gateways.away.clear()

    assert away == (2, {"sweden": "gateway sweden: is away"})
    assert await pushing.push(2) == (2, {})
    assert ("sweden", "standard") in pushing.gateways.known


async def test_a_region_that_hangs_delays_no_other_and_gets_its_strings_once_it_answers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(push_decisions, "PATIENCE_SECONDS", 0.5)
    budgets = Budgets()
    pushing = Pushing(budgets)
    answers = pushing.gateways.hung["sweden"] = asyncio.Event()
    late = {"sweden": "gateway sweden: takes long to answer"}

    assert await pushing.push(0) == (2, late)
    budgets.states = (state(SEARCH),)
    began = time.monotonic()
    assert await pushing.push(2) == (1, late)
    assert time.monotonic() - began < push_decisions.PATIENCE_SECONDS
    answers.set()
    await until(lambda: ("sweden", "standard") in pushing.gateways.known)

    assert list(read(pushing.gateways.known["sweden", "standard"])) == ["subscription/search"]
    assert await pushing.push(4) == (3, {})
    assert await pushing.push(6) == (0, {})


async def test_what_is_under_way_to_a_region_ends_with_the_app(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(push_decisions, "PATIENCE_SECONDS", 0.01)
    pushing = Pushing(Budgets(state(SEARCH)))
    pushing.gateways.hung["sweden"] = asyncio.Event()
    await pushing.push(0)

    await pushing.pusher.stop()

    assert ("sweden", "standard") not in pushing.gateways.known


async def test_a_string_that_a_region_does_not_take_keeps_no_other_product_from_its_own() -> None:
    products = [Product(f"p{number:02}", frozenset()) for number in range(20)]
    pushing = Pushing(Budgets(), regions=("sweden",), products=products)
    pushing.gateways.refused.add("p00")

    assert await pushing.push(0) == (19, {"sweden": "gateway sweden: takes no p00"})


async def test_what_a_region_took_for_older_than_what_it_knows_is_sent_again_at_the_next_round() -> None:
    pushing = Pushing(Budgets(state(SEARCH)), regions=("sweden",))
    pushing.gateways.ahead.add("sweden")
    await pushing.push(0)
    pushing.gateways.ahead.clear()

    assert await pushing.push(2) == (2, {})


async def test_a_round_sees_what_changed_just_after_another_evaluation() -> None:
    budgets = Budgets()
    pushing = Pushing(budgets)
    await pushing.decisions.decide(NOW)
    budgets.states = (state(SEARCH),)
    await pushing.push(0.3)

    assert list(read(pushing.gateways.known["sweden", "standard"])) == ["subscription/search"]


async def test_a_round_that_waited_for_another_has_a_later_time() -> None:
    budgets = Budgets()
    pushing = Pushing(budgets, regions=("sweden",))
    answers = pushing.gateways.hung["sweden"] = asyncio.Event()
    first = asyncio.create_task(pushing.pusher.push())
    await asyncio.sleep(0.01)
    second = asyncio.create_task(pushing.pusher.push())
    await asyncio.sleep(0.01)
    pushing.seconds = 5
    budgets.states = (state(SEARCH),)
    answers.set()
    await asyncio.gather(first, second)

    assert pushing.gateways.known["sweden", "standard"].startswith(f"at={int((NOW.timestamp() + 5) * 1000)};sub")


async def test_a_round_says_which_regions_did_not_take_their_strings() -> None:
    pushing = Pushing(Budgets(state(SEARCH)))
    whole = await pushing.pusher.push()
    pushing.seconds = 60
    pushing.gateways.away |= {"sweden", "virginia"}
    away = await pushing.pusher.push()

    assert (whole.fault, away.fault) == ("", "gateway sweden: is away; gateway virginia: is away")


async def test_rules_that_are_not_in_force_decide_nothing() -> None:
    centre = state(Scope(ScopeKind.COST_CENTRE, "a"))
    ended = Rule("old", {"subscription": "search"}, "a", Effective(None, NOW - timedelta(days=1)))
    pushing = Pushing(Budgets(centre), ended, Rule("new", {"product": "premium"}, "a"))
    await pushing.push(0)

    assert read(pushing.gateways.known["sweden", "standard"]) == {}
    assert list(read(pushing.gateways.known["sweden", "premium"])) == ["product/premium#0"]


async def test_callers_at_the_same_time_share_one_evaluation() -> None:
    budgets = Budgets()
    decisions = Pushing(budgets).decisions

    found = await asyncio.gather(*(decisions.decide(NOW + timedelta(milliseconds=10 * n)) for n in range(20)))
    await decisions.decide(NOW + timedelta(seconds=2))

    assert budgets.evaluated == 2
    assert {each.unknown for each in found} == {1}
    assert found[0].at == NOW.astimezone(UTC)
