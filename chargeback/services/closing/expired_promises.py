"""Which prices keep a month open: their promise ended within it, and nobody has read them at their source since."""

from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.money.exact import to_text
from chargeback.domain.periods.obstacles import ObstacleKind
from chargeback.domain.periods.open_items import Excess
from chargeback.domain.rating.promises import Expired, promised_until
from chargeback.domain.time.days import UtcDay
from chargeback.domain.time.months import Month
from chargeback.services.closing.parallel import for_each
from chargeback.services.ports.books import Books


async def expired_promises(books: Books, period: Month, catalogue: Catalogue) -> list[Excess]:
    """The usage of a period that such prices rated; reads only the records of days after the end of a promise."""
    expired = Expired(promised_until(catalogue, catalogue.calendar.time_of(period)))

    async def read(day: UtcDay) -> None:
        async for page in books.records(day):
            expired.add(page, period)

    await for_each(expired.days(catalogue.calendar.utc_days(period)), read, at_once=8)
    if not expired.rows:
        return []
    return [
        Excess(
            ObstacleKind.PROMISE,
            f"{to_text(expired.cost)} {catalogue.currency} were rated after what the provider promised had ended:"
            f" {expired.named}",
            "read the prices again, then end their entries or move promisedUntil, and `config apply`",
            {f"promised {price_id}": rows for price_id, rows in sorted(expired.rows.items())},
        )
    ]
