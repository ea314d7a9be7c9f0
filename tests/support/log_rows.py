"""Rows of the workspace that alerts and queries read, some minutes old."""

from datetime import UTC, datetime, timedelta

from chargeback.log_line import Value, to_line
from scripts.kql.engine import Row

NOW = datetime.now(UTC)


def minutes_ago(minutes: float) -> datetime:
    return NOW - timedelta(minutes=minutes)


def trace(message: str, minutes: float = 5) -> Row:
    return {"TimeGenerated": minutes_ago(minutes), "Message": message}


def line(event: str, minutes: float = 5, **fields: Value) -> Row:
    """A line as the product writes it."""
    return trace(to_line(event, "run-1", "run-1", fields), minutes)


def call(
    code: int = 200, *, backend_code: int = 200, minutes: float = 5, api: str = "azure-openai", caller: str = "search"
) -> Row:
    return {
        "ApimSubscriptionId": caller,
        "CallerIpAddress": "203.0.113.1",
        "TimeGenerated": minutes_ago(minutes),
        "ApiId": api,
        "ResponseCode": code,
        "BackendResponseCode": backend_code,
        "BackendUrl": "https://oai-sweden.openai.azure.com/openai/deployments/chat/chat/completions",
        "Region": "Sweden Central",
        "TotalTime": 800,
        "BackendTime": 700,
        "CorrelationId": "call-1",
    }
