"""Products in memory over which the pages are looked at: from an empty one to one with hostile names.

Each has a real container over stores in memory. What people did is done through the API, by the people of `whole_api`,
so that the audit log has it. `MONTH` is open; in the ordinary world the two months before it are closed, and there is
usage of this moment, because budgets and alerts are about now.
"""

import shutil
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from chargeback.adapters.config.applied import AppliedCatalogues
from chargeback.adapters.config.catalogue import load_catalogue, to_documents
from chargeback.adapters.config.folders import path_of
from chargeback.adapters.config.terms import load_terms
from chargeback.adapters.memory.stores import MemoryControl
from chargeback.adapters.recording.control import RecordedControl
from chargeback.bootstrap import Container
from chargeback.domain.audit_log.acts import Act
from chargeback.domain.errors import StoreUnavailable
from chargeback.domain.time.days import utc_day
from chargeback.domain.time.months import Month
from chargeback.services.configuring.apply_config import bring_into_force
from chargeback.services.usage.audit import Auditor
from chargeback.web.late_site import LateSite
from stack.example import EXAMPLE_CONFIG
from tests.support.audit_log import KIM
from tests.support.builders import tokens, usage_event
from tests.support.pages import site_over, with_sessions
from tests.support.people import TENANT, as_person
from tests.support.whole_api import EVERYBODY, USER, memory_container, owner_of

MONTH = Month("2026-03")
CLOSED = (Month("2026-01"), Month("2026-02"))


def this_month() -> Month:
    """The one under way."""
    return Month(f"{datetime.now(UTC):%Y-%m}")


VOICE_OWNER = owner_of("voice-owner", "product/support/voice")
PEOPLE = (*EVERYBODY, VOICE_OWNER)

LONG_NAME = "n" * 200
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'; DROP TABLE costs; --",
    "\u202egnp.exe\u202c",
    "שלום עולם",
    "=cmd|'/c calc'!A1",
    "{{7*7}} ${7*7} {% raw %}",
    "javascript:alert(1)",
    "🧾🧑🏽‍💻",
    "&amp;lt;b&amp;gt;",
    "a b/c:d?e=f&g=h#i%2e",
    LONG_NAME,
)
"""What anybody may have put into a name."""

_BUDGETS = (
    ("launch", 1, "block", "month"),
    ("relevance", 12, "warn", "month"),
    ("crawler", 1000, "notify", "quarter"),
)
_DATES = ("2026-01-05", "2026-01-12", "2026-02-03", "2026-02-17")
_APPROVED = '\napproval: [{from: "2026-02", required: true}]\n'
_SHARED = """
sharedCosts:
  - {id: platform, name: Platform team, kind: fee, perMonth: "120.00", currency: USD, basis: usage, measure: tokens,
     source: agreed with the heads of the units}
"""


@dataclass(frozen=True, slots=True)
class PageWorld:
    """A product that pages are looked at over."""

    container: Container
    site: LateSite

    async def ingest(self, calls: Sequence[bytes], at: datetime) -> None:
        """Take calls at a moment, and post what is counted."""
        await self.container.ingest.ingest(list(calls), at)
        await self.container.poster.post(at)

    async def act(self, who: str, method: str, path: str, **content: Any) -> httpx.Response:
        """Let somebody do something over HTTP who has read what it is about, and see the end of it."""
        transport = httpx.ASGITransport(self.site)
        async with httpx.AsyncClient(transport=transport, base_url="https://page.test/api/v1", timeout=60) as client:
            headers = as_person(who)
            if path.startswith("/periods/"):
                headers["If-Match"] = (await client.get("/".join(path.split("/")[:3]), headers=headers)).headers["etag"]
            answer = await client.request(method, path, json=content, headers=headers)
        assert answer.status_code < 300, f"{method} {path}: {answer.status_code} {answer.text}"
        await self.container.operation_runner.run_waiting()
        return answer

    async def view(self, *months: Month) -> None:
        """Bring the figures of these months up to the books: all those that have any."""
        await self.container.view_keeper._announce(months)
        for month in months:
            await self.container.view_keeper._keep(month, datetime.now(UTC))

    async def put_in_force(self, config: Path) -> None:
        """As after a deployment: closing a month needs the configuration on record."""
        container, now = self.container, datetime.now(UTC)
        stores = container.control, container.catalogues, container.ledger
        catalogue = load_catalogue(config)
        async with container.audit_log.acting(KIM, Act.APPLY_CONFIG, "configuration"):
            terms, documents = load_terms(config, catalogue), to_documents(config)
            await bring_into_force(*stores, catalogue, terms, documents, by="deployment 1", now=now)


def world_over(config: Path = EXAMPLE_CONFIG, **parts: Any) -> PageWorld:
    """An empty product, with pages; `parts` of the container may be given."""
    container = with_sessions(memory_container(config=config, **parts), *PEOPLE)
    stores = container.ledger, container.counter, container.books, container.control, container.catalogues
    # Days are recounted in this process: to start others takes longer than their work here.
    vars(container)["auditor"] = Auditor(*stores, container.poster, container.settled_files)
    vars(container)["people"].known |= {each.name: each for each in PEOPLE}
    return PageWorld(container, site_over(container))


def company(folder: Path) -> Path:
    """The example company, with a shared cost and approvals."""
    shutil.copytree(EXAMPLE_CONFIG, folder)
    path_of(folder, "shared-costs.yaml").write_text(_SHARED)
    with path_of(folder, "books.yaml").open("a") as books:
        books.write(_APPROVED)
    return folder


def call(team: str, day: str, thousands: int, model: str = "gpt-4o", **fields: Any) -> bytes:
    """A call with so many thousand input tokens, and a tenth of that as output."""
    given = {"deployment": model, "model": model, "tenantId": TENANT, "userObjectId": f"object-{team}-lead"} | fields
    moment = given.pop("time", f"{day}T10:00:00Z")
    usage = tokens(1000 * thousands, 100 * thousands)
    return usage_event(subscriptionId=team, time=moment, usage=usage, **given)


async def empty(folder: Path) -> PageWorld:
    """Nothing was ever used."""
    return world_over()


async def one_row(folder: Path) -> PageWorld:
    """One call of the signed-in user, in `MONTH`."""
    world = world_over(company(folder / "config"))
    await world.ingest(
        [call("search", f"{MONTH}-10", 900, userObjectId=USER.identity.object_id)], _evening(f"{MONTH}-10")
    )
    await world.view(MONTH)
    return world


async def ordinary(folder: Path) -> PageWorld:
    """Months with everything that months have."""
    config, control = company(folder / "config"), RecordedControl(MemoryControl())
    world = world_over(config, control=control, catalogues=AppliedCatalogues(control, config))
    await world.put_in_force(config)
    for date in (*_DATES, *(f"{MONTH}-{day:02}" for day in range(9, 21))):
        month, day = int(date[5:7]), int(date[8:])
        await world.ingest(list(_calls_of(date, day + 8 * month)), _evening(date))
    await _close(world, CLOSED[0])
    late = call("search", f"{CLOSED[0]}-12", 4_000, "gpt-4.1")
    await world.container.ingest.ingest([late], datetime.now(UTC))
    await world.container.auditor.audit_day(utc_day(_evening(f"{CLOSED[0]}-12")), datetime.now(UTC))
    await _close(world, CLOSED[1])
    await world.container.drafts.publish(MONTH, datetime.now(UTC))
    await _budgets_of_now(world)
    broken = usage_event(id="broken", subscriptionId="search", usage={"prompt_tokens": -1})
    await world.container.ingest.ingest([broken, b"{}"], datetime.now(UTC))
    await world.view(*CLOSED, MONTH, this_month())
    return world


def _calls_of(date: str, size: int) -> Iterator[bytes]:
    """A day of the company: the larger `size`, the more is used."""
    yield call("search", date, 400 * size, "gpt-4.1", userObjectId="object-ann")
    yield call("search", date, 90 * size, userObjectId=USER.identity.object_id)
    yield call("support", date, 300 * size, "gpt-4o-mini", appId="app-helpdesk", userObjectId="")
    yield call("support", date, 60 * size, billingCode="VOICE", userObjectId="object-bo")
    yield call("legal", date, 20 * size, userObjectId="", username="dee@contoso.example")
    yield call("research", date, 900 if date.endswith("-17") else 10, "gpt-4.1", userObjectId="object-eve")
    if date.endswith("-18"):
        yield call("stranger", date, 30, userObjectId="")
        yield call("research", date, 25, "mystery-1", deployment="mystery")
        yield usage_event(type="pending", stream=True, time=f"{date}T11:00:00Z", deployment="gpt-4o", model="gpt-4o",
                          tenantId=TENANT, userObjectId=USER.identity.object_id)  # fmt: skip


async def _close(world: PageWorld, month: Month) -> None:
    """As timers and finance close a month: audited, published, approved where that is asked for, closed."""
    now = datetime.now(UTC)
    for date in _DATES:
        if date.startswith(month):
            await world.container.auditor.audit_day(utc_day(_evening(date)), now)
    await world.container.drafts.publish(month, now)
    if month != CLOSED[0]:
        await world.act("finance", "POST", f"/periods/{month}/approve", reason="checked with the heads of the units")
    await world.act("admin", "POST", f"/periods/{month}/close", reason="all figures are in")
    assert (await world.container.periods.get(month))[0].state.value == "closed"


async def _budgets_of_now(world: PageWorld) -> None:
    """Budgets in every state, at this moment, and the alerts of them."""
    now = datetime.now(UTC)
    at = f"{now - timedelta(seconds=5):%Y-%m-%dT%H:%M:%SZ}"
    spent = [call(team, "", 4_000, "gpt-4.1", time=at) for team in ("search", "support", "research")]
    await world.ingest([*spent, call("search", "", 5, "gpt-4.1", time=at, userObjectId=USER.identity.object_id)], now)
    for budget, amount, action, every in _BUDGETS:
        steps = [{"percent": 80, "do": "notify"}, {"percent": 100, "do": action}]
        await world.act("finance", "POST", "/budgets", id=f"product/search/{budget}", costCentre="product/search",
                        amount=amount, every=every, steps=steps, owner="Search leads, search-leads@contoso.example",
                        shadow=budget == "relevance", reason="for the launch")  # fmt: skip
    until = f"{now + timedelta(days=3):%Y-%m-%dT%H:%M:%SZ}"
    await world.act("finance", "POST", "/budgets/product:search:launch/overrides",
                    amount="5", until=until, reason="the launch is a week late")  # fmt: skip
    await world.container.budget_watch.watch()


async def many_centres(folder: Path, count: int = 2_000) -> PageWorld:
    """So many cost centres that called in `MONTH`, each with an application of its own."""
    config = company(folder / "config")
    paths = [f"unit-{n % 10}/team-{n % 200}/project-{n}" for n in range(count)]
    above = sorted({"/".join(path.split("/")[:level]) for path in paths for level in (1, 2)})
    centres = [f"  - {{path: {path}, name: {path.rpartition('/')[2]}}}" for path in (*above, *paths)]
    rules = [f"  - {{id: r{n}, when: {{subscription: s{n}}}, costCentre: {path}}}" for n, path in enumerate(paths)]
    path_of(config, "cost-centres.yaml").write_text("\n".join(("costCentres:", *centres, "rules:", *rules)))
    for name in ("budgets.yaml", "access.yaml"):
        path_of(config, name).unlink()
    world = world_over(config)
    day = f"{MONTH}-10"
    calls = [call(f"s{n}", day, 1 + n % 97, userObjectId=f"object-{n % 300}") for n in range(count)]
    await world.ingest(calls, _evening(day))
    await world.view(MONTH)
    return world


async def hostile(folder: Path) -> PageWorld:
    """Every name that somebody else chooses is an attack or unreadable."""
    config, printable = company(folder / "config"), [name for name in HOSTILE if name.isprintable()]
    quoted = [name.replace("'", "''") for name in printable]
    named = [f"  - {{path: hostile/c{n}, name: '{name}'}}" for n, name in enumerate(quoted)]
    rules = [
        f"  - {{id: r{n}, when: {{subscription: '{name}'}}, costCentre: hostile/c{n}}}" for n, name in enumerate(quoted)
    ]
    content = ("costCentres:", "  - {path: hostile, name: Hostile}", *named, "rules:", *rules)
    path_of(config, "cost-centres.yaml").write_text("\n".join(content))
    for name in ("budgets.yaml", "access.yaml"):
        path_of(config, name).unlink()
    world, day, now = world_over(config), f"{MONTH}-10", datetime.now(UTC)
    fields = ("username", "companyName", "billingCode", "appId")
    unverified = {"userObjectId": "", "tenantId": ""}
    calls = [call(name, day, 50, "gpt-4.1", **unverified, **dict.fromkeys(fields, name)) for name in HOSTILE]
    unknown = [call("search", day, 9, name, deployment=name) for name in HOSTILE]
    await world.ingest([*calls, *unknown], _evening(day))
    at = f"{now - timedelta(seconds=5):%Y-%m-%dT%H:%M:%SZ}"
    await world.ingest([call(name, "", 900, "gpt-4.1", time=at) for name in printable], now)
    steps = [{"percent": 1, "do": "notify"}, {"percent": 100, "do": "block"}]
    for n, name in enumerate(printable):
        await world.act("finance", "POST", "/budgets", id=f"hostile/c{n}/b", costCentre=f"hostile/c{n}",
                        amount=1 + n, steps=steps, owner=name, reason=name)  # fmt: skip
    await world.container.budget_watch.watch()
    await world.view(MONTH, this_month())
    return world


Building = Callable[[Path], Awaitable[PageWorld]]

WORLDS: dict[str, Building] = {
    "empty": empty,
    "one row": one_row,
    "ordinary": ordinary,
    "many centres": many_centres,
    "hostile": hostile,
}


class _AwayStore:
    """A store that does not answer."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)

        def refuse(*_: object, **__: object) -> Any:
            raise StoreUnavailable("503")

        return refuse


COSMOS = ("books", "control", "outbox", "digests", "audit_entries", "objects")
BLOB = ("ledger", "quarantine", "reports", "closed_reports", "settled_files", "dead_letters", "cost_exports")


def without(*stores: str) -> PageWorld:
    """A product some of whose stores are away, such as `without(*COSMOS)`."""
    return world_over(**dict.fromkeys(stores, _AwayStore()))


def _evening(date: str) -> datetime:
    return datetime.fromisoformat(f"{date}T23:00:00+00:00")
