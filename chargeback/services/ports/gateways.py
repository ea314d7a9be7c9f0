"""The port for the caches of the gateways, which hold what budgets decide."""

from collections.abc import Sequence
from typing import Protocol


class DecisionStore(Protocol):
    """One cache for each gateway region. What it holds may be lost at any time, and is sent again within a minute."""

    @property
    def regions(self) -> Sequence[str]:
        """Every gateway region."""

    async def put(self, region: str, product: str, text: str) -> bool:
        """Replace what a region knows about a product; False where it knows something newer, and keeps that.

        Raises `StoreUnavailable` where the gateway does not take it.
        """
