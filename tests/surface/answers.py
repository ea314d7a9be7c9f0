"""What the HTTP API answers: each route with its status and the fields of its answer."""

from collections.abc import AsyncIterator
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import httpx

from chargeback.api.app import http_api
from chargeback.api.errors import STATUS
from chargeback.bootstrap import Container
from tests.support.builders import cloud_event
from tests.surface.life import CALLER, FILE
from tests.surface.shapes import fields


class _EveryToken:
    """Takes every token for one of the gateway's."""

    def __init__(self, app_id: str | None) -> None:
        self._app_id = app_id

    async def application(self, token: str) -> Any:
        return SimpleNamespace(app_id=self._app_id)


async def answers(container: Container, key: str, now: datetime) -> AsyncIterator[str]:
    """What is answered to whoever may ask, and to others."""
    container.__dict__["gateway_tokens"] = _EveryToken(container.settings.owners_client_id)
    allowed, bearer = {"x-events-key": key}, {"authorization": "Bearer token"}
    event = cloud_event(time=f"{now:%Y-%m-%d}T00:00:01Z", **CALLER)
    asked: list[tuple[str, str, dict[str, Any]]] = [
        ("GET", "/api/live", {}),
        ("GET", "/api/ready", {}),
        ("GET", "/api/health", {}),
        ("POST", "/api/v1/events", {"headers": allowed, "json": [event, event | {"type": "no-such-type"}]}),
        ("POST", "/api/v1/events", {"headers": allowed, "content": b"no JSON"}),
        ("POST", "/api/v1/events", {"json": event}),
        ("POST", "/api/v1/owners", {"headers": bearer, "json": {"objects": [FILE]}}),
        ("POST", "/api/v1/owners", {"json": {"objects": [FILE]}}),
    ]
    transport = httpx.ASGITransport(http_api(container))
    async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
        for method, path, sent in asked:
            answer = await client.request(method, path, **sent)
            for field in fields(answer.json()):
                yield f"{method} {path} {answer.status_code}: {field}"
    for error, status in STATUS.items():
        yield f"error.code {error.__name__}: {status}"
