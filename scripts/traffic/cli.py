"""The command line of scripts/trace-events."""

import argparse
import json
import os
import sys
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path

from chargeback.domain.errors import InvalidConfig
from scripts.traffic.events import Choice, Draw, find_callers, render
from scripts.traffic.rows import HEADER, RefusedError, Timing, last_month, span
from stack.example import tree_to_build

DESCRIPTION = f"""\
Turn a trace of calls (CSV with the header {HEADER})
into usage events (CloudEvents, one JSON object per line), ready for `chargeback ingest`.

Each row becomes one chat completion with exact usage.
Who called which model at which backend is drawn by weight.
The id of an event is made of the trace's name, the month, the seed and the row: the same command gives the
same bytes again, and replaying them counts nothing twice. For more traffic take another seed.
"""

EXAMPLES = """\
examples:
  scripts/trace-events trace.csv | .venv/bin/chargeback ingest -
  scripts/trace-events trace.csv --month 2026-10 --stretch --repeat 20 --output events.ndjson
  scripts/trace-events trace.csv --subscription search:3,legal --model gpt-5.4,gpt-5.4-mini:4 --cached-share 0.4
"""


def main(arguments: list[str] | None = None) -> int:
    """Write the events; 0 when all went well, 2 when the trace or an option cannot be used."""
    options = _parser().parse_args(arguments)
    try:
        timing = Timing.of_month(options.month, span(options.trace), options.repeat, stretch=options.stretch)
        callers = find_callers(options.config, options.subscription, options.model, options.backend)
        name = json.dumps(f"{options.trace.stem}/{options.month:%Y-%m}/{options.seed}")[1:-1]
        draw = Draw(callers, name, options.seed, options.cached_share)
        with options.output.open("wb") if options.output else nullcontext(sys.stdout.buffer) as target:
            for block in render(options.trace, timing, draw):
                target.write(block)
            target.flush()
    except (RefusedError, InvalidConfig, OSError, UnicodeDecodeError) as error:
        if isinstance(error, BrokenPipeError):  # the reader has seen enough, such as `head`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        print(f"trace-events: {error}", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/trace-events",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    everyone = [Choice("search", 1), Choice("support", 1), Choice("legal", 1), Choice("research", 1)]
    choices = "NAME[:WEIGHT],…"
    add("trace", type=Path, help="the CSV file")
    add("--output", type=Path, metavar="FILE", help="where to write (default: standard output)")
    add("--month", type=_month, default=last_month(datetime.now(UTC)), metavar="YYYY-MM", help=_MONTH_HELP)
    add("--stretch", action="store_true", help="spread the trace evenly over the whole month")
    add("--repeat", type=_positive, default=1, metavar="N", help="put the trace N times in a row (default: 1)")
    add(
        "--subscription",
        type=_choices,
        default=everyone,
        metavar=choices,
        help="who calls (default: every team)",
    )
    add(
        "--model",
        type=_choices,
        default=[Choice("gpt-5.4", 1)],
        metavar=choices,
        help="deployments (default: gpt-5.4)",
    )
    add("--backend", type=_choices, default=[], metavar=choices, help=_BACKEND_HELP)
    add("--cached-share", type=_share, default=0.0, metavar="0..1", help=_CACHED_HELP)
    add("--seed", type=int, default=0, metavar="N", help="of the random draw (default: 0)")
    add("--config", type=Path, default=tree_to_build() / "config", metavar="DIR", help=_CONFIG_HELP)
    return parser


_MONTH_HELP = "the trace begins with this month, UTC (default: last month; events in the future are not accepted)"
_BACKEND_HELP = "accounts or hosts that answer (default: every account that has the deployment)"
_CACHED_HELP = "how much of prompts of 1024 tokens and more was cached, in steps of 128 (default: 0)"
_CONFIG_HELP = "where deployments.yaml and gateway.yaml are (default: config/ with your company, else with the example)"


def _choices(text: str) -> list[Choice]:
    found = []
    for part in text.split(","):
        name, colon, weight = part.strip().partition(":")
        if not name or (colon and not _is_positive(weight)):
            raise argparse.ArgumentTypeError(f"{part!r} is not NAME or NAME:WEIGHT with a whole weight above 0")
        found.append(Choice(name, int(weight or 1)))
    return found


def _month(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m").replace(tzinfo=UTC)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a month such as 2026-11") from None


def _share(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to 1")
    return value


def _positive(text: str) -> int:
    if not _is_positive(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def _is_positive(text: str) -> bool:
    return text.isascii() and text.isdecimal() and int(text) > 0


if __name__ == "__main__":
    sys.exit(main())
