"""The caches of gateway regions in memory."""

import asyncio
from collections.abc import Sequence

from chargeback.domain.errors import StoreUnavailable


class MemoryGateways:
    """What each region knows, by region and product.

    `away` has the regions that take nothing, `ahead` those that know something newer, and `hung` those that answer
    after an event. No region takes strings of the products in `refused`.
    """

    def __init__(self, *regions: str) -> None:
        self._regions = regions
        self.known: dict[tuple[str, str], str] = {}
        self.taken: list[tuple[str, str]] = []
        self.away: set[str] = set()
        self.ahead: set[str] = set()
        self.hung: dict[str, asyncio.Event] = {}
        self.refused: set[str] = set()

    @property
    def regions(self) -> Sequence[str]:
        """Every gateway region."""
        return self._regions

    async def put(self, region: str, product: str, text: str) -> bool:
        """Replace what a region knows about a product."""
        if region in self.hung:
            await self.hung[region].wait()
        if product in self.refused:
            raise StoreUnavailable(f"gateway {region}: takes no {product}")
        if region in self.away:
            raise StoreUnavailable(f"gateway {region}: is away")
        if region in self.ahead:
            return False
        self.known[region, product] = text
        self.taken.append((region, product))
        return True
