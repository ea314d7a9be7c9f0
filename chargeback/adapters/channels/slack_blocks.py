"""Writes a message as blocks for Slack.

Text from outside stands in `plain_text` objects, which neither format it nor mention anybody. The line for
notifications is read as Slack's own markup, so that `&`, `<` and `>` are written as entities there
(docs.slack.dev/messaging/formatting-message-text; limits: docs.slack.dev/reference/block-kit/blocks).
"""

from collections.abc import Iterator
from typing import Any

from chargeback.domain.alerts.plain_text import clipped
from chargeback.domain.alerts.wording import SHORTER, SaidAlert, SaidMessage, left_out

MOST_BLOCKS = 50
SECTION_LENGTH = 3_000
ADDRESS_LENGTH = 3_000
NOTICE_LENGTH = 1_000

_BLOCKS_OF_ONE = 5


def blocks_of(message: SaidMessage) -> dict[str, Any]:
    """The body of a post, with as many of the alerts as it has room for."""
    most = (MOST_BLOCKS - 2) // _BLOCKS_OF_ONE
    shown = message.alerts[:most]
    blocks = [_section(message.opening)] if message.opening else []
    for number, alert in enumerate(shown):
        blocks += [{"type": "divider"}] if number else []
        blocks += _alert(alert)
    if len(message.alerts) > most:
        blocks.append(_section(left_out(len(message.alerts) - most)))
    return {"text": escaped(clipped(message.subject, NOTICE_LENGTH)), "mrkdwn": False, "blocks": blocks}


def escaped(text: str) -> str:
    """A text in Slack's markup, which then mentions nobody and links nowhere."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _alert(alert: SaidAlert) -> Iterator[dict[str, Any]]:
    yield _section(f"{alert.urgency}: {alert.headline}")
    if alert.rows:
        yield _section(_rows(alert))
    if alert.link and len(alert.link) <= ADDRESS_LENGTH:
        yield {"type": "actions", "elements": [{"type": "button", "text": _plain("Read on"), "url": alert.link}]}
    yield {"type": "context", "elements": [_plain(alert.reference)]}


def _rows(alert: SaidAlert) -> str:
    """A line a row, each as long as lets all of them fit."""
    texts = (
        "\n".join(f"{clipped(row.label, most)}: {clipped(row.value, most)}" for row in alert.rows) for most in SHORTER
    )
    return next(text for text in texts if _length(text) <= SECTION_LENGTH)


def _length(text: str) -> int:
    """In units of UTF-16, which is at least as much as any other count of characters."""
    return len(text.encode("utf-16-le")) // 2


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": _plain(text)}


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text, "emoji": False}
