"""Tries again, after a repair, what was set aside: runs the services that left it out."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from chargeback.domain.time.days import UtcDay
from chargeback.domain.time.months import Month
from chargeback.services.closing.publish_drafts import Drafts
from chargeback.services.ports.control import Catalogues
from chargeback.services.running.bulkheads import do_each
from chargeback.services.running.set_aside import Left, SetAside, Stage
from chargeback.services.usage.audit import Auditor
from chargeback.services.usage.ingest import is_open
from chargeback.services.usage.post import Poster


@dataclass(frozen=True, slots=True)
class Retry:
    """Runs the stages that left something out again, for the days that lack it."""

    set_aside: SetAside
    catalogues: Catalogues
    poster: Poster
    auditor: Auditor
    drafts: Drafts
    settle: Callable[[datetime], Awaitable[object]]

    async def all(self, now: datetime) -> list[Left]:
        """Try everything again; what is still left out. Raises `SomeFailed` after all of it was tried."""
        left = await self.set_aside.all()
        parts = sorted({(each.stage, each.day) for each in left if each.stage is not Stage.SETTLE})

        async def again(part: tuple[Stage, str]) -> None:
            stage, day = part
            if stage is Stage.PUBLISH:
                await self.drafts.publish(Month(day), now)
            elif stage is Stage.AUDIT or not is_open(UtcDay(day), now):
                await self.auditor.audit_day(UtcDay(day), now)
            else:
                await self.poster.post_day(UtcDay(day), await self.catalogues.in_force(), now)

        if any(each.stage is Stage.SETTLE for each in left):
            await self.settle(now)
        await do_each("trying again", parts, again)
        return await self.set_aside.all()
