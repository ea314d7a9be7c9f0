"""The error answers of the service, in its own words."""

from typing import Any

_SAFE = {"filtered": False, "severity": "safe"}
FILTER_RESULTS = {"hate": _SAFE, "self_harm": _SAFE, "sexual": _SAFE, "violence": _SAFE}
INVALID = "invalid_request_error"


class Refused(Exception):
    """An error answer of the service."""

    def __init__(self, status: int, code: str | None, message: str, /, **more: Any) -> None:
        super().__init__(message)
        self.status = status
        self.document = {"error": {"code": code, "message": message, **more}}
        self.headers: dict[str, str] = {}


def busy(retry_after_ms: int, *, flex: bool = False) -> Refused:
    """A deployment at its limit, or no flex capacity; both headers tell when to come back."""
    wait = -(-retry_after_ms // 1000)
    message = (
        f"Flex processing has no capacity at present. Please retry after {wait} seconds, or use the default tier."
        if flex
        else f"Requests have exceeded the token rate limit. Please retry after {wait} seconds."
    )
    refused = Refused(429, "429", message)
    refused.headers = {"Retry-After": str(wait), "retry-after-ms": str(retry_after_ms)}
    return refused


def content_filtered() -> Refused:
    """A prompt that the filter stops."""
    hit = {**FILTER_RESULTS, "violence": {"filtered": True, "severity": "medium"}}
    message = (
        "The response was filtered due to the prompt triggering Azure OpenAI's content management policy. "
        "Please modify your prompt and retry."
    )
    inner = {"code": "ResponsibleAIPolicyViolation", "content_filter_result": hit}
    return Refused(400, "content_filter", message, type=None, param="prompt", status=400, innererror=inner)


def denied(deployment: str) -> Refused:
    """An identity without its role on the account: what a gateway meets until a new assignment has spread."""
    return lacking(
        "Microsoft.CognitiveServices/accounts/OpenAI/deployments/chat/completions/action",
        f"POST /openai/deployments/{deployment or '{deployment-id}'}/chat/completions",
    )


def lacking(data_action: str, operation: str) -> Refused:
    """A role that does not give a data action; `operation` is method and path."""
    message = (
        "The principal `00000000-0000-0000-0000-000000000000` lacks the required data action "
        f"`{data_action}` to perform `{operation}` operation."
    )
    return Refused(401, "PermissionDenied", message)


def without_data_action() -> Refused:
    """An operation that no data action allows: no role can give it to an identity."""
    return Refused(401, "PermissionDenied", "Principal does not have access to API/Operation.")


def forbidden() -> Refused:
    """A network rule that keeps the gateway out."""
    return Refused(403, "403", "Access denied due to Virtual Network/Firewall rules.")


def unknown_deployment() -> Refused:
    """A deployment that the account does not have."""
    message = (
        "The API deployment for this resource does not exist. If you created it within the "
        "last 5 minutes, please wait a moment and try again."
    )
    return Refused(404, "DeploymentNotFound", message)


def not_found(kind: str, name: str) -> Refused:
    """A stored object that this account does not have."""
    return Refused(404, "not_found", f"{kind} with id '{name}' not found.", type=INVALID)


def previous_response_unknown(name: str) -> Refused:
    """A response to go on from that this account does not have, or does not show yet."""
    message = f"Previous response with id '{name}' not found."
    return Refused(400, "previous_response_not_found", message, type=INVALID, param="previous_response_id")


def item_unknown(name: str) -> Refused:
    """An item of an earlier answer that this account does not keep (openai/codex #3573 has both cases on Azure)."""
    message = (
        f"Item with id '{name}' not found. Items are not persisted when `store` is set to false. "
        "Try again with `store` set to true, or remove this item from your input."
    )
    return Refused(404, None, message, type=INVALID, param="input")


def not_decrypted(content: str) -> Refused:
    """Encrypted reasoning of another account (openai/codex #3573, anomalyco/opencode #29879)."""
    message = (
        f"The encrypted content {content[:4]}...{content[-4:]} could not be verified. "
        "Reason: Encrypted content could not be decrypted or parsed."
    )
    return Refused(400, "invalid_encrypted_content", message, type=INVALID, param=None)


def too_long(limit: int, tokens: int) -> Refused:
    """A prompt beyond what the deployment takes."""
    message = (
        f"This model's maximum context length is {limit} tokens. However, your messages resulted in {tokens} tokens. "
        "Please reduce the length of the messages."
    )
    return Refused(400, "context_length_exceeded", message, type=INVALID, param="messages")
