"""Reads from gateway.yaml how much each subscription may call."""

from pathlib import Path

from chargeback.adapters.config.gateway import known_gateway
from chargeback.domain.deployments.call_limits import CallLimits


def load_call_limits(folder: Path) -> dict[str, CallLimits]:
    """Subscription → the limits of its product; empty for a folder without the file."""
    found = known_gateway(folder)
    if found is None:
        return {}
    products = {
        name: CallLimits(name, each.name, each.tokens_per_minute, each.requests_per_minute)
        for name, each in found.products.items()
    }
    return {team: products[product] for team, product in found.subscriptions.items() if product in products}
