"""How much a subscription of the gateway may call: the limits of its product, beside which budgets hold."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CallLimits:
    """The limits of a subscription.

    Attributes:
        product: the id of the product that it calls with.
        product_name: for people to read.
        tokens_per_minute: for chat completions and Responses together.
        requests_per_minute: for all calls.
    """

    product: str
    product_name: str
    tokens_per_minute: int
    requests_per_minute: int
