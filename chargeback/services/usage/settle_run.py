"""Keeps account of one run of settlement: what it did, failed at or set aside, so that everything else is done."""

from collections.abc import Awaitable, Callable, Collection, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any, Protocol, TypeVar

from chargeback.domain.events.admission import admit
from chargeback.domain.events.emitters import OURSELVES
from chargeback.domain.events.usage_event import EVER
from chargeback.domain.time.days import UtcDay, utc_day
from chargeback.services.ports.gateway_log import Found
from chargeback.services.running.bulkheads import reason_of
from chargeback.services.running.set_aside import ROW_OF_LOG

T = TypeVar("T")


class OfGateway(Protocol):
    """Anything that is said about one call."""

    @property
    def time(self) -> datetime:
        """When the call was made."""

    @property
    def call(self) -> str:
        """Which one it is."""


AnyCall = TypeVar("AnyCall", bound=OfGateway)


@dataclass(slots=True)
class Run:
    """One run at `now` (UTC)."""

    now: datetime
    settled: int = 0
    recovered: int = 0
    estimated: int = 0
    waiting: int = 0
    aside: dict[UtcDay, dict[str, str]] = field(default_factory=dict)
    """Day → part → reason."""
    failed: dict[str, str] = field(default_factory=dict)
    read: list[tuple[datetime, datetime]] = field(default_factory=list)
    """The stretches of the log that were read."""

    def leave_out(self, day: UtcDay, part: str, reason: str) -> None:
        """Set one part of a day aside."""
        self.aside.setdefault(day, {})[part] = reason

    async def attempt(self, what: str, work: Awaitable[T]) -> T | None:
        """Do a piece of work that may fail without keeping the others from being done; None where it did."""
        try:
            return await work
        except Exception as error:  # noqa: BLE001 whatever is wrong with one piece
            self.failed[what] = reason_of(error)
            return None

    def events(self, calls: Iterable[AnyCall], make: Callable[[AnyCall], bytes | None]) -> list[bytes]:
        """The events of these calls that can be made; one that the door would refuse is not made at all."""
        made: list[bytes] = []
        for call in calls:
            try:
                event = make(call)
                if event is not None:
                    admit(event, EVER, OURSELVES)
                    made.append(event)
            except Exception as error:  # noqa: BLE001 whatever is wrong with one call
                self.leave_out(utc_day(call.time), f"call {call.call}", reason_of(error))
        return made

    def note_rows(self, found: Found[Any], since: datetime) -> None:
        """Set aside what the log said that cannot be read."""
        for row, reason in found.unreadable.items():
            # A row without a time of its own stays until the whole day, from its beginning, is read again.
            time = found.times.get(row, since.replace(hour=0, minute=0, second=0, microsecond=0)).astimezone(UTC)
            self.leave_out(utc_day(time), f"{ROW_OF_LOG}{row[:100]} at {time.isoformat()}", reason)

    def keeps(self, part: str) -> bool:
        """Whether a part that was left out before is a row of the log from a time that this run did not read."""
        if not part.startswith(ROW_OF_LOG):
            return False
        try:
            time = datetime.fromisoformat(part.rpartition(" at ")[2])
        except ValueError:  # as older versions named it, under the day of the run's beginning
            return False
        return not _is_within(time, self.read)


def unreadable_name(raw: bytes) -> str:
    """A name for an entry that cannot be read, without any of its content."""
    return f"entry {blake2b(raw, digest_size=8).hexdigest()}"


def _is_within(time: datetime, spans: Collection[tuple[datetime, datetime]]) -> bool:
    return any(since <= time < until for since, until in spans)
