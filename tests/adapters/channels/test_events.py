"""Other systems hear of alerts by events of public types, whose form is documented and stays."""

import re
from pathlib import Path

import msgspec
import pytest
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError, ServiceRequestError

from chargeback.adapters.channels.events import EventsChannel, events_of
from chargeback.adapters.channels.public_alert import PublicAlert, PublicType
from chargeback.domain.alerts.alert import TurnKind, key_of
from tests.support.alert_messages import NOON, digest, entry, message

pytestmark = pytest.mark.anyio
DOCUMENT = (Path(__file__).parents[3] / "docs/alerts.md").read_text("utf-8")


def test_the_document_names_every_type_and_field() -> None:
    fields = {field.encode_name for field in msgspec.structs.fields(PublicAlert)}
    rows = re.findall(r"^\| (`[^|]+) \|", DOCUMENT, re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`([\w.]+)`", row)}

    assert fields <= named
    assert {*PublicType} <= named


def test_the_fields_of_an_alert_are_those_that_were_promised() -> None:
    assert [field.encode_name for field in msgspec.structs.fields(PublicAlert)] == [
        *("id", "turn", "kind", "severity", "at", "headline", "costCentre", "figures", "currency", "since"),
        *("movers", "forecast", "cause", "advice", "link"),
    ]


def test_an_event_has_the_same_id_by_itself_and_in_a_digest() -> None:
    (alone,) = events_of(message(entry()), "topic")
    (within,) = events_of(message(entry(), is_digest=True, key="0" * 32), "topic")

    assert alone.id == within.id == key_of(entry().alert, TurnKind.RAISED, "topic")
    assert (alone.type, alone.source, alone.time) == ("chargeback.alert.raised.v1", "/chargeback/alerts", NOON)


def test_a_digest_is_an_event_for_each_alert() -> None:
    assert len({each.id for each in events_of(digest(40), "topic")}) == 40


def test_raised_cleared_and_test_have_types_of_their_own() -> None:
    cleared = events_of(message(entry(turn=TurnKind.CLEARED)), "topic")
    trial = events_of(message(is_test=True), "topic")

    assert [each.type for each in (*cleared, *trial)] == ["chargeback.alert.cleared.v1", "chargeback.alert.test.v1"]


class Topic:
    """The client of the topic, at the boundary to the vendor."""

    def __init__(self, error: Exception | None) -> None:
        self.error = error
        self.sent: list[object] = []

    async def send(self, events: list[object]) -> None:
        if self.error:
            raise self.error
        self.sent += events


def of_status(status: int) -> HttpResponseError:
    error = HttpResponseError(f"answered {status}")
    error.status_code = status
    return error


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (None, (True, True)),
        (ServiceRequestError("away"), (False, True)),
        (ClientAuthenticationError("no token"), (False, True)),
        (TimeoutError(), (False, True)),
        (of_status(503), (False, True)),
        (of_status(403), (False, True)),
        (of_status(413), (False, False)),
    ],
)
async def test_what_a_topic_answers_is_told_or_tried_again(
    error: Exception | None, expected: tuple[bool, bool]
) -> None:
    topic = Topic(error)
    outcome = await EventsChannel("topic", topic).send(message())  # type: ignore[arg-type]

    assert (outcome.is_told, outcome.may_retry) == expected
    assert len(topic.sent) == outcome.is_told
