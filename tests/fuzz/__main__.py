"""`python -m tests.fuzz NAME --minutes N [--seed S] [--attempts A]`: one fuzzer, for as long as wanted."""

import argparse
import secrets
import sys

from tests.fuzz.fuzzers import FUZZERS
from tests.fuzz.run import AttemptFailed, run


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("name", choices=[*FUZZERS, "all"])
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**9), help="of the first attempt")
    parser.add_argument("--attempts", type=int, help="so many attempts, instead of a time")
    given = parser.parse_args()
    for name in FUZZERS if given.name == "all" else [given.name]:
        try:
            made = run(name, FUZZERS[name][0], given.seed, attempts=given.attempts, seconds=given.minutes * 60)
        except AttemptFailed as failed:
            print(failed)
            return 1
        print(f"{name}: {made} attempts from seed {given.seed}, nothing unhandled, no nonsense accepted")
    return 0


if __name__ == "__main__":
    sys.exit(main())
