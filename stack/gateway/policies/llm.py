"""Policies that limit and count tokens: llm-token-limit and llm-emit-token-metric."""

import json
from typing import Any

from stack.gateway.call import Call
from stack.gateway.errors import PolicyError
from stack.gateway.limits import period_end
from stack.gateway.nodes import Node
from stack.gateway.policies.flow import metric
from stack.gateway.policies.limit import tell
from stack.gateway.run import policy
from stack.gateway.tokens import Counts, estimate_prompt


@policy("llm-token-limit", "azure-openai-token-limit")
async def llm_token_limit(call: Call, node: Node) -> None:
    """Refuse with 429 above the tokens per minute, with 403 above the quota of the period."""
    key, rate, quota, period = await call.attributes(
        node, "counter-key", "tokens-per-minute", "token-quota", "token-quota-period"
    )
    (guess,) = await call.flags(node, estimate_prompt_tokens=False)
    prompt = estimate_prompt(await request_document(call)) if guess else 0
    counters = call.gateway.counters
    windows: list[tuple[str, float]] = []
    if quota is not None:
        name = f"tokens:{period}:{key}"
        windows.append((name, period_end(period, counters.clock())))
        if counters.used(name) + prompt >= int(quota):
            raise _refused(call, node, name, 403, "quota")
        tell(call, node, "remaining-quota-tokens", int(quota) - int(counters.used(name)))
    if rate is not None:
        name = f"tokens:minute:{key}"
        windows.append((name, counters.clock() + 60))
        if counters.used(name) + prompt >= int(rate):
            raise _refused(call, node, name, 429, "rate limit")
        tell(call, node, "remaining-tokens", max(0, int(rate) - int(counters.used(name)) - prompt))

    def count(counts: Counts) -> None:
        for window, ends in windows:
            counters.add(window, counts.total, ends)
        tell(call, node, "tokens-consumed", counts.total)

    call.after.append(count)


def _refused(call: Call, node: Node, window: str, status: int, what: str) -> PolicyError:
    wait = call.gateway.counters.remaining_seconds(window)
    tell(call, node, "retry-after", wait, header=False)
    header = str(node.attributes.get("retry-after-header-name", "Retry-After"))
    message = f"Token {what} is exceeded. Try again in {wait} seconds."
    reason = "TokenQuotaExceeded" if status == 403 else "TokenLimitExceeded"
    return PolicyError(node.name, reason, message, status, {header: str(wait)})


async def request_document(call: Call) -> Any:
    """The request's JSON, or None."""
    body = call.request.body
    if body is None or "json" not in call.request.headers.get("Content-Type", ""):
        return None
    try:
        return json.loads(await body.bytes())
    except (ValueError, RecursionError):
        return None


@policy("llm-emit-token-metric", "azure-openai-emit-token-metric")
async def llm_emit_token_metric(call: Call, node: Node) -> None:
    """Keep the token counts as metrics once they are known."""
    base = await metric(call, node, "", 0)

    def emit(counts: Counts) -> None:
        figures = {"Total": counts.total, "Prompt": counts.prompt, "Completion": counts.completion}
        call.gateway.metrics.extend(
            {**base, "name": f"{name} Tokens", "value": value} for name, value in figures.items()
        )

    call.after.append(emit)
