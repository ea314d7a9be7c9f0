"""Reads how many unusable events wait, by their reason; a batch never changes, so each is read once."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from chargeback.domain.alerts.alert import Alert, Matter, Sighting
from chargeback.domain.alerts.facts import AlertFigure, Facts
from chargeback.domain.alerts.kinds import AlertKind, Severity
from chargeback.domain.alerts.tolerances import AlertTolerances
from chargeback.domain.time.days import UtcDay, start_of
from chargeback.services.alerts.wording import said_number
from chargeback.services.ports.ledger import Quarantine, Rejected

MOST_READ = 300
"""Batches that are read at a time; the latest come first, and the others follow with the next look."""


@dataclass(slots=True)
class Waiting:
    """The events that wait with one reason.

    Attributes:
        example: what is wrong with one of them.
        first: the name of the first batch that has one, which begins with its day.
    """

    events: int = 0
    emitters: Counter[str] = field(default_factory=Counter)
    example: str = ""
    first: str = ""


class QuarantineReader:
    """Keeps what was read of each batch."""

    def __init__(self, quarantine: Quarantine) -> None:
        self._quarantine = quarantine
        self._known: dict[str, list[Rejected]] = {}

    async def waiting(self) -> tuple[dict[str, Waiting], bool]:
        """Reason → what waits, and whether every batch was read."""
        names = await self._quarantine.batches()
        self._known = {name: self._known[name] for name in names if name in self._known}
        new = [name for name in names if name not in self._known]
        for name in reversed(new[-MOST_READ:]):
            kept = await self._quarantine.get(name)
            self._known[name] = [Rejected(each.reason, each.detail, b"", each.emitter) for each in kept]
        found: dict[str, Waiting] = {}
        for name in sorted(self._known):
            for each in self._known[name]:
                waiting = found.setdefault(each.reason, Waiting(example=each.detail, first=name))
                waiting.events += 1
                waiting.emitters[each.emitter] += 1
        return found, len(new) <= MOST_READ


def quarantine_sightings(found: dict[str, Waiting], tolerances: AlertTolerances, link: str) -> Iterator[Sighting]:
    """A sighting for each reason."""
    for reason, waiting in sorted(found.items()):
        if waiting.events <= tolerances.quarantine:
            continue
        senders = ", ".join(name or "unknown" for name, _ in waiting.emitters.most_common(3))
        yield Sighting(
            Matter(AlertKind.QUARANTINE, rule=reason),
            Severity.LOOK_TODAY,
            Facts(
                f"{said_number(waiting.events, 'event')} cannot be used ({reason}), so nobody is charged for them",
                (
                    AlertFigure("For example", waiting.example[:200]),
                    AlertFigure("Sent by", senders),
                ),
                since=start_of(UtcDay(waiting.first[:10])),
                advice="Fix the sender or the configuration, then `chargeback replay`.",
                link=link,
            ),
        )


def facts_of_empty_quarantine(alert: Alert, link: str) -> Facts:
    """What is said when no event waits with a reason any more."""
    return Facts(
        f"No event waits in quarantine any more because of: {alert.matter.rule}",
        cause="They were taken in again, or removed",
        link=link,
    )
