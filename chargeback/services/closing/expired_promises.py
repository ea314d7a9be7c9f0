"""Which prices keep a month open: their promise ended within it, and nobody has read them at their source since."""

from collections.abc import Sequence

from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.money.numerals import grouped
from chargeback.domain.periods.obstacles import ObstacleKind
from chargeback.domain.periods.open_items import Excess
from chargeback.domain.rating.promises import Expired, promised_until
from chargeback.domain.time.days import UtcDay
from chargeback.domain.time.months import Month
from chargeback.services.closing.parallel import for_each
from chargeback.services.ports.books import Books


def expired_prices(period: Month, catalogue: Catalogue) -> Expired:
    """The prices whose promise ended within a period, with no usage yet."""
    return Expired(promised_until(catalogue, catalogue.calendar.time_of(period)))


async def read_expired(books: Books, period: Month, catalogue: Catalogue, days: Sequence[UtcDay]) -> Expired:
    """The usage of days of a period that such prices rated; reads only the records after the end of a promise."""
    expired = expired_prices(period, catalogue)

    async def read(day: UtcDay) -> None:
        async for page in books.records(day):
            expired.add(page, period)

    await for_each(expired.days(days), read, at_once=8)
    return expired


def expired_promises(expired: Expired, currency: str) -> list[Excess]:
    """What keeps a period open for such usage; nothing where there is none."""
    if not expired.rows:
        return []
    return [
        Excess(
            ObstacleKind.PROMISE,
            f"{grouped(expired.cost)} {currency} were rated after what the provider promised had ended:"
            f" {expired.named}",
            "read the prices again, then end their entries or move promisedUntil, and `chargeback config apply`",
            {f"promised {price_id}": rows for price_id, rows in sorted(expired.rows.items())},
        )
    ]
