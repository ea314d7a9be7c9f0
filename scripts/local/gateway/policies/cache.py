"""Values kept between calls, as typed as they were stored."""

import time

from scripts.local.gateway.call import Call
from scripts.local.gateway.nodes import Expression, Node
from scripts.local.gateway.run import policy


@policy("cache-lookup-value")
async def cache_lookup_value(call: Call, node: Node) -> None:
    """Set a variable from the cache, or from the default when there is one."""
    key, variable = await call.text(node.attributes["key"]), str(node.attributes["variable-name"])
    expires, value = call.gateway.cache.get(key, (0.0, None))
    if expires > time.monotonic():
        call.set_variable(variable, value["v"] if value else None, value["t"] if value else "String")
    elif "default-value" in node.attributes:
        value = await _typed(call, node, "default-value")
        call.set_variable(variable, value["v"] if value else None, value["t"] if value else "String")


@policy("cache-store-value")
async def cache_store_value(call: Call, node: Node) -> None:
    """Keep a value for some seconds."""
    key, duration = await call.attributes(node, "key", "duration")
    value = await _typed(call, node, "value")
    call.gateway.cache[key] = (time.monotonic() + float(duration), value)


@policy("cache-remove-value")
async def cache_remove_value(call: Call, node: Node) -> None:
    """Forget a value."""
    call.gateway.cache.pop(await call.text(node.attributes["key"]), None)


async def _typed(call: Call, node: Node, attribute: str) -> dict[str, str] | None:
    value = node.attributes[attribute]
    if isinstance(value, Expression):
        return await call.typed(value)
    return {"t": "String", "v": value}
