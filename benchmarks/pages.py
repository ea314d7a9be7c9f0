"""How fast pages are on the local stack with a year of data: `python -m benchmarks.pages [--rows=400000] [--rounds=40]`.

The stack has a year of the example company (`scripts/showcase/year.py`), which went through the product; then the views
of its months are replaced by those of `benchmarks.api`, with so many rows each over 2 000 cost centres. Finance and an
owner sign in; each page is asked for again and again, one after the other, each time about another month. The time is
that of the whole page over HTTP, with the functions host in it; memory is that of the host.
"""

import argparse
import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import httpx
import psutil

from benchmarks.api import month_names, percentile, put_views
from chargeback.bootstrap import open_container
from chargeback.domain.time.months import Month
from chargeback.settings import read_settings
from scripts.showcase.pictures import SERVERS, TIMERS, live, run_timer
from scripts.showcase.year import write_company
from stack.record import recorded
from stack.stack import Stack

PAGES = (
    "/overview?month={month}",
    "/my-usage?month={month}",
    "/explore?month={month}&groupBy=costCentre",
    "/explore?startDate={first}-01&endDate={month}-28&groupBy=model&granularity=month",
    "/budgets",
    "/budgets/product:search",
    "/months",
    "/months/{month}",
    "/applications",
    "/alerts",
    "/log",
)
PEOPLE = ("finance", "owner", "auditor")
GOAL = 300
"""Milliseconds that 95 of 100 pages should not exceed."""


def options() -> argparse.Namespace:
    """What the command line says."""
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("--rows", type=int, default=400_000, help="rows of each month in the views. Default: 400000.")
    given.add_argument("--rounds", type=int, default=40, help="how often each page is asked for. Default: 40.")
    return given.parse_args()


class Visitor:
    """Somebody who is signed in, with a cookie of their own."""

    def __init__(self, site: str, client: httpx.AsyncClient) -> None:
        self._site = site
        self._client = client
        self._cookies: dict[str, str] = {}

    async def sign_in(self, who: str) -> None:
        """Choose a person where the stack stands for Entra."""
        asked = await self._get("/sign-in?back=/")
        chosen = await self._client.post(asked.headers["location"], data={"as": who})
        await self._get(chosen.headers["location"].removeprefix(self._site))

    async def look(self, path: str) -> tuple[float, int]:
        """How long a page takes, in milliseconds, and how many bytes it has."""
        begun = time.perf_counter()
        answer = await self._get(path)
        took = 1000 * (time.perf_counter() - begun)
        if answer.status_code not in (200, 404):  # owners see fewer pages
            raise RuntimeError(f"{path}: {answer.status_code} {answer.text[:500]}")
        return took, len(answer.content) if answer.status_code == 200 else 0

    async def _get(self, path: str) -> httpx.Response:
        # The jar of the client would keep a cookie that is for TLS alone from this machine, too.
        sent = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        answer = await self._client.get(f"{self._site}{path}", headers={"Cookie": sent})
        for each in answer.headers.get_list("set-cookie"):
            name, _, value = each.partition(";")[0].partition("=")
            self._cookies[name] = value
        return answer


async def measure(site: str, months: Sequence[Month], rounds: int) -> dict[str, list[float]]:
    """Page → how long it took each time."""
    took: dict[str, list[float]] = {page: [] for page in PAGES}
    sizes: dict[str, int] = {}
    async with httpx.AsyncClient(timeout=120, trust_env=False) as client:
        visitors = []
        for who in PEOPLE:
            visitors.append(Visitor(site, client))
            await visitors[-1].sign_in(who)
        for number in range(rounds + 1):
            for page in PAGES:
                month = months[-2 - number % 3]
                for visitor in visitors:
                    one, size = await visitor.look(page.format(month=month, first=months[0]))
                    if number and size:  # the first time fills what the host keeps
                        took[page].append(one)
                        sizes[page] = max(size, sizes.get(page, 0))
    for page, each in took.items():
        print(f"{page:75} {_said(each)}, {sizes.get(page, 0) // 1000} kB at most")
    return took


def _said(took: Sequence[float]) -> str:
    if not took:
        return "was never seen"
    p95, p99 = percentile(took, 95), percentile(took, 99)
    return f"median {statistics.median(took):6.0f} ms, p95 {p95:6.0f} ms, p99 {p99:6.0f} ms"


def memory_of(state: Path) -> int:
    """What the functions host takes now, with its workers, in MB."""
    host = psutil.Process(recorded(state)["functions"].pid)
    return int(sum(each.memory_info().rss for each in [host, *host.children(recursive=True)])) // 1_000_000


def main() -> None:
    """Print each page with its median, p95 and p99, then all together."""
    said, months = options(), [*month_names(12)]
    with tempfile.TemporaryDirectory() as place:
        state = Path(place) / "stack"
        config = write_company(Path(place) / "config")
        extra = {"CHARGEBACK_CONFIG_DIR": str(config)}
        with Stack(state, services=SERVERS, config=config, extra_env=extra) as stack:
            os.environ.update(stack.env, **extra, NO_PROXY="127.0.0.1")
            asyncio.run(live(datetime.now(UTC)))
            for name in TIMERS:
                run_timer(stack, name)
            asyncio.run(_replace_views(months, said.rows))
            print(f"{len(months)} months of {said.rows} rows; the host has {memory_of(state)} MB", flush=True)
            took = asyncio.run(measure(stack.env["PAGES_URL"], months, said.rounds))
            every = [each for page in took.values() for each in page]
            print(f"{len(every)} pages: {_said(every)}; the goal is a p95 of {GOAL} ms for each")
            print(f"memory of the host: {memory_of(state)} MB")


async def _replace_views(months: Sequence[Month], rows: int) -> None:
    async with open_container(read_settings()) as container:
        await put_views(months, rows, container.control, container.settled_files)


if __name__ == "__main__":
    main()
