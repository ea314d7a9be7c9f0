"""The settings of the books as a document: time zone and currency by period."""

from chargeback.adapters.records import Record, each, sections
from chargeback.domain.calendar import BooksSetting, Calendar
from chargeback.domain.errors import InvalidConfig


class _Setting(Record, frozen=True, rename={"first_period": "from", "time_zone": "timeZone"}):
    first_period: str
    time_zone: str
    currency: str


def calendar_of(document: object, faults: list[str]) -> Calendar:
    """The calendar; without a document the books are kept in UTC and US dollars."""
    if document is None:
        return Calendar()
    top = sections(document, ("books",), faults, optional=("exchangeRates", "closing"))
    settings = tuple(
        BooksSetting(one.first_period, one.time_zone, one.currency)
        for _, one in each(top["books"], _Setting, "books", faults)
    )
    if not faults:  # else the places would not be those of the file
        try:
            return Calendar(settings)
        except InvalidConfig as error:
            faults.extend(error.faults)
    return Calendar()
