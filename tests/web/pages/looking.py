"""Somebody who looks at a page without a screen, and reads its figures as the files print them."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import httpx

from chargeback.domain.access.requester import Requester
from tests.support.cost_views import printed_rows
from tests.support.pages import browser_of
from tests.support.people import as_person
from tests.support.written_statements import Page


@dataclass(frozen=True)
class Books:
    """A product in memory: its container, and the files that it published."""

    container: Any
    files: Mapping[str, bytes]

    def who(self, name: str) -> Requester:
        """Somebody who is signed in."""
        known: dict[str, Requester] = self.container.sessions.known
        return known[name]

    def printed(self, month: str) -> list[dict[str, str]]:
        """The rows of the chargeback file of a month."""
        return printed_rows(self.files, month)


async def look(container: Any, who: str, path: str, status: int = 200) -> Page:
    """The page as somebody gets it, read strictly."""
    async with browser_of(container, who) as browser:
        answer = await browser.get(path)
    assert answer.status_code == status, f"{path}: {answer.status_code} {answer.text}"
    return Page(answer.text)


async def ask(container: Any, who: str, path: str, **parameters: Any) -> dict[str, Any]:
    """What the API tells the same person."""
    async with browser_of(container) as browser:
        answer: httpx.Response = await browser.get(f"/api/v1/{path}", params=parameters, headers=as_person(who))
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def amount(cell: str) -> Decimal:
    """What a cell says, as a number; what nobody knows counts as nothing."""
    text = cell.replace("≥", "").replace("_", "")
    return Decimal(0) if text in ("not known yet", "-") else Decimal(text)


def headline(cost: Decimal) -> str:
    """As a headline prints it, read as `plain`."""
    return f"{cost.quantize(Decimal('0.01'), ROUND_HALF_EVEN):,}".replace(",", "_")


def told(page: Page, section: str) -> dict[str, tuple[Decimal, int]]:
    """Name → cost and calls, as a table by name says them; 0 where nobody knows the cost."""
    return {
        row[0]: (amount(row[2]), 0 if row[1] == "-" else int(row[1].replace("_", "")))
        for row in page.tables[section][1:]
    }
