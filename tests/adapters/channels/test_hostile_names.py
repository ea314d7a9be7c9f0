"""A name that somebody chose to break a channel is shown as text: it formats, links, mentions and injects nothing."""

import json
import re
from hashlib import sha256
from html.parser import HTMLParser
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chargeback.adapters.channels.adaptive_card import MOST_BYTES, card_of, expanded_size
from chargeback.adapters.channels.mail_text import mail_html_of, mail_subject_of, mail_text_of
from chargeback.adapters.channels.outbound import to_bytes
from chargeback.adapters.channels.slack_blocks import blocks_of
from chargeback.adapters.channels.webhook import MOST_PAYLOAD, payload_of
from chargeback.domain.alerts.message import AlertMessage
from chargeback.domain.alerts.wording import say
from chargeback.services.ports.channels import Outcome
from stack.channels.stand_ins import SERVICES_SHOWN
from tests.adapters.channels.conftest import Channels
from tests.support.alert_messages import HOSTILE, digest, entry, hostile_facts, message

UTC_ZONE = ZoneInfo("UTC")
SHORT = [name[:1_000] for name in HOSTILE]
NAMES = st.one_of(st.sampled_from(SHORT), st.text(max_size=300))


def hostile(name: str) -> AlertMessage:
    alert = sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return message(entry(hostile_facts(name), cost_centre=name, alert=f"budget-{alert}"))


@pytest.mark.anyio
@pytest.mark.servers
@pytest.mark.parametrize("name", SERVICES_SHOWN)
async def test_every_channel_takes_it_and_shows_it_as_text(channels: Channels, name: str) -> None:
    for centre in HOSTILE:
        channels.clock.seconds += 3600
        assert await channels[name].send(hostile(centre)) == Outcome(is_told=True)

    assert len(channels.stand_ins.shown) == len(HOSTILE)
    for shown in channels.stand_ins.shown:
        assert shown.mentions == ()
        assert "has spent 104 % of its budget" in shown.text
        assert "\nBcc:" not in shown.text
    assert channels.stand_ins.teams.failed_runs == []


@settings(max_examples=30)
@given(NAMES, st.integers(1, 40))
def test_a_card_always_fits_and_has_text_in_runs_alone(name: str, count: int) -> None:
    card = card_of(say(digest(count, hostile_facts(name)), UTC_ZONE))

    assert expanded_size(card) <= MOST_BYTES
    assert {each["type"] for each in card["body"]} == {"RichTextBlock"}
    assert "has spent 104" in json.dumps(card["body"][:3])


@settings(max_examples=30)
@given(NAMES, st.integers(1, 40))
def test_blocks_have_text_that_nothing_reads_as_markup(name: str, count: int) -> None:
    body = blocks_of(say(digest(count, hostile_facts(name)), UTC_ZONE))

    assert len(body["blocks"]) <= 50
    assert '"mrkdwn"' not in json.dumps(body["blocks"])
    assert not re.search(r"<|>|&(?!amp;|lt;|gt;)", body["text"])


class Tags(HTMLParser):
    """The tags of a page with their attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.add(" ".join([tag, *sorted(name for name, _ in attrs)]))


@settings(max_examples=30)
@given(NAMES)
def test_a_mail_has_only_tags_of_its_own_and_one_line_of_subject(name: str) -> None:
    said = say(hostile(name), UTC_ZONE)
    tags = Tags()
    tags.feed(mail_html_of(said))

    own = {"html lang", "body style", "h2 style", "table", "tr", "th align valign", "td", "p", "p style", "a href"}
    assert tags.found <= own
    assert mail_subject_of(said).isprintable()
    assert len(mail_subject_of(said)) <= 150
    assert mail_text_of(said).count("\n") < 40


@settings(max_examples=30)
@given(NAMES, st.integers(1, 40))
def test_a_webhook_stays_below_its_bound_and_says_what_is_left_out(name: str, count: int) -> None:
    body = to_bytes(payload_of(digest(count, hostile_facts(name))))
    data = json.loads(body)["data"]

    assert len(body) <= MOST_PAYLOAD
    assert len(data["alerts"]) + data["leftOut"] == count
