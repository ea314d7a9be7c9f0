"""Which usage the provider bills in another month than the books, because its months consist of UTC days.

Where the days of the books are not UTC days, the hours between the two midnights belong to one month here and to its
neighbour there. The comparison is made for the provider's month: its edges are added, those of the books taken off.
"""

from collections.abc import AsyncIterator, Iterator, Mapping
from decimal import Decimal

from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.invoice.reconciliation import Booked
from chargeback.domain.money.exact import EXACT, ZERO, cost
from chargeback.domain.price_list.provider_meters import ProviderMeters, skus_of_prices
from chargeback.domain.rating.usage_record import Charge, RecordPart, UsageRecord
from chargeback.domain.terms.terms import Terms
from chargeback.domain.time.calendar import Calendar
from chargeback.domain.time.days import UtcDay
from chargeback.domain.time.months import Month, month_of, utc_days_of
from chargeback.domain.usage.meters import Meter
from chargeback.domain.usage.states import LineState
from chargeback.services.reconciling.booked_charges import booked
from chargeback.services.settled.settled_days import SettledDays


async def edge_usage(
    period: Month, days: SettledDays, catalogue: Catalogue, terms: Mapping[Month, Terms], meters: ProviderMeters
) -> list[Booked]:
    """Usage of the provider's month that the books have in a neighbour, and negated the other way round.

    `terms`: by month, those of the period and its neighbours.
    """
    prices = skus_of_prices(catalogue)
    found = []
    for day, sign in edge_days(period, catalogue.calendar):
        async for record, part in _parts(days, day):
            if (month_of(part.date) == period) == (sign < 0):
                place: str = part.date if sign < 0 else day
                month = month_of(part.date)
                rate = terms[month].rate_for(month, record.currency, catalogue.calendar.currency(period)).rate
                rows = (_row(place, record, charge, rate, sign) for charge in part.charges)
                found += [booked(row, prices, catalogue, meters) for row in rows]
    return found


def edge_days(period: Month, calendar: Calendar) -> Iterator[tuple[UtcDay, int]]:
    """UTC days on which a month of the provider and one of the books differ: 1 to add of, -1 to take off of."""
    own = utc_days_of(period)
    for day in sorted({*own, *calendar.utc_days(period)}):
        if day not in own:
            yield day, -1
        elif any(month_of(date) != period for date in calendar.dates(day)):
            yield day, 1


async def _parts(days: SettledDays, day: UtcDay) -> AsyncIterator[tuple[UsageRecord, RecordPart]]:
    async for page in days.records(day):
        for record in page:
            for part in record.parts:
                yield record, part


def _row(day: str, record: UsageRecord, charge: Charge, rate: Decimal, sign: int) -> tuple[object, ...]:
    line = record.line
    quantity = Decimal(sign * charge.quantity)
    amount = cost(sign * charge.quantity, charge.contracted_per_million or ZERO)
    is_open = charge.meter is Meter.REQUESTS and charge.state == LineState.UNSETTLED
    unpriced = quantity if charge.state == LineState.UNPRICED else ZERO
    return (
        day,
        line.backend.split(":")[0].split(".")[0].lower(),
        line.backend,
        line.deployment,
        line.model,
        record.deployment_type,
        line.service_tier,
        line.variant,
        charge.meter.value,
        charge.price_id,
        rate,
        quantity,
        EXACT.multiply(amount, rate),
        unpriced,
        ZERO if record.deployment_type else unpriced,
        quantity if charge.state == LineState.ESTIMATED else ZERO,
        sign * charge.quantity if is_open else 0,
    )
