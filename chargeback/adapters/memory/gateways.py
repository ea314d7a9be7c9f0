"""The caches of gateway regions in memory."""

from collections.abc import Sequence

from chargeback.domain.errors import StoreUnavailable


class MemoryGateways:
    """What each region knows, by region and product; `away` has the regions that take nothing."""

    def __init__(self, *regions: str) -> None:
        self._regions = regions
        self.known: dict[tuple[str, str], str] = {}
        self.taken: list[tuple[str, str]] = []
        self.away: set[str] = set()

    @property
    def regions(self) -> Sequence[str]:
        """Every gateway region."""
        return self._regions

    async def put(self, region: str, product: str, text: str) -> None:
        """Replace what a region knows about a product."""
        if region in self.away:
            raise StoreUnavailable(f"gateway {region}: is away")
        self.known[region, product] = text
        self.taken.append((region, product))
