"""The OpenAPI document and its page: complete, the same everywhere, and nothing in them that runs."""

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from chargeback.api.documentation.router import POLICY
from scripts.document_api import FILE, document_text
from tests.support.people import as_person

pytestmark = pytest.mark.anyio

PEOPLE = {"costs", "usage", "me", "reports", "analytics", "audit log"}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(document_text())
    return found


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def test_the_committed_document_is_the_one_that_is_served() -> None:
    assert FILE.read_text("utf-8") == document_text(), "run scripts/document-api"


def test_every_operation_has_a_name_of_its_own_a_heading_and_a_text(document: dict[str, Any]) -> None:
    names = [operation["operationId"] for _, operation in operations(document)]

    assert len({*names}) == len(names)
    assert [name for name in names if not re.fullmatch(r"[a-z]+([A-Z][a-z]+)+", name)] == []
    assert [name for name, each in operations(document) if not (each["summary"] and each["description"])] == []
    assert {tag for _, each in operations(document) for tag in each["tags"]} <= {
        tag["name"] for tag in document["tags"] if tag["description"]
    }


def test_every_operation_for_people_needs_a_token_and_says_how_it_refuses(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        if PEOPLE.isdisjoint(operation["tags"]):
            continue
        assert operation["security"] == [{"entra": []}], name
        assert {"400", "401", "404", "500", "503"} <= {*operation["responses"]}, name
        for parameter in operation.get("parameters", ()):
            assert parameter["description"], (name, parameter["name"])


def test_every_type_that_is_named_is_there_and_described(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    named = {*re.findall(r'"#/components/schemas/(\w+)"', json.dumps(document))}

    assert named == {*schemas}
    assert [name for name, schema in schemas.items() if not schema.get("description")] == []


async def test_the_document_and_its_page_are_served_to_everybody(costs: httpx.AsyncClient) -> None:
    served = await costs.get("/api/v1/openapi.json")
    page = await costs.get("/api/v1/docs")
    style = await costs.get("/api/v1/docs/page.css")
    again = await costs.get("/api/v1/docs", headers={"If-None-Match": page.headers["etag"]})

    assert served.json() == json.loads(document_text())
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert style.headers["content-type"] == "text/css; charset=utf-8"
    assert again.status_code == 304
    for answer in (served, page, style, again):
        assert answer.headers["content-security-policy"] == POLICY
        assert answer.headers["x-content-type-options"] == "nosniff"


async def test_the_page_names_every_operation_and_loads_nothing_but_its_style(
    costs: httpx.AsyncClient, document: dict[str, Any]
) -> None:
    page = (await costs.get("/api/v1/docs")).text

    assert "<script" not in page.lower()
    assert re.findall(r"\s(?:style|on\w+)=", page) == []
    assert {*re.findall(r'(?:href|src)="([^#"][^"]*)"', page)} == {"docs/page.css", "openapi.json"}
    anchors = {*re.findall(r'id="([^"]+)"', page)}
    assert {*re.findall(r'href="#([^"]+)"', page)} <= anchors
    assert {each["operationId"] for name, each in operations(document) if not name.startswith("OPTIONS")} <= anchors


async def test_the_document_is_the_same_whoever_asks_and_however(costs: httpx.AsyncClient) -> None:
    answers = [
        await costs.get("/api/v1/openapi.json", headers=headers)
        for headers in ({}, as_person("finance"), {"Accept": "text/html"}, {"X-Forwarded-Host": "evil.test"})
    ]

    assert len({answer.content for answer in answers}) == 1
