"""Policies that keep typed values between calls: cache-lookup-value, cache-store-value, cache-remove-value."""

import time

from stack.gateway.call import Call
from stack.gateway.nodes import Expression, Node
from stack.gateway.run import policy

LOSABLE = "losable"
"""What the id of a policy begins with that can be taken out, because its section has one of the kind already."""


def losable(node: Node) -> bool:
    """Whether the policies can do without this one."""
    return str(node.attributes.get("id", "")).startswith(LOSABLE)


def _lost(call: Call, node: Node) -> bool:
    return call.gateway.config.readings.lookups == "once" and losable(node)


@policy("cache-lookup-value")
async def cache_lookup_value(call: Call, node: Node) -> None:
    """Set a variable from the cache, or from the default when there is one."""
    if _lost(call, node):
        return
    key, variable = await call.text(node.attributes["key"]), str(node.attributes["variable-name"])
    expires, value = call.gateway.cache.get(key, (0.0, None))
    if expires > time.monotonic():
        call.set_variable(variable, value["v"] if value else None, value["t"] if value else "String")
    elif "default-value" in node.attributes:
        value = await _typed(call, node, "default-value")
        call.set_variable(variable, value["v"] if value else None, value["t"] if value else "String")


MOST_BYTES = 2 * 1024 * 1024
"""A larger value is not kept
(learn.microsoft.com/azure/azure-resource-manager/management/azure-subscription-service-limits).
"""


@policy("cache-store-value")
async def cache_store_value(call: Call, node: Node) -> None:
    """Keep a value for some seconds; the gateway does not wait until it is stored."""
    if _lost(call, node):
        return
    key, duration = await call.attributes(node, "key", "duration")
    value = await _typed(call, node, "value")
    if value and len(value["v"].encode()) > MOST_BYTES:
        return
    entry = (time.monotonic() + float(duration), value)
    if call.gateway.config.readings.stores == "later":
        call.stored[key] = entry
    else:
        call.gateway.cache[key] = entry


@policy("cache-remove-value")
async def cache_remove_value(call: Call, node: Node) -> None:
    """Forget a value."""
    call.gateway.cache.pop(await call.text(node.attributes["key"]), None)


async def _typed(call: Call, node: Node, attribute: str) -> dict[str, str] | None:
    value = node.attributes[attribute]
    if isinstance(value, Expression):
        return await call.typed(value)
    return {"t": "String", "v": value}
