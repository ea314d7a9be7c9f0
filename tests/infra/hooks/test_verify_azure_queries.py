"""The queries of the points sum up what the points read, show no key, and belong to a point each."""

import json
from pathlib import Path
from typing import Any

import pytest

from scripts.kql.engine import Workspace
from scripts.verify.live import QUERIES
from tests.support.log_rows import call, line, trace

WHOLE = '{"specversion":"1.0","type":"chargeback.usage.recorded.v1","id":"a","data":{"operation":"chat.completions"}}'


def kept(message: str) -> str:
    return json.dumps([{"source": "usage", "severity": "information", "message": message}])


ROWS: dict[str, list[dict[str, Any]]] = {
    "AppTraces": [
        line("settled", settled=3, recovered=0, estimated=1, waiting=0),
        line("reconciled", period="2026-10", unexplained="0.5", unmapped_meters=2),
        trace("other"),
    ],
    "ApiManagementGatewayLogs": [
        {**call(), "Method": "POST", "OperationId": "chat", "CorrelationId": "a", "TraceRecords": kept(WHOLE)},
        {**call(429, backend_code=429), "Method": "POST", "OperationId": "chat", "CorrelationId": "b"}
        | {"TraceRecords": kept(WHOLE[:60])},
        {**call(backend_code=429), "Method": "POST", "OperationId": "embed", "CorrelationId": "c"},
    ],
    "ApiManagementGatewayLlmLog": [
        {"CorrelationId": "a", "IsStreamCompletion": True, "TotalTokens": 9, "OperationName": "chat"},
        {"CorrelationId": "x", "IsStreamCompletion": True, "TotalTokens": 0, "OperationName": "chat"},
    ],
    "AppRequests": [
        {"Name": "close_periods", "Success": True, "DurationMs": 5.0},
        {"Name": "close_periods", "Success": False, "DurationMs": 99.0},
    ],
}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("one-call", {"calls": 2, "both": 1}),
        ("settled", {"settled": 3, "estimated": 1}),
        ("kept", {"calls": 3, "traced": 2, "kept": 2, "whole": 1}),
        ("streams", {"OperationName": "chat", "calls": 2, "uncounted": 1}),
        ("content", {"rows": 0}),
        ("failovers", {"calls": 3, "refused": 2, "seen": 1, "regions": 1, "backends": 1}),
        ("closing", {"runs": 1, "longest": 5.0}),
    ],
)
def test_a_query_sums_up_what_its_point_reads(query: str, expected: dict[str, Any]) -> None:
    text = (QUERIES / f"{query}.kql").read_text("utf-8")

    assert Workspace(ROWS).answer(text) == [expected]


def test_queries_that_list_return_what_their_points_read() -> None:
    workspace = Workspace(ROWS)
    operations = workspace.answer((QUERIES / "logged.kql").read_text("utf-8"))
    months = workspace.answer((QUERIES / "reconciled.kql").read_text("utf-8"))

    assert {row["OperationId"]: (row["calls"], row["logged"]) for row in operations} == {
        "chat": (1, 1),
        "embed": (1, 0),
    }
    assert [(row["period"], row["unmapped_meters"]) for row in months] == [("2026-10", 2)]


def test_a_key_in_a_query_is_shown_unless_it_is_masked() -> None:
    urls = (
        *("https://g/openai/v1/models?api-key=abc", "https://g/openai/v1/models?a=1&Username=ann"),
        *("https://g/openai/v1/models?username=***&a=b", "https://g/openai/v1/username=x"),
    )
    rows = [{**call(401, caller=""), "Url": url} for url in urls]

    found = Workspace({"ApiManagementGatewayLogs": rows}).answer((QUERIES / "strangers.kql").read_text("utf-8"))

    assert found == [{"strangers": 4, "placed": 4, "given": 3, "shown": 2}]


def test_a_route_is_what_its_calls_have_in_common() -> None:
    rows = [
        {**call(backend_code=backend, api=api), "Method": method, "Url": f"https://gateway/openai/{path}"}
        for method, path, backend, api in (
            ("POST", "v1/uploads", 401, "azure-openai"),
            ("POST", "v1/uploads/u-1/parts?api-version=v1", 200, "azure-openai"),
            ("GET", "v1/vector_stores?limit=1", 401, "azure-openai"),
            ("POST", "deployments/uploads-of-ours/embeddings", 200, "azure-openai"),
            ("DELETE", "v1/conversations/c", 200, "probe"),
        )
    ]

    found = Workspace({"ApiManagementGatewayLogs": rows}).answer((QUERIES / "doubtful.kql").read_text("utf-8"))

    assert {row["route"]: (row["calls"], row["answered"], row["denied"]) for row in found} == {
        "POST uploads": (2, 1, 1),
        "GET vector_stores": (1, 0, 1),
    }


def test_every_query_belongs_to_a_point() -> None:
    source = (Path(QUERIES).parent / "points.py").read_text("utf-8")

    assert all(f'"{path.stem}"' in source for path in QUERIES.glob("*.kql"))
