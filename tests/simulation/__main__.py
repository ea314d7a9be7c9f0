"""`python -m tests.simulation`; see the package for its options."""

import argparse
import logging
import secrets
import sys

import tests.simulation
from tests.simulation.lives import At, LifeFailed, each_call, live

CALLS = 3
"""Calls of the small month in which each store call gets its trouble."""


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.simulation",
        description=tests.simulation.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**9), help="of the first life")
    parser.add_argument("--lives", type=int, default=1, help="how many lives, each with the next seed")
    parser.add_argument("--calls", type=int, default=8, help="how many calls a month has")
    parser.add_argument("--at", type=At.read, help="one trouble at one store call, as a failure names it")
    parser.add_argument("--each-call", action="store_true", help="each kind of trouble at each store call")
    parser.add_argument("--every", type=int, default=1, help="of those, every so manieth")
    given = parser.parse_args()
    logging.disable(logging.CRITICAL)
    try:
        lives = _live(given)
    except LifeFailed as failed:
        print(failed)
        return 1
    print(f"{lives} lives from seed {given.seed}: the same books as without trouble")
    return 0


def _live(given: argparse.Namespace) -> int:
    if given.at is not None:
        live(given.seed, at=given.at, calls=given.calls)
        return 1
    if given.each_call:
        troubles = each_call(given.seed, calls=CALLS)[:: given.every]
        for trouble in troubles:
            live(given.seed, at=trouble, calls=CALLS)
        return len(troubles)
    for seed in range(given.seed, given.seed + given.lives):
        live(seed, calls=given.calls)
    return int(given.lives)


if __name__ == "__main__":
    sys.exit(main())
