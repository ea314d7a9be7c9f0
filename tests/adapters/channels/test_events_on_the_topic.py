"""What the vendor's client publishes arrives at a subscriber as a CloudEvent of the promised form."""

import pytest

from chargeback.adapters.channels.events import EventsChannel
from chargeback.services.ports.channels import Outcome
from stack.stack import Stack
from tests.stack.test_event_grid import Receiver, control, drained, listening, publisher, until
from tests.support.alert_messages import digest

pytestmark = [pytest.mark.anyio, pytest.mark.servers]


async def test_a_subscriber_gets_an_event_for_each_alert(stack: Stack) -> None:
    receiver = Receiver()
    with Stack(services=["eventGrid"], beside=stack) as topic:
        async with listening(receiver), publisher(topic) as client:
            await control(topic, "POST", "/_subscriptions", {"name": "test", "endpoint": receiver.url})

            outcome = await EventsChannel("topic", client).send(digest(2))

            await until(lambda: drained(topic))

    assert outcome == Outcome(is_told=True)
    assert {each["type"] for each in receiver.received} == {"chargeback.alert.raised.v1"}
    assert {each["source"] for each in receiver.received} == {"/chargeback/alerts"}
    assert receiver.received[0]["data"]["movers"][0] == {"what": "chat-assistant", "amount": "4120.5"}
    assert receiver.received[0]["specversion"] == "1.0"
