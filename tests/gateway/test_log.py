"""The gateway's log answers `azure-monitor-query` for the product's own queries."""

import asyncio
import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from scripts.local.gateway.llm_log import CALL_TABLE, LLM_TABLE, path_of
from scripts.local.gateway.log_analytics import application
from scripts.local.listening import listening

QUERIES = Path(__file__).parents[2] / "chargeback" / "adapters" / "queries"
MOMENT = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path


def llm(call: str, tokens: int, **more: Any) -> dict[str, Any]:
    row = {
        "CorrelationId": call,
        "TimeGenerated": MOMENT.isoformat(),
        "DeploymentName": "gpt-4o",
        "ModelName": "",
        "Region": "swedencentral",
        "_ResourceId": "/subscriptions/s/service/Local",
    }
    counts = {"PromptTokens": tokens, "CompletionTokens": 1, "TotalTokens": tokens + 1}
    return {**row, **counts, "IsStreamCompletion": True, **more}


def write(state: Path, table: str, *rows: dict[str, Any], visible: float = 0) -> None:
    with path_of(state, table).open("a") as file:
        file.writelines(json.dumps({"visibleAt": visible, "row": row}) + "\n" for row in rows)


def ask(state: Path, query: str, **headers: str) -> tuple[int, Any]:
    async def post() -> tuple[int, Any]:
        span = f"{(MOMENT - timedelta(hours=1)).isoformat()}/{(MOMENT + timedelta(hours=1)).isoformat()}"
        async with listening(application(state)) as port, aiohttp.ClientSession() as session:
            url = f"http://127.0.0.1:{port}/v1/workspaces/w/query"
            body = {"query": query, "timespan": span}
            async with session.post(url, json=body, headers={"Authorization": "Bearer t", **headers}) as answer:
                return answer.status, await answer.json()

    return asyncio.run(post())


def rows_of(answer: Any) -> list[dict[str, Any]]:
    (table,) = answer["tables"]
    names = [column["name"] for column in table["columns"]]
    return [dict(zip(names, row, strict=True)) for row in table["rows"]]


def test_the_rows_of_a_call_are_summed(state: Path) -> None:
    write(state, LLM_TABLE, llm("one", 10), llm("one", 5), llm("two", 1))

    status, answer = ask(state, (QUERIES / "token_counts.kql").read_text())

    assert status == 200
    assert {row["CorrelationId"]: row["TotalTokens"] for row in rows_of(answer)} == {"one": 17, "two": 2}


def test_rows_outside_the_span_or_not_yet_arrived_are_not_seen(state: Path) -> None:
    write(state, LLM_TABLE, llm("early", 1, TimeGenerated="2026-01-01T00:00:00Z"))
    write(state, LLM_TABLE, llm("arriving", 1), visible=time.time() + 600)

    _, answer = ask(state, (QUERIES / "token_counts.kql").read_text())

    assert rows_of(answer) == []


def test_calls_are_found_by_their_ids(state: Path) -> None:
    names = ("Method", "Url", "BackendUrl", "Region", "ApimSubscriptionId", "ProductId", "UserId")
    row = {
        **dict.fromkeys(names, "x"),
        "ResponseCode": 200,
        "TotalTime": 5,
        "TimeGenerated": MOMENT.isoformat(),
    }
    row["_ResourceId"] = "/subscriptions/s/service/Local"
    write(state, CALL_TABLE, {**row, "CorrelationId": "a"}, {**row, "CorrelationId": "b"})
    query = (QUERIES / "gateway_calls.kql").read_text().replace("(CORRELATION_IDS)", "('b', 'c')")

    _, answer = ask(state, query)

    assert [(found["CorrelationId"], found["ServiceName"]) for found in rows_of(answer)] == [("b", "local")]


def test_another_query_is_refused(state: Path) -> None:
    status, answer = ask(state, "ApiManagementGatewayLlmLog | take 1")

    assert (status, answer["error"]["code"]) == (400, "SyntaxError")


def test_a_query_without_a_token_is_refused(state: Path) -> None:
    assert ask(state, "x", Authorization="")[0] == 401
