"""Answers the product's own queries of the gateway's log in Python, with the same rows as Kusto would give."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable
from math import ceil
from typing import Any, NamedTuple

from stack.gateway.log_tables import CALL_TABLE, LLM_TABLE

Row = dict[str, Any]


class Query(NamedTuple):
    """The table that a query reads, the columns of its answer, and how its rows are made."""

    table: str
    columns: list[tuple[str, str]]
    run: Callable[[list[Row]], list[list[Any]]]


def _latest(rows: Iterable[Row], by: Callable[[Row], Any], newest: str) -> list[Row]:
    """`summarize arg_max(newest, *) by …`: one of the rows that were taken in twice."""
    found: dict[Any, Row] = {}
    for row in sorted(rows, key=lambda row: str(row[newest])):
        found[by(row)] = row
    return list(found.values())


def _calls(rows: list[Row]) -> list[Row]:
    return _latest(rows, lambda row: row["CorrelationId"], "TimeGenerated")


def _of_call(rows: list[Row]) -> dict[str, list[Row]]:
    """The rows of the log of models by call, each once."""
    found: defaultdict[str, list[Row]] = defaultdict(list)
    for row in _latest(rows, lambda row: (row["CorrelationId"], row.get("SequenceNumber")), "ingestion_time"):
        found[row["CorrelationId"]].append(row)
    return found


_SUMS = ("PromptTokens", "CompletionTokens", "TotalTokens")


def _token_counts(rows: list[Row]) -> list[list[Any]]:
    return [
        [
            name,
            *(sum(row[column] for row in group) for column in _SUMS),
            max(row["DeploymentName"] for row in group),
            max(row["ModelName"] for row in group),
            max(int(row["IsStreamCompletion"]) for row in group),
            max(row["Region"] for row in group),
            max(_service(row) for row in group),
            min(row["TimeGenerated"] for row in group),
            max(row["ingestion_time"] for row in group),
        ]
        for name, group in _of_call(rows).items()
    ]


def _stream_means(rows: list[Row]) -> list[list[Any]]:
    used: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
    for group in _of_call(rows).values():
        prompt, completion = (sum(row[column] for row in group) for column in _SUMS[:2])
        if any(row["IsStreamCompletion"] for row in group) and prompt + completion:
            used[max(row["DeploymentName"] for row in group)].append((prompt, completion))
    return [
        [name, len(calls), *(ceil(sum(column) / len(calls)) for column in zip(*calls, strict=True))]
        for name, calls in used.items()
    ]


def _kept(row: Row) -> str:
    """The message of the first trace of ours."""
    records = row.get("TraceRecords") or []
    return next((str(each.get("message") or "") for each in records if each.get("source") == "usage"), "")


def _kept_events(rows: list[Row]) -> list[list[Any]]:
    found = []
    for row in _calls(rows):
        event = _parsed(_kept(row))
        said_of_call = event.get("data")
        data = said_of_call if isinstance(said_of_call, dict) else {}
        if event.get("type") or (row["Method"] == "POST" and row["BackendUrl"]):
            said = [
                *(event.get(name) for name in ("type", "id", "source", "time")),
                data.get("responseId"),
                data.get("method"),
            ]
            place = [row["CorrelationId"], row["TimeGenerated"], row["Region"], _service(row)]
            found.append([*place, *(each or "" for each in said)])
    return found


def _parsed(text: str) -> dict[str, Any]:
    """`parse_json`: a string that is not JSON, such as one that was cut off, has no fields."""
    try:
        event = json.loads(text)
    except ValueError:
        return {}
    return event if isinstance(event, dict) else {}


_OWN = (
    "Method",
    "Url",
    "ResponseCode",
    "TotalTime",
    "BackendUrl",
    "Region",
    "ApimSubscriptionId",
    "ProductId",
    "UserId",
)


def _gateway_calls(rows: list[Row]) -> list[list[Any]]:
    return [
        [row["CorrelationId"], row["TimeGenerated"], *(row[name] for name in _OWN), _service(row), _kept(row)]
        for row in _calls(rows)
    ]


def _service(row: Row) -> str:
    return str(row["_ResourceId"]).lower().rpartition("/service/")[2]


def _texts(*names: str) -> list[tuple[str, str]]:
    kinds = {"TimeGenerated": "datetime", "ResponseCode": "int", "TotalTime": "long"}
    return [(name, kinds.get(name, "string")) for name in names]


QUERIES = {
    "kept_events": Query(
        CALL_TABLE,
        _texts(
            *("CorrelationId", "TimeGenerated", "Region", "ServiceName"),
            *("Type", "EventId", "EventSource", "EventTime", "ResponseId", "EventMethod"),
        ),
        _kept_events,
    ),
    "gateway_calls": Query(
        CALL_TABLE, _texts("CorrelationId", "TimeGenerated", *_OWN, "ServiceName", "Event"), _gateway_calls
    ),
    "token_counts": Query(
        LLM_TABLE,
        [
            ("CorrelationId", "string"),
            *((name, "long") for name in _SUMS),
            *_texts("DeploymentName", "ModelName"),
            ("IsStreamCompletion", "int"),
            *_texts("Region", "ServiceName"),
            ("Started", "datetime"),
            ("Arrived", "datetime"),
        ],
        _token_counts,
    ),
    "stream_means": Query(
        LLM_TABLE,
        [("DeploymentName", "string"), ("Calls", "long"), ("PromptTokens", "int"), ("CompletionTokens", "int")],
        _stream_means,
    ),
}
"""By the name of its file under `chargeback/adapters/azure/queries`."""
