"""Writes a message as an Adaptive Card for Teams.

Text from outside stands in `TextRun`s alone: they show it as it is, while `TextBlock` and `Fact` read Markdown
(learn.microsoft.com/microsoftteams/platform/task-modules-and-cards/cards/cards-format; adaptivecards.io/explorer).
"""

import json
from typing import Any

from chargeback.domain.alerts.wording import SHORTER, SaidAlert, SaidMessage, left_out, shortened

MOST_BYTES = 25 * 1024
"""For the card as Teams keeps it. Its own limit for everything is 28 672 bytes (github.com/MicrosoftDocs/msteams-docs,
issue 11274: 24 453 bytes became 28 897)."""

_SCHEMA = "http://adaptivecards.io/schemas/adaptive-card.json"
_VERSION = "1.4"
_MOST_BUTTONS = 4


def expanded_size(card: dict[str, Any]) -> int:
    """The bytes of a card as Teams keeps it: a JSON document within a string of another one.

    Each quotation mark and backslash then takes more, and so may each character outside ASCII.
    """
    return len(json.dumps(json.dumps(card)))


def card_of(message: SaidMessage) -> dict[str, Any]:
    """The card, with as many of the alerts as it has room for; the first one is shortened if need be."""
    count = len(message.alerts)
    while count > 1 and expanded_size(_card(message, count)) > MOST_BYTES:
        count -= max(1, count // 8)
    cards = (_card(shortened(message, most), count) for most in SHORTER)
    return next(card for card in cards if expanded_size(card) <= MOST_BYTES)


def _card(message: SaidMessage, count: int) -> dict[str, Any]:
    body = [_text(_run(message.opening))] if message.opening else []
    for alert in message.alerts[:count]:
        body += _alert(alert, first=not body)
    if count < len(message.alerts):
        body.append(_text(_run(left_out(len(message.alerts) - count)), separator=True))
    links = list(dict.fromkeys(alert.link for alert in message.alerts[:count] if alert.link))
    actions = [{"type": "Action.OpenUrl", "title": "Read on", "url": link} for link in links[:_MOST_BUTTONS]]
    return {
        "$schema": _SCHEMA,
        "type": "AdaptiveCard",
        "version": _VERSION,
        "msteams": {"width": "Full"},
        "body": body,
        **({"actions": actions} if actions else {}),
    }


def _alert(alert: SaidAlert, *, first: bool) -> list[dict[str, Any]]:
    """An alert, with the reference for operators at its end."""
    rows = [_text(_run(f"{row.label}: ", weight="Bolder"), _run(row.value)) for row in alert.rows]
    return [
        _text(_run(alert.urgency, weight="Bolder"), separator=not first),
        _text(_run(alert.headline, size="Medium")),
        *rows,
        _text(_run(alert.reference, size="Small", isSubtle=True)),
    ]


def _text(*runs: dict[str, Any], separator: bool = False) -> dict[str, Any]:
    return {"type": "RichTextBlock", "inlines": list(runs), **({"separator": True} if separator else {})}


def _run(text: str, **style: Any) -> dict[str, Any]:
    return {"type": "TextRun", "text": text, **style}
