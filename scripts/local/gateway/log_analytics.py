"""The Log Analytics query service over the gateway's log: it knows the product's own queries."""

import json
import re
import time
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aiohttp import web

from scripts.local.gateway.llm_log import CALL_TABLE, LLM_TABLE, path_of

_QUERIES = Path(__file__).parents[3] / "chargeback" / "adapters" / "queries"
_IDS = "(CORRELATION_IDS)"
Row = dict[str, Any]
Table = tuple[list[tuple[str, str]], list[list[Any]]]


def application(state: Path) -> web.Application:
    """The web application; `state` holds the rows."""
    app = web.Application()

    async def query(request: web.Request) -> web.Response:
        body = await request.json()
        if not request.headers.get("Authorization", "").startswith("Bearer "):
            return _refusal(401, "AuthorizationRequiredError", "Valid authentication was not provided")
        answer = _answer(state, str(body.get("query", "")), body.get("timespan"))
        if answer is None:
            return _refusal(400, "SyntaxError", "this log knows only the queries of chargeback/adapters/queries")
        columns, rows = answer
        heads = [{"name": name, "type": kind} for name, kind in columns]
        return web.json_response({"tables": [{"name": "PrimaryResult", "columns": heads, "rows": rows}]})

    app.router.add_post("/v1/workspaces/{workspace}/query", query)
    return app


def _refusal(status: int, code: str, message: str) -> web.Response:
    return web.json_response({"error": {"code": code, "message": message}}, status=status)


def _answer(state: Path, query: str, timespan: str | None) -> Table | None:
    for name, run in _KNOWN.items():
        text = (_QUERIES / f"{name}.kql").read_text("utf-8").strip()
        pattern = re.escape(text).replace(re.escape(_IDS), r"\((?P<ids>[^)]*)\)")
        if match := re.fullmatch(pattern, query.strip()):
            table = LLM_TABLE if name == "token_counts" else CALL_TABLE
            ids = set(re.findall(r"'([^']*)'", match.groupdict().get("ids") or ""))
            return run(visible_rows(state, table, timespan), ids)
    return None


def visible_rows(state: Path, table: str, timespan: str | None = None) -> list[Row]:
    """The rows of a table that have arrived and were generated within an ISO 8601 `start/end`."""
    path = path_of(state, table)
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    since, until = (_moment(part) for part in timespan.split("/")) if timespan else (0.0, float("inf"))
    now, rows = time.time(), []
    for line in lines:
        entry = json.loads(line)
        if entry["visibleAt"] <= now and since <= _moment(entry["row"]["TimeGenerated"]) <= until:
            rows.append({**entry["row"], "ingestion_time": _iso(entry["visibleAt"])})
    return rows


def _token_counts(rows: list[Row], _ids: set[str]) -> Table:
    calls: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        calls[row["CorrelationId"]].append(row)
    columns = [
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
    sums = ("PromptTokens", "CompletionTokens", "TotalTokens")
    return columns, [
        [
            name,
            *(sum(row[column] for row in group) for column in sums),
            max(row["DeploymentName"] for row in group),
            max(row["ModelName"] for row in group),
            max(int(row["IsStreamCompletion"]) for row in group),
            max(row["Region"] for row in group),
            max(_service(row) for row in group),
            min(row["TimeGenerated"] for row in group),
            max(row["ingestion_time"] for row in group),
        ]
        for name, group in calls.items()
    ]


def _gateway_calls(rows: list[Row], ids: set[str]) -> Table:
    latest = {row["CorrelationId"]: row for row in sorted(rows, key=lambda row: str(row["TimeGenerated"]))}
    columns = [
        ("CorrelationId", "string"),
        ("TimeGenerated", "datetime"),
        ("Method", "string"),
        ("Url", "string"),
        ("ResponseCode", "int"),
        ("TotalTime", "long"),
        ("BackendUrl", "string"),
        ("Region", "string"),
        ("ApimSubscriptionId", "string"),
        ("ProductId", "string"),
        ("UserId", "string"),
        ("ServiceName", "string"),
    ]
    return columns, [
        [*(row[name] for name, _ in columns[:-1]), _service(row)] for name, row in latest.items() if name in ids
    ]


def _service(row: Row) -> str:
    return str(row["_ResourceId"]).lower().rpartition("/service/")[2]


_KNOWN: dict[str, Callable[[list[Row], set[str]], Table]] = {
    "token_counts": _token_counts,
    "gateway_calls": _gateway_calls,
}


def _moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
