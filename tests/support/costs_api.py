"""The API over a product in memory whose months have views."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from chargeback.adapters.memory.stores import MemoryControl
from chargeback.adapters.recording.control import RecordedControl
from chargeback.api.app import http_api
from chargeback.domain.access.app_roles import AppRole
from chargeback.domain.access.requester import Identity, Requester, RowScope
from chargeback.services.access.cursor_key import CursorKey
from tests.support.cost_views import ViewedProduct, printed_rows
from tests.support.evidenced_months import call, evidenced
from tests.support.people import TENANT, PeopleByName, person
from tests.support.whole_api import fresh, memory_container

EVERYTHING = RowScope(everything=True)
NOW = datetime(2026, 3, 20, 6, tzinfo=UTC)

FINANCE = person("finance", AppRole.FINANCE, scope=EVERYTHING)
AUDITOR = person("auditor", AppRole.AUDITOR, scope=EVERYTHING)
OPERATOR = person("operator", AppRole.OPERATOR)
USER = person("user", AppRole.USER)
NOBODY = person("nobody")
OWNER = Requester(
    Identity(TENANT, "object-owner"), "owner", frozenset({AppRole.OWNER}), RowScope(False, frozenset({"product"}))
)
EVERYBODY = (FINANCE, AUDITOR, OPERATOR, USER, NOBODY, OWNER)


async def viewed_march(folder: Path) -> ViewedProduct:
    """March, which is open: the user and somebody else called, once nobody knew by what and once without a price."""
    product = evidenced(folder)
    mine = {"tenantId": TENANT, "userObjectId": USER.identity.object_id}
    other = {"tenantId": TENANT, "userObjectId": "object-other"}
    calls = [
        call("search", "2026-03-10T10:00:00Z", **mine),
        call("search", "2026-03-11T10:00:00Z", **other),
        call("nomads", "2026-03-14T10:00:00Z", **other),
        call("stranger", "2026-03-15T10:00:00Z", username="=cmd"),
        call("nomads", "2026-03-16T10:00:00Z", deployment="unknown", model="gpt-unknown"),
    ]
    await product.ingest(calls, NOW)
    await product.auditor.audit(NOW)  # the days are too old to be counted
    viewed = ViewedProduct(product)
    await viewed.refresh(NOW)
    return viewed


def costs_api(viewed: ViewedProduct, **container: Any) -> FastAPI:
    """The whole API over the stores of a product."""
    return http_api(memory_container(**_parts_of(viewed) | container))


def over_again(api: FastAPI, viewed: ViewedProduct, **container: Any) -> FastAPI:
    """An API that `costs_api` has built, over the stores of a product and otherwise empty ones."""
    fresh(api.state.container, **_parts_of(viewed) | container)
    return api


def _parts_of(viewed: ViewedProduct) -> dict[str, Any]:
    product = viewed.product
    return {
        "costs": viewed.reader,
        "people": PeopleByName(*EVERYBODY),
        "cursor_key": CursorKey(MemoryControl()),
        "control": RecordedControl(product.control),
        "catalogues": product.catalogues,
        "ledger": product.ledger,
        "counter": product.counter,
        "books": product.books,
        "reports": product.reports,
        "closed_reports": product.closed,
        "settled_files": product.settled_files,
    }


async def printed_march(viewed: ViewedProduct) -> list[dict[str, str]]:
    """The rows of the draft that `publish` writes at the version of the books that the views have."""
    await viewed.product.publish_drafts(NOW)
    return printed_rows(viewed.product.reports.files, "2026-03")
