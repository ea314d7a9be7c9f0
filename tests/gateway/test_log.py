"""The gateway's log answers `azure-monitor-query` for the product's own queries."""

import asyncio
import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from stack.gateway.log_analytics import Limits, application
from stack.gateway.log_tables import CALL_TABLE, LLM_TABLE, path_of
from stack.listening import listening

QUERIES = Path(__file__).parents[2] / "chargeback" / "adapters" / "azure" / "queries"
MOMENT = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path


def llm(call: str, tokens: int, **more: Any) -> dict[str, Any]:
    row = {
        "CorrelationId": call,
        "SequenceNumber": 0,
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


def named(query: str, *ids: str) -> str:
    """A query of the product, for these calls."""
    quoted = ", ".join(f"'{each}'" for each in ids)
    return (QUERIES / f"{query}.kql").read_text().replace("(CORRELATION_IDS)", f"({quoted})")


def ask(state: Path, query: str, limits: Limits | None = None, **headers: str) -> tuple[int, Any]:
    async def post() -> tuple[int, Any]:
        span = f"{(MOMENT - timedelta(hours=1)).isoformat()}/{(MOMENT + timedelta(hours=1)).isoformat()}"
        async with listening(application(state, limits)) as port, aiohttp.ClientSession() as session:
            url = f"http://127.0.0.1:{port}/v1/workspaces/w/query"
            body = {"query": query, "timespan": span}
            async with session.post(url, json=body, headers={"Authorization": "Bearer t", **headers}) as answer:
                return answer.status, await answer.json()

    return asyncio.run(post())


def rows_of(answer: Any) -> list[dict[str, Any]]:
    (table,) = answer["tables"]
    names = [column["name"] for column in table["columns"]]
    return [dict(zip(names, row, strict=True)) for row in table["rows"]]


def test_the_rows_of_a_call_are_summed_each_once(state: Path) -> None:
    write(state, LLM_TABLE, llm("one", 10), llm("one", 5, SequenceNumber=1), llm("two", 1), llm("other", 1))
    write(state, LLM_TABLE, llm("one", 10), visible=5)  # taken in twice, as may happen

    status, answer = ask(state, named("token_counts", "one", "two"))

    assert status == 200
    assert {row["CorrelationId"]: row["TotalTokens"] for row in rows_of(answer)} == {"one": 17, "two": 2}
    assert {row["CorrelationId"]: row["Arrived"] for row in rows_of(answer)}["one"] == "1970-01-01T00:00:05Z"


def test_the_mean_is_of_streamed_calls_that_used_anything(state: Path) -> None:
    write(state, LLM_TABLE, *(llm(f"call-{n}", n) for n in (10, 11)), llm("whole", 99, IsStreamCompletion=False))
    write(state, LLM_TABLE, llm("nothing", 0, CompletionTokens=0), llm("call-10", 10))

    _, answer = ask(state, named("stream_means"))

    assert rows_of(answer) == [{"DeploymentName": "gpt-4o", "Calls": 2, "PromptTokens": 11, "CompletionTokens": 1}]


def test_an_answer_above_the_limits_is_cut_off_or_comes_too_late(state: Path) -> None:
    write(state, LLM_TABLE, llm("one", 1), llm("two", 1), llm("three", 1))
    query = named("token_counts", "one", "two", "three")

    cut = ask(state, query, Limits(most_rows=2))
    late = ask(state, query, Limits(most_read=2))

    assert (cut[0], len(rows_of(cut[1])), cut[1]["error"]["code"]) == (200, 2, "PartialError")
    assert (late[0], late[1]["error"]["code"]) == (504, "GatewayTimeout")


def test_rows_outside_the_span_or_not_yet_arrived_are_not_seen(state: Path) -> None:
    write(state, LLM_TABLE, llm("early", 1, TimeGenerated="2026-01-01T00:00:00Z"))
    write(state, LLM_TABLE, llm("arriving", 1), visible=time.time() + 600)

    _, answer = ask(state, named("token_counts", "early", "arriving"))

    assert rows_of(answer) == []


def call(name: str, *traces: dict[str, Any], **more: Any) -> dict[str, Any]:
    names = ("Url", "BackendUrl", "ApimSubscriptionId", "ProductId", "UserId")
    row = {**dict.fromkeys(names, "x"), "CorrelationId": name, "Method": "POST", "ResponseCode": 200, "TotalTime": 5}
    where = {"Region": "Sweden Central", "_ResourceId": "/subscriptions/s/service/Local"}
    return {**row, **where, "TimeGenerated": MOMENT.isoformat(), "TraceRecords": list(traces), **more}


def kept(name: str, **data: Any) -> dict[str, Any]:
    of = {"id": name, "source": "/apim/Local/swedencentral", "time": "2026-03-01T12:00:00Z"}
    event = {"type": "chargeback.usage.recorded.v1", **of, "data": data}
    return {"source": "usage", "severity": "information", "message": json.dumps(event)}


def test_calls_are_found_by_their_ids_each_with_the_event_that_is_kept_of_it(state: Path) -> None:
    other = {"source": "debug", "message": "hello"}
    write(state, CALL_TABLE, call("a"), call("b", other, kept("b")), call("b", other, kept("b")))

    _, answer = ask(state, named("gateway_calls", "b", "c"))

    (found,) = rows_of(answer)
    assert (found["CorrelationId"], found["ServiceName"], json.loads(found["Event"])["id"]) == ("b", "local", "b")


def test_what_the_log_keeps_of_calls_is_told_without_what_they_used(state: Path) -> None:
    write(state, CALL_TABLE, call("a", kept("a", responseId="resp_1", method="GET", usage={"total_tokens": 5})))
    write(
        state,
        CALL_TABLE,
        call("bare"),
        call("stranger", BackendUrl=""),
        call("cut", {"source": "usage", "message": '{"type": "ch'}),
    )

    _, answer = ask(state, named("kept_events"))

    found = {row["CorrelationId"]: row for row in rows_of(answer)}
    assert list(found) == ["a", "bare", "cut"]
    assert found["a"] == {
        "CorrelationId": "a",
        "TimeGenerated": MOMENT.isoformat(),
        "Region": "Sweden Central",
        "ServiceName": "local",
        "Type": "chargeback.usage.recorded.v1",
        "EventId": "a",
        "EventSource": "/apim/Local/swedencentral",
        "EventTime": "2026-03-01T12:00:00Z",
        "ResponseId": "resp_1",
        "EventMethod": "GET",
    }
    assert (found["bare"]["Type"], found["cut"]["Type"]) == ("", "")


def test_another_query_is_refused(state: Path) -> None:
    status, answer = ask(state, "ApiManagementGatewayLlmLog | take 1")

    assert (status, answer["error"]["code"]) == (400, "SyntaxError")


def test_a_query_without_a_token_is_refused(state: Path) -> None:
    assert ask(state, "x", Authorization="")[0] == 401
