"""Serves the gateway's log as Log Analytics does: it answers the product's own queries, within the service's limits."""

import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aiohttp import web

from stack.gateway.log_queries import QUERIES
from stack.gateway.log_tables import path_of

_QUERIES = Path(__file__).parents[2] / "chargeback" / "adapters" / "azure" / "queries"
_IDS = "(CORRELATION_IDS)"
Row = dict[str, Any]


@dataclass
class Limits:
    """What the service answers at most.

    Attributes:
        most_rows: beyond them an answer is cut off, and says so with status 200
            (learn.microsoft.com/azure/azure-monitor/service-limits: 500 000 records, 64 MB).
        most_read: rows of a span that can be looked through in time; 504 beyond
            (learn.microsoft.com/azure/azure-monitor/logs/api/timeouts).
        unanswered: from when until when (seconds since 1970) every query takes too long, as on a busy cluster.
    """

    most_rows: int = 500_000
    most_read: int | None = None
    unanswered: tuple[float, float] | None = None

    def is_too_much(self, rows: int, now: float) -> bool:
        """Whether a query that looks through so many rows takes too long now."""
        is_busy = self.unanswered is not None and self.unanswered[0] <= now < self.unanswered[1]
        return is_busy or (self.most_read is not None and rows > self.most_read)


def application(state: Path, limits: Limits | None = None, clock: Callable[[], float] = time.time) -> web.Application:
    """The web application; `state` holds the rows, `clock` says which of them have arrived."""
    limits = limits or Limits()
    app = web.Application()

    async def query(request: web.Request) -> web.Response:
        body = await request.json()
        if not request.headers.get("Authorization", "").startswith("Bearer "):
            return _refusal(401, "AuthorizationRequiredError", "Valid authentication was not provided")
        text, apis = _of_apis(str(body.get("query", "")))
        asked = _asked(text)
        if asked is None:
            return _refusal(400, "SyntaxError", "this log knows only the queries of chargeback/adapters/azure/queries")
        name, ids = asked
        now = clock()
        rows = visible_rows(state, QUERIES[name].table, body.get("timespan"), now)
        rows = rows if apis is None else [row for row in rows if row["ApiId"] in apis]
        rows = rows if ids is None else [row for row in rows if row["CorrelationId"] in ids]
        if limits.is_too_much(len(rows), now):
            return _refusal(504, "GatewayTimeout", "Gateway timeout")
        return web.json_response(_answer(name, rows, limits.most_rows))

    app.router.add_post("/v1/workspaces/{workspace}/query", query)
    return app


def _refusal(status: int, code: str, message: str) -> web.Response:
    return web.json_response({"error": {"code": code, "message": message}}, status=status)


def _of_apis(query: str) -> tuple[str, set[str] | None]:
    """A query without its condition on the API, and the APIs that it names, if it names any."""
    match = re.search(r"^\| where ApiId in \(([^)]*)\)\n", query, re.M)
    if match is None:
        return query, None
    return query.replace(match.group(), "", 1), set(re.findall(r"'([^']*)'", match[1]))


def _asked(query: str) -> tuple[str, set[str] | None] | None:
    """The name of the query, and the calls that it names, if it names any."""
    for name in QUERIES:
        text = (_QUERIES / f"{name}.kql").read_text("utf-8").strip()
        pattern = re.escape(text).replace(re.escape(_IDS), r"\((?P<ids>[^)]*)\)")
        if match := re.fullmatch(pattern, query.strip()):
            ids = match.groupdict().get("ids")
            return name, None if ids is None else set(re.findall(r"'([^']*)'", ids))
    return None


def _answer(name: str, rows: list[Row], most_rows: int) -> dict[str, Any]:
    query = QUERIES[name]
    found = query.run(rows)
    heads = [{"name": column, "type": kind} for column, kind in query.columns]
    table = {"name": "PrimaryResult", "columns": heads, "rows": found[:most_rows]}
    if len(found) <= most_rows:
        return {"tables": [table]}
    error = {"code": "PartialError", "message": "There were some errors when processing your query."}
    return {"tables": [table], "error": error}


def visible_rows(state: Path, table: str, timespan: str | None, now: float) -> list[Row]:
    """The rows of a table that have arrived by now and were generated within an ISO 8601 `start/end`."""
    path = path_of(state, table)
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    since, until = (_moment(part) for part in timespan.split("/")) if timespan else (0.0, float("inf"))
    rows = []
    for line in lines:
        entry = json.loads(line)
        if entry["visibleAt"] <= now and since <= _moment(entry["row"]["TimeGenerated"]) <= until:
            rows.append({**entry["row"], "ingestion_time": _iso(entry["visibleAt"])})
    return rows


def _moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
