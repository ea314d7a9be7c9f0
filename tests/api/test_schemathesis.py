"""Whatever the OpenAPI document allows or forbids, each role gets an answer that the document describes.

Seeded and short; `THOROUGH=50 scripts/test tests/api/test_schemathesis.py` asks fifty times as much.
"""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from scripts.document_api import document_text
from tests.support.costs_api import EVERYBODY
from tests.support.examples import few
from tests.support.people import as_person

pytestmark = pytest.mark.anyio

CHECKS = [
    not_a_server_error, status_code_conformance, content_type_conformance, response_headers_conformance,
    response_schema_conformance,
]  # fmt: skip
HEADINGS = {"costs", "usage", "me", "reports", "analytics"}
"""Those whose routes read nothing but the costs, which a product in memory has."""

ACTING = {"budgets", "periods", "operations", "prices", "outlook", "explanations", "repairs"}
"""Those whose routes read other things, or change something."""


def operations(headings: set[str]) -> Iterator[Any]:
    for found in schemathesis.openapi.from_dict(json.loads(document_text())).get_all_operations():
        operation = found.ok()
        if not headings.isdisjoint(operation.tags or ()):
            yield operation


def cases(operation: Any, mode: GenerationMode) -> list[Any]:
    """Requests for an operation, the same in every run."""
    made: list[Any] = []

    @settings(
        max_examples=few(2),
        derandomize=True,
        database=None,
        suppress_health_check=[*HealthCheck],
        phases=[Phase.explicit, Phase.generate],
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def make(case: Any) -> None:
        made.append(case)

    make()
    return made


async def sent(client: httpx.AsyncClient, case: Any, who: str) -> httpx.Response:
    request = case.as_transport_kwargs(base_url="https://api.test")
    parts = {name: request.get(name) for name in ("method", "url", "params", "json")}
    return await client.request(**parts, headers={**(request.get("headers") or {}), **as_person(who)})


@pytest.mark.parametrize("operation", [*operations(HEADINGS)], ids=lambda each: each.label)
async def test_each_role_gets_an_answer_that_the_document_describes(costs: httpx.AsyncClient, operation: Any) -> None:
    seen = set()
    for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
        for case in cases(operation, mode):
            for who in EVERYBODY:
                answer = await sent(costs, case, who.name)
                case.validate_response(answer, checks=CHECKS)
                seen.add(answer.status_code)

    assert 200 in seen
    assert seen <= {200, 400, 404, 406, 414}


@pytest.mark.parametrize("operation", [*operations(ACTING)], ids=lambda each: each.label)
async def test_each_role_acts_only_as_the_document_describes(costs: httpx.AsyncClient, operation: Any) -> None:
    for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
        for case in cases(operation, mode):
            for who in EVERYBODY:
                answer = await sent(costs, case, who.name)
                case.validate_response(answer, checks=CHECKS)
