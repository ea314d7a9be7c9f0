"""A March that has ended and waits to be closed, with usage that nobody can price; and people who fill in its forms."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx

from chargeback.adapters.config.applied import AppliedCatalogues
from chargeback.adapters.memory.stores import MemoryControl
from chargeback.adapters.recording.control import RecordedControl
from chargeback.domain.time.months import Month
from tests.support.page_worlds import BLOB, COSMOS, MONTH, PageWorld, call, company, world_over
from tests.support.pages import browser_of
from tests.support.shown_pages import Element, sent_by, shown

PAGE = f"/months/{MONTH}"


class WaitingMonths:
    """Each of them is made once; whoever asks for it gets a product with the stores as they were then."""

    def __init__(self, folder: Path) -> None:
        self._config = company(folder / "config")
        self._made: dict[tuple[bool, bool], PageWorld] = {}

    async def __call__(self, *, has_draft: bool = True, is_priced: bool = False) -> PageWorld:
        """March is audited, and its draft is published; books.yaml asks for an approval."""
        asked = has_draft, is_priced
        if asked not in self._made:
            self._made[asked] = await _waiting_month(self._config, has_draft=has_draft, is_priced=is_priced)
        container = vars(self._made[asked].container)
        stores = deepcopy({name: container[name] for name in (*COSMOS, *BLOB, "counter", "object_marks", "due_alerts")})
        return world_over(self._config, catalogues=AppliedCatalogues(stores["control"], self._config), **stores)


async def _waiting_month(config: Path, *, has_draft: bool, is_priced: bool) -> PageWorld:
    control = RecordedControl(MemoryControl())
    world = world_over(config, control=control, catalogues=AppliedCatalogues(control, config))
    await world.put_in_force(config)
    calls = [call("search", f"{MONTH}-10", 400), call("legal", f"{MONTH}-11", 20)]
    if not is_priced:
        calls.append(call("research", f"{MONTH}-12", 5, "mystery-1", deployment="mystery"))
    await world.ingest(calls, datetime.fromisoformat(f"{MONTH}-12T23:00:00+00:00"))
    await world.container.auditor.audit(datetime.now(UTC))
    if has_draft:
        await world.container.drafts.publish(Month(MONTH), datetime.now(UTC))
    await world.view(Month(MONTH))
    return world


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody's browser without a screen and without scripts."""

    browser: httpx.AsyncClient

    async def see(self, path: str, status: int = 200) -> Element:
        """A page."""
        answer = await self.browser.get(path)
        assert answer.status_code == status, f"{path}: {answer.status_code} {shown(answer.text).words}"
        return shown(answer.text)

    async def fill_in(self, path: str, **fields: str) -> tuple[str, dict[str, str]]:
        """Where the form of a page is sent to, and what it says once it is filled in."""
        form = (await self.see(path)).all("form", method="post")[-1]
        return form.attributes["action"], {**dict(sent_by(form)), **fields}

    async def send(self, path: str, filled_in: Mapping[str, str]) -> httpx.Response:
        """Press the button."""
        return await self.browser.post(path, data=dict(filled_in))

    async def do(self, path: str, status: int = 303, **fields: str) -> httpx.Response:
        """Fill in the form of a page, and press the button."""
        answer = await self.send(*await self.fill_in(path, **fields))
        assert answer.status_code == status, shown(answer.text).words
        return answer


@asynccontextmanager
async def visitor(world: PageWorld, who: str) -> AsyncIterator[Visitor]:
    """Somebody who is signed in."""
    async with browser_of(world.container, who) as browser:
        yield Visitor(browser)
