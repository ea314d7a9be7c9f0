"""Pools and breakers as API Management has them. Our policies name each account themselves and use neither."""

from collections.abc import Callable

from stack.gateway.backends import Backend, BreakerRule, GatewayBackends, Pool, PoolMember
from stack.gateway.config import host_of
from stack.gateway.readings import Readings

EU, US = ("oai-swedencentral", "oai-francecentral"), ("oai-eastus2", "oai-westus3")
BREAKER = {
    "count": 1,
    "interval": "PT10S",
    "tripDuration": "PT30S",
    "acceptRetryAfter": True,
    "statusCodeRanges": [{"min": 429, "max": 429}, {"min": 500, "max": 599}],
    "errorReasons": ["BackendConnectionFailure", "Timeout"],
}


def pooled(clock: Callable[[], float], readings: Readings) -> GatewayBackends:
    """The four accounts, each with a breaker that one failure opens, and a pool with and without those in the US."""
    rule = BreakerRule.from_config(BREAKER, readings)
    single = {name: Backend(name, f"https://{host_of(name)}/openai", name, rule, clock) for name in (*EU, *US)}
    members = tuple(PoolMember(single[name], place, 100) for place, name in enumerate((*EU, *US), 1))
    return GatewayBackends(list(single.values()), [Pool("pool-eu", members[:2]), Pool("pool-eu-failover", members)])
