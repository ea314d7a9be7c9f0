"""The log adapter against a real HTTPS server that answers as Log Analytics does when it is in trouble."""

import asyncio
import ssl
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import pytest
import trustme
from aiohttp import web
from azure.core.credentials import AccessToken
from azure.monitor.query.aio import LogsQueryClient

from chargeback.adapters.log_analytics import LogAnalytics
from chargeback.domain.errors import StoreUnavailable
from chargeback.domain.settlement import LoggedCall, TokenCount
from scripts.local.listening import listening

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
CALLS += ["ApimSubscriptionId", "ProductId", "UserId", "ServiceName"]
Answer = Callable[[dict[str, Any]], tuple[int, Any]]


class Credential:
    """A token for everybody."""

    async def get_token(self, *_scopes: str, **_options: Any) -> AccessToken:
        return AccessToken("token", int(time.time()) + 3600)

    async def close(self) -> None:
        return None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_details: object) -> None:
        return None


def table(columns: list[tuple[str, str]], rows: list[list[Any]]) -> dict[str, Any]:
    return {"name": "PrimaryResult", "columns": [{"name": n, "type": t} for n, t in columns], "rows": rows}


def asked(answer: Answer, folder: Path, work: Callable[[LogAnalytics], Any]) -> Any:
    """What `work` gets from a workspace that answers so."""

    async def respond(request: web.Request) -> web.Response:
        status, document = answer(await request.json())
        return web.json_response(document, status=status)

    async def run() -> Any:
        app = web.Application()
        app.router.add_post("/v1/workspaces/{workspace}/query", respond)
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(folder / "ca.pem"))
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert("127.0.0.1").configure_cert(tls)
        async with listening(app, 0, tls) as port:
            endpoint, trusted = f"https://127.0.0.1:{port}", str(folder / "ca.pem")
            options: dict[str, Any] = {"connection_verify": trusted, "retry_total": 0}
            log = LogAnalytics(LogsQueryClient(Credential(), endpoint=endpoint, **options), "workspace")
            try:
                return await work(log)
            finally:
                await log.close()

    return asyncio.run(run())


def span(body: dict[str, Any]) -> timedelta:
    since, until = (datetime.fromisoformat(part) for part in body["timespan"].split("/"))
    return until - since


def test_an_answer_that_is_cut_off_is_asked_for_in_halves_and_added_up(tmp_path: Path) -> None:
    row = ["call-1", 10, 2, 12, "gpt-4o", "", 1, "East US 2", "gw", "2026-03-14T11:59:00Z", "2026-03-14T12:00:00Z"]
    spans: list[timedelta] = []

    def answer(body: dict[str, Any]) -> tuple[int, Any]:
        spans.append(span(body))
        whole = {"tables": [table(COLUMNS, [row])]}
        if span(body) > timedelta(minutes=30):
            return 200, {**whole, "error": {"code": "PartialError", "message": "too many rows"}}
        return 200, whole

    counts = asked(answer, tmp_path, lambda log: log.token_counts(NOON - timedelta(hours=1), NOON))

    assert spans == [timedelta(hours=1), timedelta(minutes=30), timedelta(minutes=30)]
    assert counts.rows == [
        TokenCount("call-1", "/apim/gw/eastus2", NOON - timedelta(minutes=1), "gpt-4o", "", 20, 4, 24, True, NOON)
    ]


def test_an_answer_that_stays_cut_off_is_a_failure_and_never_half_a_truth(tmp_path: Path) -> None:
    def answer(_body: dict[str, Any]) -> tuple[int, Any]:
        return 200, {"tables": [table(COLUMNS, [])], "error": {"code": "PartialError", "message": "too many rows"}}

    with pytest.raises(StoreUnavailable, match="cut off"):
        asked(answer, tmp_path, lambda log: log.token_counts(NOON - timedelta(minutes=2), NOON))


@pytest.mark.parametrize("status", [400, 403, 429, 500, 503])
def test_a_workspace_that_refuses_is_unavailable(tmp_path: Path, status: int) -> None:
    def answer(_body: dict[str, Any]) -> tuple[int, Any]:
        return status, {"error": {"code": "Trouble", "message": "not now"}}

    with pytest.raises(StoreUnavailable, match="Log Analytics"):
        asked(answer, tmp_path, lambda log: log.token_counts(NOON - timedelta(hours=1), NOON))


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
        lambda _body: (200, {"tables": [table(COLUMNS, [row])]}), tmp_path, lambda log: log.token_counts(NOON, NOON)
    )

    assert (counts.rows[0].prompt, counts.rows[0].completion, counts.rows[0].total, counts.rows[0].streamed) == (
        10,
        0,
        0,
        False,
    )
    assert counts.rows[0].usage() == {"prompt_tokens": 10, "completion_tokens": 0, "total_tokens": 10}


def test_calls_are_asked_for_by_their_ids_in_portions(tmp_path: Path) -> None:
    queries: list[str] = []

    def answer(body: dict[str, Any]) -> tuple[int, Any]:
        queries.append(body["query"])
        kinds = [(name, "datetime" if name == "TimeGenerated" else "string") for name in CALLS]
        row = ["id-1", "2026-03-14T12:00:00Z", "POST", "https://gw/openai/v1/responses", 200, 12]
        row += ["https://oai-eastus2.openai.azure.com/openai/v1/responses", "East US 2", "search", "standard", "", "gw"]
        return 200, {"tables": [table(kinds, [row] if len(queries) == 1 else [])]}

    calls = asked(answer, tmp_path, lambda log: log.calls(NOON, NOON, [f"id-{n}" for n in range(501)]))

    assert len(queries) == 2
    assert "in ('id-0', 'id-1', " in queries[0]
    assert "in ('id-500')" in queries[1]
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
        )
    ]


GOOD = ["call-1", 10, 2, 12, "gpt-4o", "", 1, "East US 2", "gw", "2026-03-14T11:59:00Z", "2026-03-14T12:00:00Z"]
BAD = {
    "a time of no calendar": (9, "2026-02-31T11:59:00Z"),
    "a time that is none": (9, "soon"),
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
    found = asked(lambda _body: (200, answer), tmp_path, lambda log: log.token_counts(NOON, NOON))

    assert [count.correlation_id for count in found.rows] == ["call-1"]
    assert list(found.unreadable) == ["call-2"]


def test_half_a_letter_in_a_row_becomes_a_question_mark(tmp_path: Path) -> None:
    row = [*GOOD[:4], "gpt-4o\ud800", *GOOD[5:]]

    found = asked(
        lambda _body: (200, {"tables": [table(COLUMNS, [row])]}), tmp_path, lambda log: log.token_counts(NOON, NOON)
    )

    assert found.rows[0].deployment == "gpt-4o?"
