"""Writes the log rows of a finished call: one for the call, and one with the token counts of an LLM call."""

import time
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from stack.gateway.call import Call
from stack.gateway.log_tables import CALL_TABLE, LLM_TABLE
from stack.gateway.tokens import LLM_OPERATIONS, Counts, llm_operation


def log_call(call: Call, counts: Counts | None, request: Any) -> None:
    """Log a finished call; `counts` is given for an LLM call that was answered."""
    log = call.gateway.log
    log.add(CALL_TABLE, _call_row(call))
    if counts is not None and (call.gateway.config.readings.logged == "all" or _is_documented(call, request)):
        log.add(LLM_TABLE, _llm_row(call, counts, request))


def _is_documented(call: Call, request: Any) -> bool:
    """Whether the page on the log names such a call."""
    operation = llm_operation(call.request.path)
    listed = isinstance(request, dict) and isinstance(request.get("input"), list)
    return operation == LLM_OPERATIONS["chat/completions"] or (operation == LLM_OPERATIONS["responses"] and listed)


def _call_row(call: Call) -> dict[str, Any]:
    subscription, product, response = call.caller.subscription, call.caller.product, call.response
    return {
        "TimeGenerated": _moment(call.started),
        "CorrelationId": call.request_id,
        "Region": call.gateway.config.region,
        "_ResourceId": _resource_id(call),
        "ApiId": call.api.definition["id"],
        "OperationId": call.operation.get("Id", ""),
        "ProductId": product["Id"] if product else "",
        "UserId": "",
        "ApimSubscriptionId": subscription["Id"] if subscription else "",
        "BackendId": call.backend_id or "",
        "BackendUrl": call.request.url if call.backend_host else "",
        "Method": call.request.method,
        "Url": _masked(call.request.original_url, call.api.definition.get("maskedQuery", [])),
        "CallerIpAddress": call.request.ip_address,
        "ResponseCode": response.status if response else 0,
        "BackendResponseCode": call.backend_status or 0,
        "IsRequestSuccess": bool(response and response.status < 400),
        "TotalTime": round((time.time() - call.started) * 1000),
        "TraceRecords": call.trace_records,
    }


def _masked(url: str, names: list[str]) -> str:
    """The URL as the log has it, query included, with what the diagnostics mask."""
    path, mark, query = url.partition("?")
    hidden = {name.lower() for name in names}
    parts = (part.partition("=") for part in query.split("&"))
    return (
        path
        + mark
        + "&".join(f"{name}{sign}{'*' if unquote(name).lower() in hidden else value}" for name, sign, value in parts)
    )


def _llm_row(call: Call, counts: Counts, request: Any) -> dict[str, Any]:
    parts = call.request.path.split("/")
    asked = request.get("model", "") if isinstance(request, dict) else ""
    deployment = parts[parts.index("deployments") + 1] if "deployments" in parts[:-1] else asked
    return {
        "TimeGenerated": _moment(call.started),
        "CorrelationId": call.request_id,
        "SequenceNumber": 0,
        "Region": call.gateway.config.region,
        "_ResourceId": _resource_id(call),
        "ApiVersion": next((value for name, value in call.request.query if name == "api-version"), ""),
        "OperationName": llm_operation(call.request.path) or "",
        "DeploymentName": deployment,
        "ModelName": counts.model or "",
        "PromptTokens": counts.prompt,
        "CompletionTokens": counts.completion,
        "TotalTokens": counts.total,
        "IsStreamCompletion": counts.streamed,
        "RequestId": call.backend_request_id or call.request_id,
    }


def _resource_id(call: Call) -> str:
    return f"/providers/microsoft.apimanagement/service/{call.gateway.config.service}"


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
