"""Runs the demo from start to end; every figure that it prints is read from the files that it leaves."""

import argparse
import csv
import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from chargeback.cli.exit_codes import ExitCode
from scripts.showcase.calls import Tally, send, teams
from scripts.showcase.limit import CODE, TRIALS, run_into_limit, show_limit
from scripts.showcase.told import message_with
from scripts.showcase.trials import CHANNEL, SUBSCRIPTION, centre_of, write_trials
from stack.processes import StackError
from stack.record import pages_note
from stack.services import SERVICES
from stack.stack import Stack

FAILING = "oai-swedencentral"
console = Console(width=None if sys.stdout.isatty() else 140, highlight=False)


def main() -> int:
    """Run the demo; 1 if anything that it shows is not so."""
    parser = argparse.ArgumentParser(prog="scripts/demo", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="rounds of calls before and after the failure (3)")
    parser.add_argument("--state", type=Path, default=Path(".local/demo"), help="where everything is left")
    parser.add_argument("--keep", action="store_true", help="leave the stack running")
    arguments = parser.parse_args()
    shutil.rmtree(arguments.state, ignore_errors=True)
    config = write_trials(arguments.state / "config", TRIALS)
    # Nobody waits five minutes here for rows that might still come.
    settings = {"SETTLE_QUIET_SECONDS": "0", "CHARGEBACK_CONFIG_DIR": str(config.resolve())}
    stack = Stack(arguments.state, services=SERVICES, in_memory=False, extra_env=settings)
    try:
        say("Starting the whole stack: stores, topic, Functions, simulated Azure OpenAI in two geographies, gateway")
        stack.up()
        return run(stack, arguments.rounds)
    except StackError as error:
        print(f"scripts/demo: {error}", file=sys.stderr)
        return 1
    finally:
        if arguments.keep:
            console.print(pages_note(stack.env), markup=False, soft_wrap=True)
            say(f"The stack runs on. End it with: scripts/stack down --state {arguments.state}")
        else:
            stack.down()
            say("To see the same in a browser, keep the stack: scripts/demo --keep")


def run(stack: Stack, rounds: int) -> int:
    """Calls, a failure, posting, the month's files, and whether they hold every call."""
    state, period = stack.site.state, f"{datetime.now(UTC):%Y-%m}"
    # Clients trust the stack's own certificates and send nothing for this machine through a proxy.
    os.environ.update(stack.env, **stack.extra_env, NO_PROXY="127.0.0.1")
    clients, tally = teams(state), Tally()

    say(f"Sending calls with the openai package as {len(clients)} clients: 4 teams at 2 gateway regions")
    send(clients, rounds * len(clients) // 2, tally)
    before = Counter(tally.regions)
    say(f"Taking {FAILING} down (it answers 500 from now on) and sending the same calls again")
    post(f"{account_urls(state)[FAILING]}/_control", {"mode": "500"})
    send(clients, rounds * len(clients) // 2, tally)
    show_calls(tally, before)

    say("Waiting for the usage events, settling the streams from the gateway's log, posting, auditing, publishing")
    wait_until_delivered(stack)
    time.sleep(1.5)  # the gateway's log shows a row after a second, as Azure's does after minutes
    for name in ("settle_streams", "post_usage", "audit_ledger", "publish_reports"):
        post(f"{stack.url('functions')}/admin/functions/{name}?wait=true", {})
    files = download(stack, period)
    outcome = show_month(files, tally, billed(state))

    say("Calling on a small budget of their own, every second time as a stream, until the gateway refuses")
    keys = json.loads((state / "gateway-keys.json").read_text("utf-8"))
    regions = json.loads((state / "gateway.json").read_text("utf-8"))["regions"]
    course = run_into_limit(next(iter(regions.values())), keys[SUBSCRIPTION])
    wait_until_delivered(stack)
    time.sleep(1.5)
    post(f"{stack.url('functions')}/admin/functions/settle_streams?wait=true", {})
    show_limit(course, console)
    is_told = show_told(stack)
    for name in ("post_usage", "view_costs"):
        post(f"{stack.url('functions')}/admin/functions/{name}?wait=true", {})
    show_places(files, state)
    return outcome if is_told else 1


def say(text: str) -> None:
    """One step of the demo."""
    console.print(f"[bold]▸[/bold] {text}")


def account_urls(state: Path) -> dict[str, str]:
    """Account name → address of the simulated account."""
    origins = json.loads((state / "openai.json").read_text("utf-8"))
    return {host.split(".")[0]: url for host, url in origins.items()}


def get(url: str) -> Any:
    """What an address answers, as JSON."""
    with urllib.request.urlopen(url, timeout=60) as answer:
        return json.load(answer)


def post(url: str, document: object) -> None:
    """Send a document."""
    request = urllib.request.Request(url, json.dumps(document).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=120):
        pass


def wait_until_delivered(stack: Stack) -> None:
    """Until the topic has nothing left to deliver."""
    deadline = time.monotonic() + 60
    while any(each["queued"] for each in get(f"{stack.url('eventGrid')}/_status")["subscriptions"].values()):
        if time.monotonic() > deadline:
            raise StackError("events are still undelivered after 60 s; see logs/eventGrid.log and logs/functions.log")
        time.sleep(0.1)


def billed(state: Path) -> Counter[str]:
    """What the simulated accounts say they billed: calls and tokens."""
    total: Counter[str] = Counter()
    for url in account_urls(state).values():
        for call in get(f"{url}/_ledger"):
            usage = call.get("usage") or {}
            total["calls"] += 1
            total["tokens"] += usage.get("total_tokens") or sum(
                usage.get(name) or 0 for name in ("prompt_tokens", "completion_tokens", "input_tokens", "output_tokens")
            )
    return total


def download(stack: Stack, period: str) -> Path:
    """Fetch the month's files with the product's own command line, as a user would."""
    folder = stack.site.state / "reports"
    command = [sys.executable, "-m", "chargeback", "publish", period, "--out-dir", str(folder), "--overwrite"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode not in (ExitCode.DONE, ExitCode.FINDINGS):
        raise StackError(f"{' '.join(command[1:])}: {done.stderr.strip()}")
    return folder / period


def show_calls(tally: Tally, before: Counter[str]) -> None:
    """Where the calls went before and after the failure."""
    table = Table("answered by", "before", "after", title=f"{tally.calls} calls, {len(tally.failed)} failed")
    for region in sorted(tally.regions):
        table.add_row(region, str(before[region]), str(tally.regions[region] - before[region]))
    console.print(table)
    for fault in tally.failed[:5]:
        console.print(f"  {fault}", markup=False)


def show_month(files: Path, tally: Tally, oracle: Counter[str]) -> int:
    """The month by cost centre, and whether it holds every call and every token."""
    (path,) = files.glob("chargeback-*.csv")
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    centres: dict[str, Counter[str]] = {}
    costs: dict[str, Decimal] = {}
    for row in rows:
        sums = centres.setdefault(row["cost_centre"], Counter())
        sums["calls"] += int(row["requests"])
        sums["tokens"] += int(row["quantity"]) if row["unit"] == "tokens" else 0
        costs[row["cost_centre"]] = costs.get(row["cost_centre"], Decimal(0)) + Decimal(row["cost"] or 0)
    table = Table("cost centre", "calls", "tokens", "USD", title=path.name)
    for name, sums in sorted(centres.items()):
        table.add_row(name, str(sums["calls"]), str(sums["tokens"]), f"{costs[name]:f}")
    console.print(table)
    total = sum(centres.values(), Counter())
    same = total["calls"] == tally.calls and total["tokens"] == oracle["tokens"]
    console.print(
        f"The CSV holds {total['calls']} of {tally.calls} calls and {total['tokens']} of the {oracle['tokens']} tokens"
        f" that the accounts billed."
    )
    states = Counter(row["state"] for row in rows)
    console.print("States of its rows: " + ", ".join(f"{state} {count}" for state, count in sorted(states.items())))
    return 0 if same and not tally.failed else 1


def show_told(stack: Stack) -> bool:
    """What people are told of the budget that was passed; whether they are."""
    say(f"What people see of that in {CHANNEL.capitalize()}")
    message = message_with(stack, CHANNEL, centre_of(CODE), "100 %")
    console.print(Panel(Text(message)) if message else "Nobody was told.")
    return message is not None


def show_places(files: Path, state: Path) -> None:
    """Where everything is that the demo leaves."""
    console.print("Look at:")
    for place in (*sorted(files.iterdir()), state / "config" / "company" / "budgets.yaml", state / "logs"):
        console.print(f"  {os.path.relpath(place)}", markup=False, soft_wrap=True)


if __name__ == "__main__":
    sys.exit(main())
