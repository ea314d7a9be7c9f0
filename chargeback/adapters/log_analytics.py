"""The gateway's log in Log Analytics: one query per file in `queries/`; see `services.ports.GatewayLog`."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from importlib import resources
from typing import Any, TypeVar
from urllib.parse import urlsplit

from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import AzureError
from azure.monitor.query import LogsQueryPartialResult
from azure.monitor.query.aio import LogsQueryClient

from chargeback.adapters.failures import first_line
from chargeback.domain.errors import StoreUnavailable
from chargeback.domain.settlement import LoggedCall, TokenCount, gateway_region, gateway_source
from chargeback.services.ports import Found

T = TypeVar("T")

IDS_PER_QUERY = 500
"""Keeps a query below the size that the service takes in one request."""

MAX_TOKENS = 10**10
"""No call has so many."""

_YEARS = range(2020, 2200)

SHORTEST = timedelta(minutes=1)
"""A span whose answer is cut off is asked for in halves, down to this."""

Row = Mapping[str, Any]


def connect(endpoint: str, credential: AsyncTokenCredential) -> LogsQueryClient:
    """A client for the query service at `endpoint`, which answers within 3 minutes; only timers wait."""
    return LogsQueryClient(credential, endpoint=endpoint, connection_timeout=5, read_timeout=190, retry_total=1)


class LogAnalytics:
    """Queries one workspace."""

    def __init__(self, client: LogsQueryClient, workspace_id: str) -> None:
        self._client = client
        self._workspace_id = workspace_id
        self._token_counts = _query("token_counts")
        self._calls = _query("gateway_calls")

    async def token_counts(self, since: datetime, until: datetime) -> Found[TokenCount]:
        """The tokens of each call with rows in the span.

        A call with rows on both sides of a cut span has two counts; they are added up.
        """
        counts: dict[str, TokenCount] = {}
        rows, unreadable, times = _read(await self._rows(self._token_counts, since, until), _token_count)
        for count in rows:
            known = counts.get(count.call)
            counts[count.call] = _sum(known, count) if known else count
        # A call of which one row cannot be read has no count that is whole.
        return Found([each for each in counts.values() if each.correlation_id not in unreadable], unreadable, times)

    async def calls(self, since: datetime, until: datetime, correlation_ids: Sequence[str]) -> Found[LoggedCall]:
        """The logged calls with these ids; an id that the log does not have yet is left out."""
        found: dict[str, LoggedCall] = {}
        faults: dict[str, str] = {}
        moments: dict[str, datetime] = {}
        for start in range(0, len(correlation_ids), IDS_PER_QUERY):
            quoted = ", ".join(f"'{each}'" for each in correlation_ids[start : start + IDS_PER_QUERY])
            query = self._calls.replace("(CORRELATION_IDS)", f"({quoted})")
            rows, unreadable, times = _read(await self._rows(query, since, until), _logged_call)
            faults |= unreadable
            moments |= times
            found |= {call.call: call for call in rows}
        return Found(list(found.values()), faults, moments)

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


def _read(rows: Sequence[Row], read: Callable[[Row], T]) -> tuple[list[T], dict[str, str], dict[str, datetime]]:
    """The rows that can be read, what is wrong with the others and when they were written.

    No row keeps another from being read.
    """
    found: list[T] = []
    times: dict[str, datetime] = {}
    unreadable: dict[str, str] = {}
    for row in rows:
        try:
            found.append(read(row))
        except (ValueError, TypeError, KeyError, ArithmeticError, AttributeError) as error:
            name = _text(row.get("CorrelationId"))
            unreadable[name] = f"{type(error).__name__}: {first_line(error)}"
            with suppress(ValueError, TypeError, KeyError, AttributeError, OverflowError):
                times[name] = _utc(row.get("Started") or row["TimeGenerated"])
    return found, unreadable, times


def _text(value: object) -> str:
    """A text that every store takes: half of a surrogate pair is none."""
    return str(value or "").encode("utf-8", "replace").decode()


def _count(value: Any) -> int:
    """A number of tokens; a log that says less than none, a fraction or nonsense is not believed."""
    number = int(value or 0)
    if number != (value or 0) or not 0 <= number <= MAX_TOKENS:
        raise ValueError(f"{value!r} is no number of tokens")
    return number


def _token_count(row: Row) -> TokenCount:
    return TokenCount(
        correlation_id=_text(row["CorrelationId"]),
        source=_source(row),
        time=_utc(row["Started"]),
        deployment=_text(row["DeploymentName"]),
        model=_text(row["ModelName"]),
        prompt=_count(row["PromptTokens"]),
        completion=_count(row["CompletionTokens"]),
        total=_count(row["TotalTokens"]),
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
        correlation_id=_text(row["CorrelationId"]),
        source=_source(row),
        time=_utc(row["TimeGenerated"]),
        region=gateway_region(_text(row["Region"])),
        method=_text(row["Method"]),
        url=_text(row["Url"]),
        status=int(row["ResponseCode"] or 0),
        duration_ms=int(row["TotalTime"] or 0),
        backend=urlsplit(_text(row["BackendUrl"])).hostname or "",
        subscription_id=_text(row["ApimSubscriptionId"]),
        product_id=_text(row["ProductId"]),
        user_id=_text(row["UserId"]),
    )


def _source(row: Row) -> str:
    return gateway_source(_text(row["ServiceName"]), _text(row["Region"]))


def _utc(time: datetime | str) -> datetime:
    moment = datetime.fromisoformat(time) if isinstance(time, str) else time
    if moment.year not in _YEARS:
        raise ValueError(f"{moment.isoformat()} is no time of a log")
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
