"""Reads the gateway's log from Log Analytics, with one query per file in `queries/`.

An answer that is cut off, or that takes too long, is asked for in halves: half of the span, or half of the calls.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from importlib import resources
from typing import Any, TypeVar

from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import AzureError, HttpResponseError
from azure.core.pipeline.policies import AsyncRetryPolicy
from azure.monitor.query import LogsQueryPartialResult
from azure.monitor.query.aio import LogsQueryClient

from chargeback.adapters.azure.log_rows import LogRow, kept_event, logged_call, read_rows, stream_mean, token_count
from chargeback.domain.errors import StoreUnavailable
from chargeback.domain.streams.gateway_log import KeptEvent, LoggedCall, LoggedTokens, StreamMean, is_request_id
from chargeback.services.ports.gateway_log import Found

T = TypeVar("T")

SHORTEST = timedelta(minutes=1)
"""A span whose answer is cut off is asked for in halves, down to this."""

SECONDS = 60
"""How long the service may work on one query; it gives up after 3 minutes unless told, and answers 504
(learn.microsoft.com/azure/azure-monitor/logs/api/timeouts)."""


class _CutOff(Exception):
    """The service has less than the whole answer."""


class _Retries(AsyncRetryPolicy[Any, Any]):
    """Asking the same again is no use where the service has given up for lack of time."""

    def is_retry(self, settings: dict[str, Any], response: Any) -> bool:
        """Whether to send the request again."""
        return response.http_response.status_code != 504 and super().is_retry(settings, response)


def connect(
    endpoint: str, credential: AsyncTokenCredential, *, retry_total: int = 1, **options: Any
) -> LogsQueryClient:
    """A client for the query service at `endpoint`, which answers within a minute; only timers wait."""
    retries = _Retries(retry_total=retry_total)
    times = {"connection_timeout": 5, "read_timeout": SECONDS + 10}
    return LogsQueryClient(credential, endpoint=endpoint, retry_policy=retries, **times, **options)


class LogAnalytics:
    """Queries one workspace; see `services.ports.gateway_log.GatewayLog`."""

    def __init__(self, client: LogsQueryClient, workspace_id: str, apis: Sequence[str] = ()) -> None:
        """`apis` are the ids of those whose calls are ours; all calls are where none is named."""
        self._client = client
        self._workspace_id = workspace_id
        self._kept_events = of_apis(_query("kept_events"), apis)
        self._token_counts = _query("token_counts")
        self._calls = _query("gateway_calls")
        self._means = _query("stream_means")

    async def kept_events(self, since: datetime, until: datetime) -> Found[KeptEvent]:
        """What the log keeps of each call in the span."""
        rows, unreadable, times = read_rows(await self._rows(self._kept_events, since, until), kept_event)
        # A row at the very middle of a span that was halved is in both halves.
        return Found(list({each.correlation_id: each for each in rows}.values()), unreadable, times)

    async def token_counts(self, since: datetime, until: datetime, ids: Sequence[str]) -> Found[LoggedTokens]:
        """The tokens of these calls."""
        return await self._of_calls(self._token_counts, since, until, ids, token_count)

    async def calls(self, since: datetime, until: datetime, ids: Sequence[str]) -> Found[LoggedCall]:
        """The gateway's own rows of these calls."""
        return await self._of_calls(self._calls, since, until, ids, logged_call)

    async def stream_means(self, since: datetime, until: datetime) -> dict[str, StreamMean]:
        """Deployment → the mean of its streamed calls in the span."""
        with _translated():
            try:
                rows, _, _ = read_rows(await self._ask(self._means, since, until), stream_mean)
            except _CutOff as error:
                raise StoreUnavailable(f"Log Analytics: no means for {since} to {until}: {error}") from error
        return dict(rows)

    async def _of_calls(
        self, query: str, since: datetime, until: datetime, ids: Sequence[str], read: Callable[[LogRow], T]
    ) -> Found[T]:
        named = [each for each in ids if is_request_id(each)]
        return Found(*read_rows(await self._rows_of(query, since, until, named), read))

    async def _rows_of(self, query: str, since: datetime, until: datetime, ids: Sequence[str]) -> list[LogRow]:
        if not ids:
            return []
        quoted = ", ".join(f"'{each}'" for each in ids)
        with _translated():
            try:
                return await self._ask(query.replace("(CORRELATION_IDS)", f"({quoted})"), since, until)
            except _CutOff as error:
                if len(ids) == 1:
                    raise StoreUnavailable(
                        f"Log Analytics: the answer for call {ids[0]} is cut off: {error}"
                    ) from error
        half = len(ids) // 2
        return [
            *await self._rows_of(query, since, until, ids[:half]),
            *await self._rows_of(query, since, until, ids[half:]),
        ]

    async def _rows(self, query: str, since: datetime, until: datetime) -> list[LogRow]:
        with _translated():
            try:
                return await self._ask(query, since, until)
            except _CutOff as error:
                if until - since <= SHORTEST:
                    raise StoreUnavailable(
                        f"Log Analytics: the answer for {since} to {until} is cut off: {error}"
                    ) from error
        middle = since + (until - since) / 2
        return [*await self._rows(query, since, middle), *await self._rows(query, middle, until)]

    async def _ask(self, query: str, since: datetime, until: datetime) -> list[LogRow]:
        try:
            result = await self._client.query_workspace(
                self._workspace_id, query, timespan=(since, until), server_timeout=SECONDS
            )
        except HttpResponseError as error:
            if error.status_code == 504:
                raise _CutOff("it takes too long") from error
            raise
        if isinstance(result, LogsQueryPartialResult):
            raise _CutOff(str(result.partial_error))
        return [dict(zip(table.columns, row, strict=True)) for table in result.tables for row in table.rows]

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


def of_apis(query: str, apis: Sequence[str]) -> str:
    """A query of the calls of these APIs alone: a service that others use logs what they call, too."""
    quoted = ", ".join(f"'{api}'" for api in apis)
    return query.replace("| summarize", f"| where ApiId in ({quoted})\n| summarize", 1) if apis else query


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except AzureError as error:
        raise StoreUnavailable(f"Log Analytics: {error}") from error


def _query(name: str) -> str:
    return resources.files("chargeback.adapters.azure").joinpath("queries", f"{name}.kql").read_text("utf-8")
