"""Which service tier a deployment answers at, which calls are too long for it, and where calls spill over to.

Sources (learn.microsoft.com/azure/foundry/openai): how-to/flex-processing, concepts/priority-processing,
how-to/spillover-traffic-management.
"""

from typing import Any

from aiohttp import web

from stack.gateway.tokens import estimate_prompt
from stack.openai_backends.account import Account
from stack.openai_backends.refusals import INVALID, Refused, too_long
from stack.openai_backends.replies import add_headers

SPILLOVER = "x-ms-spillover-deployment"
_SPILLED = ("429", "InternalServerError", "ServiceUnavailable", "context_length_exceeded")
_FLEX_TYPES = ("GlobalStandard",)
_PROVISIONED_CONTEXT = {"gpt-4.1": 128_000, "gpt-4.1-mini": 128_000, "gpt-4.1-nano": 128_000}


def is_provisioned(deployment: dict[str, Any]) -> bool:
    """Whether a deployment is bought by the hour."""
    return "Provisioned" in str(deployment.get("type", ""))


def answered_tier(document: dict[str, Any], deployment: dict[str, Any]) -> str:
    """The tier that an answer names: the request's, else the deployment's own, else the default."""
    asked = document.get("service_tier") or "auto"
    tier = deployment.get("serviceTier") or "default" if asked == "auto" else asked
    if tier == "flex" and deployment.get("type") not in _FLEX_TYPES:
        message = "Flex processing is not supported for this model deployment."
        raise Refused(400, None, message, type=INVALID, param="service_tier")
    return str(tier)


def judge_length(document: dict[str, Any], deployment: dict[str, Any]) -> None:
    """Provisioned gpt-4.1 takes 128 k of context and answers 400 to more."""
    limit = _PROVISIONED_CONTEXT.get(deployment["model"], 0) if is_provisioned(deployment) else 0
    if limit and (tokens := estimate_prompt(document)) > limit:
        raise too_long(limit, tokens)


def spill(
    request: web.Request, account: Account, deployment: dict[str, Any], refused: Refused
) -> dict[str, Any] | None:
    """The deployment that takes over, named by the deployment's own setting, else by the request.

    The answer then says where it was meant to go and what happened there. Responses are not spilled.
    """
    name = str(deployment.get("spillover") or request.headers.get(SPILLOVER, ""))
    target = account.deployments.get(name)
    if (
        refused.document["error"]["code"] not in _SPILLED
        or not is_provisioned(deployment)
        or target is None
        or is_provisioned(target)
    ):
        return None
    add_headers(
        request,
        **{"x-ms-spillover-from-deployment": deployment["name"], "x-ms-spillover-error": str(refused.status)},
    )
    return target
