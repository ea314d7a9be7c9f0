"""How fast pages are on the local stack with a year of data: `python -m benchmarks.pages [--rows=400000] [--rounds=40]`.

The stack has a year of the example company (`scripts/showcase/year.py`), which went through the product; then the
views of its months are replaced by those of `benchmarks.api`, with so many rows each over 2 000 cost centres. Finance
and an auditor sign in, who see all of it; a page of one unit is among the pages, as its owner has it. Each page is asked
for again and again, one after the other, each time about another month. The time is that of the whole page over HTTP,
with the functions host in it; the first view of a page fills what the host keeps and is told apart. Memory is that of
the host.

The year takes minutes to make. `--keep=DIR` leaves the stack running in DIR, and `--again=DIR` measures that one once
more; `scripts/stack down --state DIR` ends it.
"""

import argparse
import asyncio
import os
import re
import statistics
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

import httpx
import psutil

from benchmarks.api import percentile, put_views
from chargeback.bootstrap import open_container
from chargeback.domain.time.months import Month, months_between
from chargeback.settings import read_settings
from scripts.showcase.pictures import SERVERS, TIMERS, live, run_timer
from scripts.showcase.year import write_company
from stack.record import environment_of, recorded
from stack.stack import Stack

PAGES = (
    "/overview?month={month}",
    "/overview?month={month}&costCentre=unit-3",
    "/overview",
    "/overview/outlook?month={month}",
    "/my-usage?month={month}",
    "/explore?month={month}&groupBy=costCentre",
    "/explore?month={month}&groupBy=costCentre&groupBy=model&compare=yes",
    "/explore?startDate={first}-01&endDate={month}-28&groupBy=model&granularity=month",
    "/explore/values?dimension=user&month={month}",
    "/explore/explain?period={month}&costCentre=product/search",
    "/applications?month={month}",
    "/applications/one?application=app-7&month={month}",
    "/budgets",
    "/budgets/product:search",
    "/new-budget",
    "/alerts",
    "{alert}",
    "/months",
    "/months/{month}",
    "/months/{ended}",
    "/months/{now}",
    "/months/{ended}/close",
    "/log",
    "/log/2",
    "/log/set-aside",
    "/log/quarantine",
    "/log/operations",
)
"""`month` is one that is closed, `ended` the last one, which is open in the first days after it, `now` is under way, and
`alert` is the page of the first alert.
"""

PEOPLE = ("finance", "auditor")
GOAL = 300
"""Milliseconds that 95 of 100 views of each page should not exceed."""

NOT_THEIRS = (403, 404)


def options() -> argparse.Namespace:
    """What the command line says."""
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("--rows", type=int, default=400_000, help="rows of each month in the views. Default: 400000.")
    given.add_argument("--rounds", type=int, default=40, help="how often each page is asked for. Default: 40.")
    given.add_argument("--keep", type=Path, metavar="DIR", help="leave the stack running, with its files there")
    given.add_argument("--again", type=Path, metavar="DIR", help="measure the stack that was kept there")
    return given.parse_args()


class Visitor:
    """Somebody who is signed in, with a cookie of their own."""

    def __init__(self, site: str, client: httpx.AsyncClient) -> None:
        self._site = site
        self._client = client
        self._cookies: dict[str, str] = {}

    async def sign_in(self, who: str) -> None:
        """Choose a person where the stack stands for Entra."""
        asked = _required(await self._get("/sign-in?back=/"), 303)
        chosen = _required(await self._client.post(asked.headers["location"], data={"as": who}), 302)
        done = _required(await self._get(chosen.headers["location"].removeprefix(self._site)), 303)
        _required(await self._get(done.headers["location"]), 303)

    async def first_alert(self) -> str:
        """The page of the first alert that stands."""
        found = re.search(r'href="(/alerts/[^"?]+)"', _required(await self._get("/alerts"), 200).text)
        if found is None:
            raise RuntimeError("no alert stands")
        return found[1]

    async def look(self, path: str) -> tuple[float, bool]:
        """How long a page takes, in milliseconds, and whether it is theirs to see."""
        begun = time.perf_counter()
        answer = await self._get(path)
        took = 1000 * (time.perf_counter() - begun)
        return took, _required(answer, 200, *NOT_THEIRS).status_code == 200

    async def _get(self, path: str) -> httpx.Response:
        # The jar of the client would keep a cookie that is for TLS alone from this machine, too.
        sent = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        answer = await self._client.get(f"{self._site}{path}", headers={"Cookie": sent})
        for each in answer.headers.get_list("set-cookie"):
            name, _, value = each.partition(";")[0].partition("=")
            self._cookies[name] = value
        return answer


def _required(answer: httpx.Response, *statuses: int) -> httpx.Response:
    if answer.status_code not in statuses:
        raise RuntimeError(f"{answer.request.method} {answer.url}: {answer.status_code} {answer.text[:500]}")
    return answer


@dataclass(slots=True)
class Views:
    """How long the views of a page took, in milliseconds.

    Attributes:
        first: the very first one, which fills what the host keeps.
        later: the others.
        worked: the processor time of the host in all of them but the first round's; in steps of 10, so only sums count.
    """

    first: float = 0.0
    later: list[float] = field(default_factory=list)
    worked: float = 0.0

    @property
    def p95(self) -> float:
        """What 95 of 100 did not exceed."""
        return percentile(self.later, 95)

    def __str__(self) -> str:
        return (
            f"median {statistics.median(self.later):5.0f} ms, p95 {self.p95:5.0f} ms, max {max(self.later):5.0f} ms,"
            f" {len(self.later)} views; {self.worked / len(self.later):4.0f} ms of processor time a view;"
            f" the first view {self.first:5.0f} ms"
        )


class Host:
    """The functions host of a stack, with its workers."""

    def __init__(self, state: Path) -> None:
        self._host = psutil.Process(recorded(state)["functions"].pid)

    def memory(self) -> int:
        """What it takes now, in MB."""
        return int(sum(each.memory_info().rss for each in self._processes())) // 1_000_000

    def worked(self) -> float:
        """The processor time that it took so far, in milliseconds."""
        times = [each.cpu_times() for each in self._processes()]
        return float(1000 * sum(each.user + each.system for each in times))

    def _processes(self) -> list[psutil.Process]:
        return [self._host, *self._host.children(recursive=True)]


async def measure(site: str, host: Host, months: Sequence[Month], rounds: int) -> dict[str, Views]:
    """Page → how long it took each time; printed as well."""
    *closed, ended, now = months
    seen: dict[str, Views] = {page: Views() for page in PAGES}
    async with httpx.AsyncClient(timeout=120, trust_env=False) as client:
        visitors = []
        for who in PEOPLE:
            visitors.append(Visitor(site, client))
            await visitors[-1].sign_in(who)
        names = {"first": months[0], "ended": ended, "now": now, "alert": await visitors[0].first_alert()}
        for number in range(rounds + 1):
            for page in PAGES:
                path = page.format(month=closed[-1 - number % 3], **names)
                for visitor in visitors:
                    worked = host.worked()
                    took, is_theirs = await visitor.look(path)
                    if number and is_theirs:
                        seen[page].later.append(took)
                        seen[page].worked += host.worked() - worked
                    seen[page].first = seen[page].first or took
    for page, views in seen.items():
        print(f"{page:80} {views if views.later else 'was never seen'}")
    return seen


def verdict(seen: dict[str, Views]) -> str:
    """Whether the p95 of every page is within the goal."""
    slow = [page for page, views in seen.items() if not views.later or views.p95 > GOAL]
    return f"NOT within {GOAL} ms: {', '.join(slow)}" if slow else f"the p95 of every page is within {GOAL} ms"


def make_year(stack: Stack, months: Sequence[Month], rows: int) -> None:
    """Let a year of calls go through the product, then put views of so many rows in the place of its own."""
    begun = time.perf_counter()
    os.environ.update(stack.env, **stack.extra_env, NO_PROXY="127.0.0.1")
    asyncio.run(live(datetime.now(UTC)))
    for name in TIMERS:
        run_timer(stack, name)
        print(f"{name} is done after {time.perf_counter() - begun:.0f} s", flush=True)
    asyncio.run(_replace_views(months, rows))
    print(f"{len(months)} months of {rows} rows are there after {time.perf_counter() - begun:.0f} s", flush=True)


def _last_year(today: date) -> list[Month]:
    """The month under way, and the eleven before it."""
    return months_between(
        Month(f"{today.year - (today.month < 12)}-{today.month % 12 + 1:02}"), Month(f"{today:%Y-%m}")
    )


async def _replace_views(months: Sequence[Month], rows: int) -> None:
    async with open_container(read_settings()) as container:
        await put_views(months, rows, container.control, container.settled_files)


def report(state: Path, months: Sequence[Month], rounds: int) -> None:
    """Print each page with its median, p95 and longest view, and whether all are within the goal."""
    host, load = Host(state), psutil.getloadavg()[0]
    before = host.memory()
    seen = asyncio.run(measure(environment_of(state)["PAGES_URL"], host, months, rounds))
    print(f"memory of the host: {before} MB before, {host.memory()} MB after")
    print(f"load of the machine: {load:.1f} before, {psutil.getloadavg()[0]:.1f} after, with {os.cpu_count()} CPUs")
    print(verdict(seen))


def main() -> None:
    """Make the year, or take the one that is there, and measure it."""
    said, months = options(), _last_year(datetime.now(UTC).date())
    if said.again:
        report(said.again, months, said.rounds)
        return
    with ExitStack() as ending:
        place = said.keep or Path(ending.enter_context(tempfile.TemporaryDirectory()))
        config = write_company(place / "config")
        extra = {"CHARGEBACK_CONFIG_DIR": str(config.resolve())}
        stack = Stack(place, services=SERVERS, config=config, extra_env=extra)
        stack.up()
        if not said.keep:
            ending.callback(stack.down)
        make_year(stack, months, said.rows)
        report(place, months, said.rounds)


if __name__ == "__main__":
    main()
