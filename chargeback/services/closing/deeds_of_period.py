"""Who did what to the figures of a period: true-ups, configurations, and corrections of closed periods.

A configuration counts where it changes what the period costs, and was applied since the month before the period began:
what was in force by then is nobody's deed of this month.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain

from chargeback.domain.catalogue.changes import changes
from chargeback.domain.periods.lifecycle import BillingPeriod, PeriodState
from chargeback.domain.reports.manifest import Deed
from chargeback.domain.terms.changes import changed_in
from chargeback.domain.time.calendar import previous_period
from chargeback.domain.time.months import Month
from chargeback.services.periods.documents import PeriodDocuments
from chargeback.services.ports.control import AppliedVersion, Catalogues, Control, Version
from chargeback.services.reconciling.true_up_documents import TrueUp, TrueUps

TRUED_UP, TOOK_BACK = "trued up", "took the true-up back"
CONFIGURED = "changed the configuration"
CORRECTED = "corrected"
MOST_CHANGES = 20
"""Most changes of a configuration that a deed names; the stored versions have all."""

_MARKUP = "markup on shared costs"


@dataclass(frozen=True, slots=True)
class Deeds:
    """Finds who did what."""

    control: Control
    catalogues: Catalogues

    async def to(self, period: Month, version: Version) -> tuple[Deed, ...]:
        """What people did to the figures of a period that is about to close, by time."""
        closed = await PeriodDocuments(self.control).closed()
        since = _closed_at(closed[-1]) if closed else None
        found = [*await self._true_ups(period, closed, since), *_corrections(closed, since)]
        return tuple(sorted([*found, *await self._configurations(period, version)], key=lambda deed: deed.at))

    async def _true_ups(self, period: Month, closed: Iterable[BillingPeriod], since: datetime | None) -> list[Deed]:
        """Those of the period, and those of closed ones since anything was closed: it carries what they changed."""
        found, known = list[Deed](), {each.period: each for each in await TrueUps(self.control).all()}
        for each in (period, *(one.month for one in closed)):
            deeds = _of_true_up(known[each]) if each in known else ()
            found += [deed for deed in deeds if each == period or (since and deed.at >= since)]
        return found

    async def _configurations(self, period: Month, version: Version) -> list[Deed]:
        since = version.catalogue.calendar.bounds(previous_period(period))[0]
        found = []
        for before, applied in await self.catalogues.applied_since(since):
            if changed := await self._changed(period, before, applied):
                found.append(Deed(CONFIGURED, applied.by, applied.at, about=tuple(changed)))
        return found

    async def _changed(self, period: Month, before: AppliedVersion | None, after: AppliedVersion) -> list[str]:
        new = await self.catalogues.stored_version(after.name)
        if before is None:
            return [f"configuration {after.name}, the first that was applied"]
        old = await self.catalogues.stored_version(before.name)
        time, calendar = new.catalogue.calendar.time_of(period), new.catalogue.calendar
        of_catalogue = (
            str(each)
            for each in changes(old.catalogue, new.catalogue).every
            if (each.time.overlaps(time) if each.time is not None else getattr(each, "what", "") == _MARKUP)
        )
        found = [*of_catalogue, *changed_in(period, old.terms, new.terms, calendar, new.catalogue.currency)]
        more = [f"and {len(found) - MOST_CHANGES} more"] if len(found) > MOST_CHANGES else []
        return found[:MOST_CHANGES] + more


def doers(deeds: Iterable[Deed]) -> Mapping[str, list[str]]:
    """Person → what they did, in words."""
    found: dict[str, list[str]] = {}
    for deed in deeds:
        about = f" ({', '.join(deed.about[:3])})" if deed.about else ""
        found.setdefault(deed.by, []).append(f"{deed.what} at {deed.at.astimezone(UTC):%Y-%m-%d %H:%M} UTC{about}")
    return found


def _of_true_up(known: TrueUp) -> Iterator[Deed]:
    """One that was stored before histories existed says only who set it last."""
    for each in known.history or (known.said(),):
        what = TOOK_BACK if each.amount is None else TRUED_UP
        amount = () if each.amount is None else (f"{each.amount} {known.currency}".strip(),)
        despite = known.despite if each == known.said() else ""
        yield Deed(what, each.by, datetime.fromisoformat(each.at), despite, (str(known.period), *amount))


def _corrections(closed: Iterable[BillingPeriod], since: datetime | None) -> Iterator[Deed]:
    changed = chain.from_iterable(((each.month, change) for change in each.history) for each in closed)
    for month, change in changed:
        if change.what == "rated anew" and since and change.at >= since:
            yield Deed(CORRECTED, change.by, change.at, change.reason, (str(month), f"configuration {change.version}"))


def _closed_at(period: BillingPeriod) -> datetime | None:
    return next((each.at for each in reversed(period.history) if each.what == PeriodState.CLOSED), None)
