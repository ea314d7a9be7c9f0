"""Runs attempts one after the other, each from a seed of its own, so that one that fails can be made again alone."""

import time
from random import Random

from tests.fuzz.fuzzers import Attempt


class AttemptFailed(Exception):
    """An attempt met something unhandled, or nonsense was accepted; the text says how to make it again."""


def run(name: str, attempt: Attempt, first_seed: int, *, attempts: int | None = None, seconds: float = 0) -> int:
    """Make so many attempts, or as many as fit into the time; returns how many. Raises `AttemptFailed`."""
    until = time.monotonic() + seconds
    made = 0
    while made < attempts if attempts is not None else time.monotonic() < until:
        seed = first_seed + made
        try:
            attempt(Random(seed))
        except Exception as error:
            raise AttemptFailed(f"python -m tests.fuzz {name} --seed {seed} --attempts 1\n{error!r}"[:2000]) from error
        made += 1
    return made
