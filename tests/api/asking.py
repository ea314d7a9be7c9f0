"""How tests ask the API: get, post, and a question about the costs of March."""

from typing import Any

import httpx

from tests.support.people import as_person

MARCH = {"startDate": "2026-03-01", "endDate": "2026-03-31"}
FIGURES = (
    "costs/summary", "costs/series", "costs/breakdown", "usage/summary", "applications", "chargeback/report",
    "analytics/export", "sessions/users/top-spenders",
)  # fmt: skip


async def get(api: httpx.AsyncClient, path: str, who: str = "finance", **headers: str) -> httpx.Response:
    return await api.get(path, headers=as_person(who) | headers)


async def act(api: httpx.AsyncClient, path: str, who: str = "finance", **given: Any) -> httpx.Response:
    headers = as_person(who) | {name.replace("_", "-"): value for name, value in given.pop("headers", {}).items()}
    return await api.post(path, json=given, headers=headers)


async def ask(client: httpx.AsyncClient, path: str, who: str = "finance", **parameters: Any) -> dict[str, Any]:
    answer = await client.get(f"/api/v1/{path}", params=MARCH | parameters, headers=as_person(who))
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found
