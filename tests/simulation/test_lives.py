"""A minute of lives; `python -m tests.simulation` lives as many as there is time for."""

from random import Random

import pytest

from chargeback.domain.usage.meters import Meter
from tests.simulation.lives import At, Life, LifeFailed, busiest, each_call, live, run_alone
from tests.simulation.month import START
from tests.simulation.product import SERVICES

SEED = 30
CALLS = 3
CHOICE = 38
"""Chooses one trouble at a store call of each service, of every kind; `--each-call` lives all of them."""


@pytest.mark.parametrize("seed", range(5))
def test_whatever_overlaps_dies_or_fails_the_books_are_those_of_the_calls(seed: int) -> None:
    live(seed)


def test_a_trouble_at_a_store_call_of_any_service_leaves_the_same_books() -> None:
    every = each_call(SEED, calls=CALLS)
    by_service = [[each for each in every if each.service == service] for service in SERVICES]
    choose = Random(CHOICE)
    troubles = [choose.sample(of_service, 1)[0] for of_service in by_service]

    for trouble in troubles:
        live(SEED, at=trouble, calls=CALLS)

    assert {trouble.kind for trouble in troubles} == {each.kind for each in every}


def test_every_service_calls_stores_so_that_there_is_something_to_trouble() -> None:
    found = busiest(SEED, calls=CALLS)

    assert {service: made > 2 for service, (_, made) in found.items()} == dict.fromkeys(SERVICES, True)


def test_the_oracle_sees_a_call_that_is_counted_twice() -> None:
    life = Life(1, calls=CALLS, at=At("", START, 0, ""))

    async def work() -> None:
        await life.live()
        books = life.simulated.in_memory.books
        day = next(day for day in books.days if books.days[day])
        record = next(iter(books.days[day].values()))
        record.hours[next(iter(record.hours))][Meter.REQUESTS] += 1  # type: ignore[index]
        from tests.simulation.oracle import check

        await check(life.simulated)

    with pytest.raises(AssertionError, match="the books lack"):
        run_alone(work())


def test_a_life_that_fails_says_how_to_live_it_again() -> None:
    class Wrong(Life):
        async def live(self) -> None:
            raise AssertionError("the books are not what callers used")

    with pytest.raises(LifeFailed, match=r"python -m tests\.simulation --seed 5 --lives 1"):
        live(5, make=Wrong)
    with pytest.raises(LifeFailed, match='--seed 5 --calls 3 --at "post 2026-03-30T00:00Z 7 killed before"'):
        live(5, make=Wrong, at=At("post", START, 7, "killed before"), calls=3)
    assert At.read("post 2026-03-30T00:00Z 7 killed before") == At("post", START, 7, "killed before")
