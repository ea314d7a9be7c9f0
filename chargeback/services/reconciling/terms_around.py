"""Which exchange rates and terms apply to a month and its neighbours, into which the provider's month reaches."""

from chargeback.domain.terms.terms import Terms
from chargeback.domain.time.calendar import next_period, previous_period
from chargeback.domain.time.months import Month
from chargeback.services.periods.documents import PeriodDocuments
from chargeback.services.ports.control import Catalogues, Control


async def terms_around(period: Month, control: Control, catalogues: Catalogues) -> dict[Month, Terms]:
    """The terms by month: those that rate a closed one, else the current ones, whose earliest rates reach back to it.

    For a month before the books nothing is billed and no rate may be known; its late usage is converted alike.
    """
    documents, found = PeriodDocuments(control), {}
    for month in (previous_period(period), period, next_period(period)):
        known, _ = await documents.get(month)
        terms = (await catalogues.stored_version(known.version)).terms if known.version else await catalogues.terms()
        found[month] = terms.reaching_back_to(month)
    return found
