"""Checks every point on the deployment of the azd environment, and prints what it saw.

    scripts/verify-azure [--calls] [--only TEXT]

It reads, and changes nothing; `--calls` makes one call through the gateway. It exits 1 if a point fails.
"""

import argparse
import sys
from collections.abc import Mapping

from scripts.verify.live import AzureRefused, Live, Misconfigured
from scripts.verify.points import POINTS, Look, Seen, Verdict


def look(live: Live, points: Mapping[str, Look]) -> dict[str, Seen]:
    """What was seen at each point; one that cannot be looked at is open, with the reason."""
    seen = {}
    for claim, see in points.items():
        try:
            seen[claim] = see(live)
        except (AzureRefused, Misconfigured) as error:
            seen[claim] = Seen(Verdict.OPEN, f"cannot be looked at: {error}")
        print(f"{seen[claim].verdict:<4}  {claim}: {seen[claim].what}", flush=True)
    return seen


def main(words: list[str], azure: object | None = None) -> int:
    """Look, and sum up; 1 if a point fails."""
    parser = argparse.ArgumentParser(prog="verify-azure", description=__doc__)
    parser.add_argument("--calls", action="store_true", help="make one streamed call, which costs less than a cent")
    parser.add_argument("--only", default="", help="look at claims with this text alone")
    given = parser.parse_args(words)
    from azure_rest import Azure

    live = Live(azure if isinstance(azure, Azure) else Azure(), calls=given.calls)
    chosen = {claim: see for claim, see in POINTS.items() if given.only.lower() in claim.lower()}
    verdicts = [each.verdict for each in look(live, chosen).values()]
    print(", ".join(f"{verdicts.count(verdict)} {verdict}" for verdict in Verdict))
    return 1 if Verdict.FAIL in verdicts else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
