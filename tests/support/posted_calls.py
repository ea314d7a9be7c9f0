"""Calls to post, each with a line of its own, and what the books have of them."""

from typing import Any

from tests.support.builders import DAY, tokens, usage_event
from tests.support.product_in_memory import ProductInMemory


def calls(first: int, last: int, **fields: Any) -> list[bytes]:
    """So many calls of 100 input tokens, each with a line of its own."""
    used = {"usage": tokens(100, 0)} | fields
    return [usage_event(id=f"call-{n}", username=f"user-{n}", model="gpt-4o", **used) for n in range(first, last)]


def booked(of: ProductInMemory, meter: str = "input_tokens") -> int:
    return of.charges(DAY).get(("exact", meter), 0)
