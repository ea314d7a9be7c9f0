"""How long budgets take: `python -m benchmarks.budgets evaluate`, `latency`, `overrun` or `told`, over servers of its own.

`evaluate` says how 2 000 monthly budgets of 2 000 cost centres stand, with a month of days posted and the open ones
counted: first with nothing known, as after a start, and then again and again.
`latency` says how soon a call is refused after the one that passed a limit, on the whole stack, and what takes how long.
`overrun` measures that, and then how far 200 callers at once overrun a limit, beside the bound.
`told` says how soon people read in a channel that a limit is passed.
"""

import argparse
import asyncio
import os
import random
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from statistics import median

from benchmarks.budget_load import latency, overrun, write_config
from benchmarks.budget_messages import told
from benchmarks.synthetic import event
from chargeback.adapters.memory.stores import MemoryCatalogues
from chargeback.bootstrap import Container, open_container
from chargeback.domain.budgets.budget import Scope, ScopeKind, plain_budget
from chargeback.domain.budgets.spend_fields import spend_fields
from chargeback.domain.events.usage_event import EVER, UsageEvent, read_event
from chargeback.domain.terms.terms import Terms
from chargeback.domain.time.days import UtcDay, book_namesake, days_between, shifted, utc_day
from chargeback.domain.time.effective import Effective
from chargeback.process import prepare_process
from chargeback.services.budgets.forecasts import Forecasts
from chargeback.services.budgets.spend import BudgetSpend
from chargeback.services.budgets.states import BudgetStates
from chargeback.services.ports.counter import CountedSpend, EstimatedEvent
from chargeback.services.running.day_fence import fence_of_day
from chargeback.services.usage.ingest import open_days
from chargeback.services.usage.watched_spend import DaySpend, known_spend, put_spend
from chargeback.settings import read_settings
from stack.services import SERVICES
from stack.stack import Stack

CENTRES = [f"company/unit-{number % 40:02}/team-{number:04}" for number in range(2_000)]
BEGAN = Effective(datetime(2024, 1, 1, tzinfo=UTC))
PLAIN = [plain_budget(centre, Decimal(100), "USD", map(Decimal, (50, 80, 100))) for centre in CENTRES]
TERMS = Terms(budgets=[replace(each, effective=BEGAN) for each in PLAIN])
NOW = datetime.now(UTC).replace(hour=12)
DAYS = 31


async def evaluate(rounds: int) -> None:
    """Print how long evaluations take."""
    async with open_container(read_settings()) as container:
        catalogues = MemoryCatalogues(container.catalogues.deployed, settled_by=TERMS)
        for day in days_between(shifted(utc_day(NOW), -DAYS), utc_day(NOW)):
            await fill(container, day)
        spend = BudgetSpend(container.books, container.counter, no_posting)
        states = BudgetStates(catalogues, spend, container.budget_overrides, Forecasts())
        taken = []
        for _ in range(rounds + 1):
            start = time.perf_counter()
            evaluation = await states.evaluate(NOW)
            taken.append(time.perf_counter() - start)
            assert len(evaluation.states) == len(CENTRES)
            assert all(state.spend.known for state in evaluation.states)
        print(f"{len(CENTRES):,} budgets: first {taken[0]:.2f} s, then {median(taken[1:]):.2f} s (median of {rounds})")


async def fill(container: Container, day: UtcDay) -> None:
    """A day that is posted; an open one also has calls that came since."""
    fields = {centre: spend_fields(book_namesake(day), [Scope(ScopeKind.COST_CENTRE, centre)]) for centre in CENTRES}
    counted = CountedSpend(None, {})
    if day in open_days(NOW):
        rng = random.Random(day)
        events = [read_event(event(number, rng, lines=1, day=day), EVER) for number in range(2 * len(CENTRES))]
        scopes = {each.call: fields[CENTRES[number % len(CENTRES)]] for number, each in enumerate(events)}

        def spend(each: UsageEvent) -> EstimatedEvent:
            return EstimatedEvent(each, scopes[each.call], 10**9)

        await container.counter.count(day, events[: len(CENTRES)], spend)
        counted = known_spend(await container.counter.spend(day))
        await container.counter.count(day, events[len(CENTRES) :], spend)
    await container.books.write(day, 0, None, (counted.epoch, "digest"), ())
    costs = {field: Decimal("0.001") for (field,) in fields.values()}
    fence = await fence_of_day(container.books, day)
    await put_spend(container.books, day, DaySpend(fence, TERMS.watched.digest, ("USD",), costs, counted), None)


async def no_posting(day: UtcDay) -> None:
    raise AssertionError(f"{day} was counted and posted")


async def load(stack: Stack, rounds: int, *, is_overrun: bool) -> None:
    """Print how soon budgets refuse, and how far one is overrun."""
    measured = await latency(stack, rounds)
    if is_overrun:
        await overrun(stack, measured)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True, dest="command")
    for command in ("evaluate", "latency", "overrun", "told"):
        commands.add_parser(command).add_argument("--rounds", type=int, default=10)
    arguments = parser.parse_args()
    prepare_process()
    if arguments.command == "evaluate":
        with Stack(services=["redis", "blob", "cosmos", "identity"]) as stack:
            os.environ.update(stack.env)
            asyncio.run(evaluate(arguments.rounds))
        return
    with tempfile.TemporaryDirectory() as name:
        config = {"CHARGEBACK_CONFIG_DIR": str(write_config(Path(name, "config"), arguments.rounds))}
        with Stack(services=SERVICES, extra_env=config) as stack:
            os.environ.update(stack.env, **config, NO_PROXY="127.0.0.1")
            if arguments.command == "told":
                asyncio.run(told(stack, arguments.rounds))
            else:
                asyncio.run(load(stack, arguments.rounds, is_overrun=arguments.command == "overrun"))


if __name__ == "__main__":
    main()
