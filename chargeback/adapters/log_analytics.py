"""The gateway's log in Log Analytics: one query per file in `queries/`; see `services.ports.GatewayLog`."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from importlib import resources
from typing import Any
from urllib.parse import urlsplit

from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import AzureError
from azure.monitor.query import LogsQueryPartialResult
from azure.monitor.query.aio import LogsQueryClient

from chargeback.domain.errors import StoreUnavailable
from chargeback.domain.settlement import LoggedCall, TokenCount, gateway_region, gateway_source

IDS_PER_QUERY = 500
"""Keeps a query below the size that the service takes in one request."""

SHORTEST = timedelta(minutes=1)
"""A span whose answer is cut off is asked for in halves, down to this."""

Row = Mapping[str, Any]


def connect(endpoint: str, credential: AsyncTokenCredential) -> LogsQueryClient:
    """A client for the query service at `endpoint`."""
    return LogsQueryClient(credential, endpoint=endpoint)


class LogAnalytics:
    """Queries one workspace."""

    def __init__(self, client: LogsQueryClient, workspace_id: str) -> None:
        self._client = client
        self._workspace_id = workspace_id
        self._token_counts = _query("token_counts")
        self._calls = _query("gateway_calls")

    async def token_counts(self, since: datetime, until: datetime) -> list[TokenCount]:
        """The tokens of each call with rows in the span.

        A call with rows on both sides of a cut span has two counts; they are added up.
        """
        counts: dict[str, TokenCount] = {}
        for row in await self._rows(self._token_counts, since, until):
            count = _token_count(row)
            known = counts.get(count.correlation_id)
            counts[count.correlation_id] = _sum(known, count) if known else count
        return list(counts.values())

    async def calls(self, since: datetime, until: datetime, correlation_ids: Sequence[str]) -> list[LoggedCall]:
        """The logged calls with these ids; an id that the log does not have yet is left out."""
        found: dict[str, LoggedCall] = {}
        for start in range(0, len(correlation_ids), IDS_PER_QUERY):
            quoted = ", ".join(f"'{each}'" for each in correlation_ids[start : start + IDS_PER_QUERY])
            for row in await self._rows(self._calls.replace("(CORRELATION_IDS)", f"({quoted})"), since, until):
                found[str(row["CorrelationId"])] = _logged_call(row)
        return list(found.values())

    async def _rows(self, query: str, since: datetime, until: datetime) -> list[Row]:
        async with _translated():
            result = await self._client.query_workspace(self._workspace_id, query, timespan=(since, until))
        if not isinstance(result, LogsQueryPartialResult):
            return [dict(zip(table.columns, row, strict=True)) for table in result.tables for row in table.rows]
        if until - since <= SHORTEST:
            raise StoreUnavailable(
                f"Log Analytics: the answer for {since} to {until} is cut off: {result.partial_error}"
            )
        middle = since + (until - since) / 2
        return [*await self._rows(query, since, middle), *await self._rows(query, middle, until)]

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


@asynccontextmanager
async def _translated() -> AsyncIterator[None]:
    try:
        yield
    except AzureError as error:
        raise StoreUnavailable(f"Log Analytics: {error}") from error


def _query(name: str) -> str:
    return resources.files("chargeback.adapters").joinpath("queries", f"{name}.kql").read_text("utf-8")


def _token_count(row: Row) -> TokenCount:
    return TokenCount(
        correlation_id=str(row["CorrelationId"]),
        source=_source(row),
        time=_utc(row["Started"]),
        deployment=str(row["DeploymentName"] or ""),
        model=str(row["ModelName"] or ""),
        prompt=int(row["PromptTokens"] or 0),
        completion=int(row["CompletionTokens"] or 0),
        total=int(row["TotalTokens"] or 0),
        streamed=bool(row["IsStreamCompletion"]),
        arrived=_utc(row["Arrived"]),
    )


def _sum(one: TokenCount, other: TokenCount) -> TokenCount:
    return TokenCount(
        correlation_id=one.correlation_id,
        source=one.source,
        time=min(one.time, other.time),
        deployment=max(one.deployment, other.deployment),
        model=max(one.model, other.model),
        prompt=one.prompt + other.prompt,
        completion=one.completion + other.completion,
        total=one.total + other.total,
        streamed=one.streamed or other.streamed,
        arrived=max(one.arrived, other.arrived),
    )


def _logged_call(row: Row) -> LoggedCall:
    return LoggedCall(
        correlation_id=str(row["CorrelationId"]),
        source=_source(row),
        time=_utc(row["TimeGenerated"]),
        region=gateway_region(str(row["Region"] or "")),
        method=str(row["Method"] or ""),
        url=str(row["Url"] or ""),
        status=int(row["ResponseCode"] or 0),
        duration_ms=int(row["TotalTime"] or 0),
        backend=urlsplit(str(row["BackendUrl"] or "")).hostname or "",
        subscription_id=str(row["ApimSubscriptionId"] or ""),
        product_id=str(row["ProductId"] or ""),
        user_id=str(row["UserId"] or ""),
    )


def _source(row: Row) -> str:
    return gateway_source(str(row["ServiceName"] or ""), str(row["Region"] or ""))


def _utc(time: datetime | str) -> datetime:
    moment = datetime.fromisoformat(time) if isinstance(time, str) else time
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
