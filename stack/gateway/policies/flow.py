"""Policies of control flow other than choose (retry, wait, limit-concurrency, return-response), traces and metrics."""

import asyncio
import random
from dataclasses import dataclass
from typing import Any

from stack.gateway.call import Call, error_response
from stack.gateway.errors import PolicyError, ResponseReady
from stack.gateway.messages import Body, Response
from stack.gateway.nodes import Node
from stack.gateway.policies.message import apply_headers
from stack.gateway.run import policy, run_policies


@policy("retry")
async def retry(call: Call, node: Node) -> None:
    """Run the policies again while the condition holds, which is looked at after every attempt."""
    count = int(await call.text(node.attributes["count"]))
    fast = (await call.flags(node, first_fast_retry=False))[0]
    steady = await _pause(call, node) if call.gateway.config.readings.interval == "once" else None
    for attempt in range(count + 1):
        failure = await _attempt(call, node)
        again = (await call.attributes(node, "condition"))[0] in (True, "true")
        if not again or attempt == count:
            if failure:
                raise failure
            return
        if call.response:
            call.response.discard()
        pause = steady or await _pause(call, node)
        await call.gateway.sleep(0 if fast and attempt == 0 else pause.seconds(attempt))


async def _attempt(call: Call, node: Node) -> PolicyError | None:
    try:
        await run_policies(call, node.children)
    except PolicyError as error:
        # Only a call that got no response is retried; a broken policy is not.
        if error.source != "forward-request":
            raise
        reading = call.gateway.config.readings.failed_attempt
        if reading == "abort":
            raise
        call.response = None if reading == "null" else call.response or error_response(error, call.request_id)
        call.changed("response")
        call.fail(error)
        return error
    return None


@dataclass(frozen=True, slots=True)
class _Pause:
    """The waits of one retry: fixed, linear or exponential."""

    interval: float
    most: float | None
    delta: float | None

    def seconds(self, attempt: int) -> float:
        """The wait after an attempt; the first has the number 0."""
        if self.delta is None:
            wait = self.interval
        elif self.most is None:
            wait = self.interval + attempt * self.delta
        else:
            wait = self.interval + (2**attempt - 1) * self.delta * random.uniform(0.8, 1.2)
        return wait if self.most is None else min(wait, self.most)


async def _pause(call: Call, node: Node) -> _Pause:
    interval, most, delta = await call.attributes(node, "interval", "max-interval", "delta")
    return _Pause(float(interval), None if most is None else float(most), None if delta is None else float(delta))


@policy("wait")
async def wait(call: Call, node: Node) -> None:
    """Run the policies at once and go on when all, or any, are done."""
    tasks = [asyncio.ensure_future(run_policies(call, call.gateway.alone(child))) for child in node.children]
    if node.attributes.get("for") == "any":
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            if not task.done():
                task.cancel()
    await asyncio.gather(*tasks, return_exceptions=node.attributes.get("for") == "any")


@policy("limit-concurrency")
async def limit_concurrency(call: Call, node: Node) -> None:
    """Refuse with 429 what is more than `max-count` at a time."""
    key, most = await call.attributes(node, "key", "max-count")
    running = call.gateway.running
    if running[key] >= int(most):
        raise PolicyError("limit-concurrency", "ConcurrencyLimitExceeded", "Concurrency limit is exceeded.", 429)
    running[key] += 1
    try:
        await run_policies(call, node.children)
    finally:
        running[key] -= 1


@policy("return-response")
async def return_response(call: Call, node: Node) -> None:
    """Answer the caller and end the pipeline."""
    if call.response:
        call.response.discard()
    response = Response(200)
    for child in node.children:
        if child.name == "set-status":
            status, response.reason = await call.attributes(child, "code", "reason")
            response.status = int(status)
        elif child.name == "set-header":
            await apply_headers(call, child, response.headers)
        elif child.name == "set-body":
            response.body = Body((await call.text(child.text)).encode())
    call.response = response
    call.changed("response")
    raise ResponseReady


@policy("trace")
async def trace(call: Call, node: Node) -> None:
    """Keep the message with the call's traces, and in its log row from the severity that diagnostics ask for.

    https://learn.microsoft.com/azure/api-management/trace-policy; verbosity `information` is what Bicep sets.
    """
    source, severity = str(node.attributes["source"]), str(node.attributes.get("severity", "verbose"))
    message = " ".join([await call.text(child.text) for child in node.children if child.name == "message"])
    call.traces.append(f"{source}: {message}")
    if severity != "verbose":
        metadata = {
            str(child.attributes["name"]): await call.text(child.attributes["value"])
            for child in node.children
            if child.name == "metadata"
        }
        record = {"source": source, "severity": severity, "message": message, "section": call.section}
        call.trace_records.append({**record, **({"metadata": metadata} if metadata else {})})


@policy("emit-metric")
async def emit_metric(call: Call, node: Node) -> None:
    """Keep a metric with its dimensions."""
    value = await call.text(node.attributes.get("value", "1"))
    call.gateway.metrics.append(await metric(call, node, str(node.attributes["name"]), float(value)))


async def metric(call: Call, node: Node, name: str, value: float) -> dict[str, Any]:
    """One metric record with the dimensions that `node` asks for."""
    dimensions = {
        str(child.attributes["name"]): await call.text(child.attributes.get("value"))
        for child in node.children
        if child.name == "dimension"
    }
    namespace = str(node.attributes.get("namespace", "API Management"))
    return {"name": name, "namespace": namespace, "value": value, "dimensions": dimensions}


@policy("log-to-eventhub")
async def log_to_eventhub(call: Call, node: Node) -> None:
    """Keep what would go to the event hub, cut at its 200 KB."""
    message = (await call.text(node.text)).encode()[: 200 * 1024]
    call.gateway.eventhub.append({"logger": node.attributes["logger-id"], "message": message.decode(errors="replace")})
