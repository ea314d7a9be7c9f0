"""Policies that limit calls: rate-limit, rate-limit-by-key, quota-by-key, ip-filter, check-header."""

import ipaddress

from stack.gateway.call import Call
from stack.gateway.errors import PolicyError
from stack.gateway.nodes import Node
from stack.gateway.run import policy


@policy("rate-limit", "rate-limit-by-key")
async def rate_limit(call: Call, node: Node) -> None:
    """Refuse with 429 what is more than `calls` in the renewal period."""
    calls, period, key, count = await call.attributes(node, "calls", "renewal-period", "counter-key", "increment-count")
    if key is None:
        key = call.caller.subscription["Id"] if call.caller.subscription else "anonymous"
    name, counters = f"rate:{node.file}:{node.line}:{key}", call.gateway.counters
    used = counters.used(name)
    if used >= int(calls):
        wait = counters.remaining_seconds(name)
        header = str(node.attributes.get("retry-after-header-name", "Retry-After"))
        tell(call, node, "retry-after", wait, header=False)
        message = f"Rate limit is exceeded. Try again in {wait} seconds."
        raise PolicyError(node.name, "RateLimitExceeded", message, 429, {header: str(wait)})
    if "increment-condition" not in node.attributes or (await call.flags(node, increment_condition=True))[0]:
        counters.add(name, int(count or 1), counters.clock() + int(period))
    tell(call, node, "remaining-calls", int(calls) - int(counters.used(name)))
    tell(call, node, "total-calls", int(calls))


def tell(call: Call, node: Node, what: str, value: int, *, header: bool = True) -> None:
    """Put a figure into the header and the variable that the policy names for it."""
    variable = node.attributes.get(f"{what}-variable-name")
    if variable:
        call.set_variable(str(variable), value, "Int32")
    name = node.attributes.get(f"{what}-header-name")
    if name and header:
        call.response_headers[str(name)] = str(value)


@policy("quota-by-key")
async def quota_by_key(call: Call, node: Node) -> None:
    """Refuse with 403 what is more than `calls` in the renewal period."""
    calls, period, key = await call.attributes(node, "calls", "renewal-period", "counter-key")
    name, counters = f"quota:{key}", call.gateway.counters
    if calls is not None and counters.used(name) >= int(calls):
        wait = counters.remaining_seconds(name)
        message = f"Out of call volume quota. Quota will be replenished in {wait} seconds."
        raise PolicyError("quota-by-key", "QuotaExceeded", message, 403, {"Retry-After": str(wait)})
    if "increment-condition" not in node.attributes or (await call.flags(node, increment_condition=True))[0]:
        counters.add(name, 1, counters.clock() + int(period))


@policy("ip-filter")
async def ip_filter(call: Call, node: Node) -> None:
    """Refuse with 403 callers that are not allowed, or that are forbidden."""
    caller = ipaddress.ip_address(call.request.ip_address)
    listed = False
    for child in node.children:
        if child.name == "address":
            listed |= caller in ipaddress.ip_network((await call.text(child.text)).strip(), strict=False)
        else:
            first, last = (ipaddress.ip_address(end) for end in await call.attributes(child, "from", "to"))
            listed |= first.version == caller.version and int(first) <= int(caller) <= int(last)
    if listed != (node.attributes["action"] == "allow"):
        message = "Caller IP address is not allowed." if not listed else "Caller IP address is blocked."
        raise PolicyError("ip-filter", "CallerIpBlocked" if listed else "CallerIpNotAllowed", message, 403)


@policy("check-header")
async def check_header(call: Call, node: Node) -> None:
    """Refuse a request without a header, or with another value than those listed."""
    names = ("name", "failed-check-httpcode", "failed-check-error-message")
    name, status, message = await call.attributes(node, *names)
    (ignore,) = await call.flags(node, ignore_case=False)
    values = [await call.text(child.text) for child in node.children]
    found = call.request.headers.get(name)
    if found is None:
        raise PolicyError("check-header", "HeaderNotFound", message, int(status))
    same = str.casefold if ignore else str
    if values and same(found) not in {same(value) for value in values}:
        raise PolicyError("check-header", "HeaderValueNotAllowed", message, int(status))
