"""Who may send usage events, and what each sender may say in them.

The gateways send through Event Grid, where only their identity may publish, and they verified who called. Every other
sender speaks only for its own sources and subscriptions, and nothing that it says about a caller counts as verified.
"""

from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache

from msgspec.structs import replace

from chargeback.domain.errors import InvalidEvent
from chargeback.domain.events.documents import Data, EventDocument
from chargeback.domain.events.event_types import EventType

GATEWAY = "/apim"
"""The first component of every gateway's source: nobody else may use it."""


@dataclass(frozen=True, slots=True)
class Emitter:
    """One sender.

    Attributes:
        id: its name, kept with what it sent that could not be used.
        sources: the beginnings of its events' sources, whole path components; None: any.
        subscriptions: the API Management subscriptions that it may charge; None: any.
        max_age: how old its events may be; None: as old as the door takes.
        gateways: sources of gateways whose calls it may describe, by their x-usage-event-id and x-usage-event-source.
    """

    id: str
    sources: tuple[str, ...] | None = None
    subscriptions: tuple[str, ...] | None = None
    max_age: timedelta | None = None
    gateways: tuple[str, ...] = ()

    def admit(self, event: EventDocument) -> EventDocument:
        """The event with what this sender may say. Raises `InvalidEvent` for what it may not."""
        if self.sources is not None and not _is_one_of(event.source, self.sources):
            raise InvalidEvent("not-allowed", f"source is not one that {self.id} may use - at `$.source`")
        if self.subscriptions is None:
            return _without_gateway_call(event) if event.data.gateway_event_id else event
        if event.data.subscription_id not in self.subscriptions:
            raise InvalidEvent(
                "not-allowed", f"subscriptionId is not one that {self.id} may charge - at `$.data.subscriptionId`"
            )
        if event.data.gateway_event_id and event.type == EventType.PENDING:
            raise InvalidEvent(
                "not-allowed", "only the gateway may say that the tokens of its calls are still to come - at `$.type`"
            )
        return replace(event, data=self._restrict(event.data))

    def _restrict(self, data: Data) -> Data:
        return replace(
            data,
            product_id=None,
            apim_user_id=None,
            tenant_id=None,
            app_id=None,
            user_object_id=None,
            gateway_event_source=self._gateway(data) if data.gateway_event_id else None,
        )

    def _gateway(self, data: Data) -> str:
        """The gateway whose call is described."""
        named = [
            source
            for source in self.gateways
            if data.gateway_event_source in (None, source)
            and (data.gateway_region is None or source.endswith(f"/{data.gateway_region}"))
        ]
        if not self.gateways:
            raise InvalidEvent("not-allowed", f"{self.id} may not describe calls of a gateway - at `$.data`")
        if len(named) != 1:
            raise InvalidEvent(
                "gateway-call-unknown",
                "gatewayEventId may belong to one of several gateways: name the gateway by gatewayEventSource, the"
                " x-usage-event-source of the answer, or by gatewayRegion"
                " - at `$.data.gatewayEventId`",
            )
        return named[0]


@dataclass(frozen=True, slots=True)
class KnownEmitter:
    """An emitter and how it signs in: with keys of its own, as an Entra application, or with either."""

    emitter: Emitter
    has_key: bool
    app_id: str


MIN_KEY = 32
MOST_KEYS = 2


def keys_in(secret: str) -> tuple[str, ...]:
    """The keys of a secret: one, or two while one replaces the other. Raises `ValueError` with what is wrong."""
    keys = tuple(secret.split())
    if not 1 <= len(keys) <= MOST_KEYS:
        raise ValueError(f"holds {len(keys)} keys; expected one, or two with a blank between them")
    for key in keys:
        if len(key) < MIN_KEY:
            raise ValueError(f"a key has {len(key)} characters; expected at least {MIN_KEY}")
        if not (key.isascii() and key.isprintable()):
            raise ValueError("a key has characters that no header carries; expected printable ASCII")
    return keys


@lru_cache(maxsize=4096)
def _is_one_of(source: str, beginnings: tuple[str, ...]) -> bool:
    return any(is_below(source, each) for each in beginnings)


def is_below(source: str, beginning: str) -> bool:
    """Whether a source is this one or begins with all of its components."""
    return source == beginning or source.startswith(f"{beginning.rstrip('/')}/")


def _without_gateway_call(event: EventDocument) -> EventDocument:
    return replace(event, data=replace(event.data, gateway_event_id=None, gateway_event_source=None))


EVENT_GRID = Emitter("event-grid", sources=(GATEWAY,))
"""The gateways, by Event Grid's delivery: the trigger, or the webhook with its key."""

OURSELVES = Emitter("chargeback")
"""Settlement, and what an operator takes in from a file."""
