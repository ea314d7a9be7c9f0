"""Event Grid trigger: ingests one usage event per invocation; concurrent invocations share one commit."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from math import isfinite

import azure.functions as func
import msgspec

from chargeback.bootstrap import Container
from chargeback.domain.events.emitters import EVENT_GRID
from chargeback.log_line import one_run
from chargeback.services.usage.commit import GroupCommit


def blueprint(container: Container) -> func.Blueprint:
    """The trigger; it raises when a store is away, so that Event Grid delivers the event again."""
    bp = func.Blueprint()

    async def commit(events: Sequence[bytes]) -> None:
        with one_run():
            await container.ingest.ingest_in_time(events, datetime.now(UTC), emitter=EVENT_GRID)
        container.nudge_budgets()

    group = GroupCommit(commit)

    @bp.function_name("ingest_usage")
    @bp.event_grid_trigger(arg_name="event")
    async def ingest_usage(event: func.CloudEvent) -> None:
        await group.submit(to_json(event))

    return bp


def to_json(event: func.CloudEvent) -> bytes:
    """The event as it was sent, extension attributes included; absent attributes stay absent."""
    attributes = {
        "specversion": event.specversion,
        "id": event.id,
        "source": event.source,
        "type": event.type,
        "time": event.time,
        "subject": event.subject,
        "data": event.get_json(),
        **(event.extension_attrs or {}),
    }
    present = {name: value for name, value in attributes.items() if value is not None}
    try:
        encoded = msgspec.json.encode(present)
        # The encoder turns NaN and infinities into null, so that only an event with a null is searched for them.
        if b"null" not in encoded or not _has_non_number(present.get("data")):
            return encoded
    except UnicodeEncodeError:
        pass
    except RecursionError:
        # Nested deeper than the door takes: quarantine keeps who sent it.
        return msgspec.json.encode({**present, "data": None})
    # A lone surrogate is passed on as the escape that it came as, and NaN or an infinity by its name: ingest refuses
    # both.
    return json.dumps(msgspec.to_builtins(present)).encode()


def _has_non_number(value: object) -> bool:
    """Whether NaN or an infinity is among the values, which JSON's reader takes and JSON does not have."""
    if isinstance(value, float):
        return not isfinite(value)
    if isinstance(value, dict):
        return any(map(_has_non_number, value.values()))
    return isinstance(value, list) and any(map(_has_non_number, value))
