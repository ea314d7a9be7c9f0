"""How soon people read that a step is reached: from the call that spends to the message in the channel, on the stack."""

import asyncio
import time
from statistics import median

import aiohttp

from benchmarks.budget_load import DEAR, Caller
from scripts.showcase.told import message_with
from scripts.showcase.trials import CHANNEL, centre_of
from stack.stack import Stack

WITHIN = 60.0
"""Seconds that the product promises."""


async def told(stack: Stack, rounds: int) -> None:
    """Pass a limit with one call, and wait for the message; each budget has rounds of its own."""
    taken: list[float] = []
    async with aiohttp.ClientSession() as session:
        for number in range(rounds):
            code = f"ROUND-{number}"
            # Another beginning each time: a prompt that the model has cached costs too little.
            status, error = await Caller(stack, session, code).call(f"{code}. {DEAR}")
            assert status == 200, error
            answered = time.perf_counter()
            message = await asyncio.to_thread(message_with, stack, CHANNEL, f"{centre_of(code)} has reached 100 %")
            assert message is not None, f"nobody was told of {code}"
            taken.append(time.perf_counter() - answered)
    late = sum(each > WITHIN for each in taken)
    print(
        f"spending to message in a channel: median {median(taken):.2f} s, {min(taken):.2f} to {max(taken):.2f} s of"
        f" {rounds} budgets; {late} after more than {WITHIN:g} s"
    )
