"""Writes a message as plain text and as HTML, for mail; nothing in the HTML is fetched from elsewhere."""

from collections.abc import Iterator
from html import escape

from chargeback.domain.alerts.plain_text import clipped
from chargeback.domain.alerts.wording import SaidAlert, SaidMessage

SUBJECT_LENGTH = 150


def mail_subject_of(message: SaidMessage) -> str:
    """The subject of a mail, on one line."""
    return clipped(message.subject, SUBJECT_LENGTH)


def mail_text_of(message: SaidMessage) -> str:
    """The message as plain text."""
    parts = [message.opening] if message.opening else []
    return "\n\n".join([*parts, *map(_text, message.alerts)]) + "\n"


def _text(alert: SaidAlert) -> str:
    rows = [f"{row.label}: {row.value}" for row in alert.rows]
    links = [f"Read on: {alert.link}"] if alert.link else []
    return "\n".join([f"{alert.urgency}: {alert.headline}", *rows, *links, f"({alert.reference})"])


def mail_html_of(message: SaidMessage) -> str:
    """The message as HTML, in which text from outside is text."""
    parts = [f"<p>{escape(message.opening)}</p>"] if message.opening else []
    parts += [part for alert in message.alerts for part in _html(alert)]
    return f'<!doctype html><html lang="en"><body style="font-family:sans-serif">{"".join(parts)}</body></html>'


def _html(alert: SaidAlert) -> Iterator[str]:
    yield f'<h2 style="font-size:1.1em">{escape(alert.urgency)}: {escape(alert.headline)}</h2><table>'
    for row in alert.rows:
        label = f'<th align="left" valign="top">{escape(row.label)}</th>'
        yield f"<tr>{label}<td>{escape(row.value)}</td></tr>"
    yield "</table>"
    if alert.link:
        yield f'<p><a href="{escape(alert.link)}">Read on</a></p>'
    yield f'<p style="color:#666;font-size:0.8em">{escape(alert.reference)}</p>'
