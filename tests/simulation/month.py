"""The calls around the end of a small month, and whether their events arrive once, twice, late or never."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

from chargeback.domain.streams.gateway_log import LoggedTokens
from tests.support.builders import tokens, usage_event

START = datetime(2026, 3, 30, tzinfo=UTC)
CALLS_UNTIL = datetime(2026, 4, 1, 18, tzinfo=UTC)
END = datetime(2026, 4, 9, 12, tzinfo=UTC)
CLOSING = datetime(2026, 4, 4, tzinfo=UTC)
"""The timer closes March."""

MOMENTS = (
    CALLS_UNTIL - timedelta(days=1),
    CALLS_UNTIL,
    CLOSING - timedelta(hours=12),
    CLOSING - timedelta(hours=1),
    CLOSING - timedelta(hours=1),
    CLOSING + timedelta(hours=1),
    CLOSING + timedelta(hours=23),
    CLOSING + timedelta(days=3),
)
"""When the operator does something: before, with and after the closing and the daily timers."""

EARLY = timedelta(hours=3)
"""How far the clock of some gateways is ahead of ours: their events wait in quarantine."""

SOURCE = "/apim/gw/swedencentral"


@dataclass(frozen=True, slots=True)
class Call:
    """One call.

    Attributes:
        deliveries: when each copy of its event arrives; the first may be days late, or too early to be believed.
        is_given_up: whether its event comes among the dead letters.
        is_stream: whether its tokens are known from the gateway's log alone.
        logged: when the log has them; None: never.
    """

    id: str
    time: datetime
    user: str
    prompt: int
    completion: int
    deliveries: tuple[datetime, ...]
    is_stream: bool = False
    logged: datetime | None = None
    is_given_up: bool = False

    @property
    def event(self) -> bytes:
        """The event as the gateway sends it."""
        text = self.time.isoformat().replace("+00:00", "Z")
        if self.is_stream:
            return usage_event(id=self.id, type="pending", time=text, stream=True, username=self.user)
        return usage_event(id=self.id, time=text, usage=tokens(self.prompt, self.completion), username=self.user)

    @property
    def count(self) -> LoggedTokens:
        """What the gateway's log says of it."""
        assert self.logged is not None
        used = self.prompt, self.completion, self.prompt + self.completion
        return LoggedTokens(self.id, SOURCE, self.time, "gpt-4o", "gpt-4o-2024-11-20", *used, True, self.logged)


@dataclass(frozen=True, slots=True)
class Order:
    """What the operator runs by hand from a time on, until it is answered.

    Attributes:
        command: `apply`, `true-up` or `correct`.
        value: the price per million input tokens; the invoice for a true-up, empty to take it back.
    """

    at: datetime
    command: str
    value: str = ""


@dataclass(frozen=True, slots=True)
class Month:
    """The calls of a life, and what the operator does."""

    calls: tuple[Call, ...] = field(default=())
    orders: tuple[Order, ...] = field(default=())

    def delivered(self, since: datetime, until: datetime) -> list[bytes]:
        """The events that arrive in a span, in the order of their arrival."""
        return self._arriving(since, until, is_given_up=False)

    def given_up(self, since: datetime, until: datetime) -> list[bytes]:
        """The events that Event Grid puts among the dead letters in a span."""
        return self._arriving(since, until, is_given_up=True)

    def _arriving(self, since: datetime, until: datetime, *, is_given_up: bool) -> list[bytes]:
        calls = [call for call in self.calls if call.is_given_up == is_given_up]
        found = [(at, call.event) for call in calls for at in call.deliveries if since <= at < until]
        return [event for _, event in sorted(found)]


def drawn(random: Random, *, calls: int) -> Month:
    """A month of so many calls."""
    return Month(tuple(_call(f"call-{number}", random) for number in range(calls)), _orders(random))


def _orders(random: Random) -> tuple[Order, ...]:
    """One of each command at least, often beside the closing and the daily timers, which the correction follows."""
    prices = [Order(random.choice(MOMENTS), "apply", random.choice("234")) for _ in range(random.choice([1, 2, 3]))]
    invoices = [
        Order(random.choice(MOMENTS), "true-up", random.choice(["110", "112"])),
        *[
            Order(random.choice(MOMENTS), "true-up", random.choice(["111", ""]))
            for _ in range(random.choice([0, 1, 2]))
        ],
    ]
    corrections = [
        Order(random.choice(MOMENTS[3:]), "correct"),
        *[Order(random.choice(MOMENTS[3:]), "correct") for _ in range(random.choice([0, 1]))],
    ]
    return tuple(sorted([*prices, *invoices, *corrections], key=lambda order: order.at))


def _call(name: str, random: Random) -> Call:
    time = START + (CALLS_UNTIL - START) * random.random()
    time = time.replace(microsecond=random.choice([0, 999_999]))
    if random.random() < 0.2:  # next to midnight
        time = time.replace(hour=23, minute=59, second=59) if random.random() < 0.5 else time.replace(hour=0, minute=0)
    late = random.choice([0, 0, 0, 0, 60, 3_600, 24 * 3_600, 5 * 24 * 3_600])
    first = time + timedelta(seconds=1 + late)
    copies = [first + timedelta(seconds=random.choice([1, 600, 86_400])) for _ in range(random.choice([0, 0, 0, 1, 2]))]
    is_early = not late and random.random() < 0.2 and time - EARLY > START
    if is_early:
        first, copies = time - EARLY, copies if random.random() < 0.5 else [time - EARLY + timedelta(minutes=1)]
    is_stream = random.random() < 0.4 and not late
    logged = time + timedelta(minutes=random.choice([1, 90])) if is_stream and random.random() < 0.8 else None
    return Call(
        id=name,
        time=time,
        user=f"user-{random.randrange(3)}",
        prompt=random.randrange(1, 5_000),
        completion=random.randrange(0, 900),
        deliveries=(first, *copies),
        is_stream=is_stream,
        logged=logged,
        is_given_up=random.random() < 0.2,
    )
