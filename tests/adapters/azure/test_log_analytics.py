"""The log adapter against a real HTTPS server that answers as Log Analytics does when it is in trouble."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from chargeback.adapters.azure.log_analytics import LogAnalytics
from chargeback.domain.errors import StoreUnavailable
from chargeback.domain.events.usage_event import Phase, call_identity, call_in
from chargeback.domain.streams.gateway_log import KeptEvent, LoggedCall, LoggedTokens, StreamMean
from tests.support.builders import usage_event
from tests.support.log_queries import asked_of

NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)
COLUMNS = [
    ("CorrelationId", "string"),
    ("PromptTokens", "long"),
    ("CompletionTokens", "long"),
    ("TotalTokens", "long"),
    ("DeploymentName", "string"),
    ("ModelName", "string"),
    ("IsStreamCompletion", "int"),
    ("Region", "string"),
    ("ServiceName", "string"),
    ("Started", "datetime"),
    ("Arrived", "datetime"),
]
CALLS = ["CorrelationId", "TimeGenerated", "Method", "Url", "ResponseCode", "TotalTime", "BackendUrl", "Region"]
CALLS += ["ApimSubscriptionId", "ProductId", "UserId", "ServiceName", "Event"]
KEPT = [(name, "datetime" if name == "TimeGenerated" else "string") for name in ("CorrelationId", "TimeGenerated")]
KEPT += [(name, "string") for name in ("Region", "ServiceName", "Type", "EventId", "EventSource", "EventTime")]
KEPT += [("ResponseId", "string")]
KEPT += [("EventMethod", "string")]
Answer = Callable[[dict[str, Any]], tuple[int, Any]]


def table(columns: list[tuple[str, str]], rows: list[list[Any]]) -> dict[str, Any]:
    return {"name": "PrimaryResult", "columns": [{"name": n, "type": t} for n, t in columns], "rows": rows}


def asked(answer: Answer, folder: Path, work: Callable[[LogAnalytics], Any]) -> Any:
    """What `work` gets from a workspace that answers so."""

    async def respond(request: web.Request) -> web.Response:
        status, document = answer(await request.json())
        return web.json_response(document, status=status)

    app = web.Application()
    app.router.add_post("/v1/workspaces/{workspace}/query", respond)
    return asked_of(app, folder, work)


def counts_of_one(log: LogAnalytics) -> Any:
    """The tokens of one call."""
    return log.token_counts(NOON, NOON, ["call-1"])


def span(body: dict[str, Any]) -> timedelta:
    since, until = (datetime.fromisoformat(part) for part in body["timespan"].split("/"))
    return until - since


def named(body: dict[str, Any]) -> list[str]:
    """The calls that a query is about."""
    return re.findall(r"'(call-\d+)'", body["query"])


def counted(name: str) -> list[Any]:
    return [name, 10, 2, 12, "gpt-4o", "", 1, "East US 2", "gw", "2026-03-14T11:59:00Z", "2026-03-14T12:00:00Z"]


PARTIAL = {"error": {"code": "PartialError", "message": "too many rows"}}


@pytest.mark.parametrize("status", [200, 504])
def test_an_answer_that_is_cut_off_or_late_is_asked_for_in_halves_of_its_calls(tmp_path: Path, status: int) -> None:
    asked_for: list[int] = []

    def answer(body: dict[str, Any]) -> tuple[int, Any]:
        asked_for.append(len(named(body)))
        whole = {"tables": [table(COLUMNS, [counted(each) for each in named(body)])]}
        if len(named(body)) > 2:
            return status, {**whole, **PARTIAL} if status == 200 else PARTIAL
        return 200, whole

    ids = [f"call-{n}" for n in range(5)]
    counts = asked(answer, tmp_path, lambda log: log.token_counts(NOON - timedelta(hours=1), NOON, ids))

    assert asked_for == [5, 2, 3, 1, 2]
    assert [count.correlation_id for count in counts.rows] == ids
    assert counts.rows[0] == LoggedTokens(
        "call-0", "/apim/gw/eastus2", NOON - timedelta(minutes=1), "gpt-4o", "", 10, 2, 12, True, NOON
    )


@pytest.mark.parametrize("status", [200, 504])
def test_a_span_whose_answer_is_cut_off_or_late_is_asked_for_in_halves(tmp_path: Path, status: int) -> None:
    spans: list[timedelta] = []
    row = [
        "call-1",
        "2026-03-14T11:59:00Z",
        "East US 2",
        "gw",
        "chargeback.usage.pending.v1",
        "call-1",
        "/apim/GW/eastus2",
    ]
    row += ["2026-03-14T11:59:00.123Z", "resp_1", "POST"]

    def answer(body: dict[str, Any]) -> tuple[int, Any]:
        spans.append(span(body))
        whole = {"tables": [table(KEPT, [row])]}
        if span(body) > timedelta(minutes=30):
            return status, {**whole, **PARTIAL} if status == 200 else PARTIAL
        return 200, whole

    kept = asked(answer, tmp_path, lambda log: log.kept_events(NOON - timedelta(hours=1), NOON))

    assert spans == [timedelta(hours=1), timedelta(minutes=30), timedelta(minutes=30)]
    call = call_in(usage_event(id="call-1", source="/apim/GW/eastus2", type="pending", responseId="resp_1"))
    assert call is not None
    assert kept.rows == [KeptEvent("call-1", NOON - timedelta(minutes=1), call[0], "2026-03-14", Phase.PENDING)]


@pytest.mark.parametrize("other", ["id", "source"])
def test_an_event_that_is_not_the_calls_own_is_not_believed(tmp_path: Path, other: str) -> None:
    row = ["call-1", "2026-03-14T11:59:00Z", "East US 2", "gw", "chargeback.usage.recorded.v1"]
    row += ["call-2", "/apim/gw/eastus2"] if other == "id" else ["call-1", "/apim/elsewhere/eastus2"]
    row += ["2026-03-10T11:59:00.123Z", "", "POST"]

    kept = asked(
        lambda _body: (200, {"tables": [table(KEPT, [row])]}), tmp_path, lambda log: log.kept_events(NOON, NOON)
    )

    assert [(each.call, each.day, each.phase) for each in kept.rows] == [
        (call_identity("/apim/gw/eastus2", "call-1"), "2026-03-14", None)
    ]


def test_an_answer_that_stays_cut_off_is_a_failure_and_never_half_a_truth(tmp_path: Path) -> None:
    def answer(_body: dict[str, Any]) -> tuple[int, Any]:
        return 200, {"tables": [table(COLUMNS, [])], **PARTIAL}

    for ask in (
        lambda log: log.token_counts(NOON - timedelta(minutes=2), NOON, ["call-1", "call-2"]),
        lambda log: log.kept_events(NOON - timedelta(minutes=2), NOON),
        lambda log: log.stream_means(NOON - timedelta(minutes=2), NOON),
    ):
        with pytest.raises(StoreUnavailable, match="too many rows"):
            asked(answer, tmp_path, ask)


def test_what_is_no_id_of_a_gateway_never_reaches_a_query(tmp_path: Path) -> None:
    queries: list[str] = []

    def answer(body: dict[str, Any]) -> tuple[int, Any]:
        queries.append(body["query"])
        return 200, {"tables": [table(COLUMNS, [])]}

    ids = ["call-1", "x') | union ApiManagementGatewayLogs //", "it's"]
    asked(answer, tmp_path, lambda log: log.token_counts(NOON, NOON, ids))
    asked(answer, tmp_path, lambda log: log.calls(NOON, NOON, ids[1:]))

    assert len(queries) == 1
    assert "in ('call-1')" in queries[0]


def test_the_mean_of_each_deployment_is_read(tmp_path: Path) -> None:
    columns = [("DeploymentName", "string"), ("Calls", "long"), ("PromptTokens", "int"), ("CompletionTokens", "int")]

    means = asked(
        lambda _body: (200, {"tables": [table(columns, [["gpt-4o", 12, 105, 50]])]}),
        tmp_path,
        lambda log: log.stream_means(NOON, NOON),
    )

    assert means == {"gpt-4o": StreamMean(12, 105, 50)}


@pytest.mark.parametrize("status", [400, 403, 429, 500, 503])
def test_a_workspace_that_refuses_is_unavailable(tmp_path: Path, status: int) -> None:
    def answer(_body: dict[str, Any]) -> tuple[int, Any]:
        return status, {"error": {"code": "Trouble", "message": "not now"}}

    with pytest.raises(StoreUnavailable, match="Log Analytics"):
        asked(answer, tmp_path, lambda log: log.token_counts(NOON - timedelta(hours=1), NOON, ["call-1"]))


def test_rows_with_empty_columns_are_read(tmp_path: Path) -> None:
    row = [
        "call-1",
        10,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        "2026-03-14T12:00:00Z",
        "2026-03-14T12:00:00.1234567Z",
    ]

    counts = asked(
        lambda _body: (200, {"tables": [table(COLUMNS, [row])]}),
        tmp_path,
        counts_of_one,
    )

    assert (counts.rows[0].prompt, counts.rows[0].completion, counts.rows[0].total, counts.rows[0].streamed) == (
        10,
        0,
        0,
        False,
    )
    assert counts.rows[0].usage() == {"prompt_tokens": 10, "completion_tokens": 0, "total_tokens": 10}


def test_calls_are_asked_for_by_their_ids(tmp_path: Path) -> None:
    queries: list[str] = []

    def answer(body: dict[str, Any]) -> tuple[int, Any]:
        queries.append(body["query"])
        kinds = [(name, "datetime" if name == "TimeGenerated" else "string") for name in CALLS]
        row = ["id-1", "2026-03-14T12:00:00Z", "POST", "https://gw/openai/v1/responses", 200, 12]
        row += ["https://oai-eastus2.openai.azure.com/openai/v1/responses", "East US 2", "search", "standard", "", "gw"]
        return 200, {"tables": [table(kinds, [[*row, "{}"]])]}

    calls = asked(answer, tmp_path, lambda log: log.calls(NOON, NOON, ["id-1", "id-2"]))

    assert "in ('id-1', 'id-2')" in queries[0]
    assert calls.rows == [
        LoggedCall(
            correlation_id="id-1",
            source="/apim/gw/eastus2",
            time=NOON,
            region="eastus2",
            method="POST",
            url="https://gw/openai/v1/responses",
            status=200,
            duration_ms=12,
            backend="oai-eastus2.openai.azure.com",
            subscription_id="search",
            product_id="standard",
            user_id="",
            event=b"{}",
        )
    ]


GOOD = ["call-1", 10, 2, 12, "gpt-4o", "", 1, "East US 2", "gw", "2026-03-14T11:59:00Z", "2026-03-14T12:00:00Z"]
BAD = {
    "a time of no calendar": (9, "2026-02-31T11:59:00Z"),
    "an invalid time": (9, "soon"),
    "no time": (10, None),
    "not a number": (1, "NaN"),
    "less than none": (2, -5),
    "more than any call has": (3, 10**15),
    "half a token": (1, 1.5),
}


@pytest.mark.parametrize("fault", BAD)
def test_a_row_that_cannot_be_read_keeps_no_other_from_being_read(tmp_path: Path, fault: str) -> None:
    column, value = BAD[fault]
    bad = ["call-2", *GOOD[1:]]
    bad[column] = value

    answer = {"tables": [table(COLUMNS, [bad, GOOD])]}
    found = asked(lambda _body: (200, answer), tmp_path, counts_of_one)

    assert [count.correlation_id for count in found.rows] == ["call-1"]
    assert list(found.unreadable) == ["call-2"]


def test_half_a_letter_in_a_row_becomes_a_question_mark(tmp_path: Path) -> None:
    row = [*GOOD[:4], "gpt-4o\ud800", *GOOD[5:]]

    found = asked(
        lambda _body: (200, {"tables": [table(COLUMNS, [row])]}),
        tmp_path,
        counts_of_one,
    )

    assert found.rows[0].deployment == "gpt-4o?"
