"""Which file to change, and how, for each thing that speaks against a configuration; the domain knows no files."""

from collections.abc import Iterator, Mapping, Sequence

from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.rating.effective_catalogues import moved_bounds, other_currencies
from chargeback.domain.terms.changes import before_the_first, keep_their_rates, too_late, too_soon
from chargeback.domain.terms.terms import ExchangeRate, Terms
from chargeback.domain.time.months import Month

MISSING_DEPLOYMENT = (
    "dated-deployments.yaml: deployments: {} is gone, or is another model, version or type, and its past usage would be"
    " rated as what it is now: add what it was, until effectiveTo; if it never was what is in force now, add that it"
    " was this"
)

APPROVAL_KEPT = (
    "books.yaml: approval: {} has begun and has to be approved before it closes: ask for none from {} on at the"
    " earliest"
)


def frozen_faults(current: Catalogue, frozen: Mapping[Month, Catalogue]) -> Iterator[str]:
    """How a catalogue contradicts those that closed periods are rated with."""
    for fact in other_currencies(current, frozen):
        yield f"rate-card.yaml: {fact}; keep the card's currency, and set that of the books in books.yaml"
    for fact in moved_bounds(current, frozen):
        yield f"books.yaml: {fact}; add an entry from a later period on instead"


def late_faults(closed: Mapping[Month, Terms], being_closed: Mapping[Month, Terms], new: Terms) -> Iterator[str]:
    """Shared costs that the files of a period (period → its terms) cannot charge any more, or not at this moment."""
    for cost, fact in too_late(closed, new):
        there = f"in the oldest open period with `corrects: {cost.period}`"
        yield f"shared-costs.yaml: {cost.cost_id}: {fact}; charge the difference {there}"
    for cost, fact in before_the_first(closed, new):
        there = f"in the oldest open period with `corrects: {cost.period}`"
        yield f"shared-costs.yaml: {cost.cost_id}: {fact}; charge it {there}"
    for cost, fact in too_soon(being_closed, new):
        yield f"shared-costs.yaml: {cost.cost_id}: {fact}; apply again when that has ended, in an hour at the latest"


def kept_rates(closed: Mapping[Month, Sequence[ExchangeRate]], old: Terms, new: Terms) -> Iterator[str]:
    """Closed periods (period → its rates) that keep their exchange rates, and how to bill the difference."""
    for period, fact in keep_their_rates(closed, old, new):
        yield f"{fact}; `chargeback periods correct {period}` bills the difference"
