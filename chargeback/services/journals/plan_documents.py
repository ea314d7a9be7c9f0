"""Keeps the versions of plans that finance read in; a version of a month never changes."""

import msgspec

from chargeback.domain.errors import PeriodClosed, Superseded
from chargeback.domain.journals.plans import Plan
from chargeback.domain.time.months import Month
from chargeback.services.ports.control import Control

KIND = "plan"


class KeptPlan(Plan, frozen=True, kw_only=True, rename="camel"):
    """A plan with who read it in, and when, UTC."""

    by: str
    at: str


class Plans:
    """The only owner of the documents of this kind."""

    def __init__(self, control: Control) -> None:
        self._control = control

    async def keep(self, plan: KeptPlan) -> bool:
        """Keep a version, unless it is there: then False. Raises `PeriodClosed` where it is there with other lines."""
        try:
            await self._control.swap(KIND, f"{plan.period}.{plan.version}", msgspec.to_builtins(plan), None)
        except Superseded:
            known = await self._control.get(KIND, f"{plan.period}.{plan.version}")
            if known is None or msgspec.convert(known, KeptPlan).lines != plan.lines:
                raise PeriodClosed(
                    f"{plan.version!r} of {plan.period} is there with other lines, and stays: name another version"
                ) from None
            return False
        return True

    async def of(self, period: Month) -> list[KeptPlan]:
        """The versions of a month, the one that was read in last at the end."""
        found = [msgspec.convert(document, KeptPlan) for document in await self._control.all(KIND)]
        return sorted((each for each in found if each.period == period), key=lambda each: (each.at, each.version))
