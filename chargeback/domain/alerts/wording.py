"""Says an alert in plain words: what, how much, since when, what moved it, what is expected, and what to do.

Every text here is plain: one line, without markup. Each channel writes it in its own form.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from chargeback.domain.alerts.alert import TurnKind
from chargeback.domain.alerts.facts import MOVERS_TOLD, Facts
from chargeback.domain.alerts.kinds import Severity
from chargeback.domain.alerts.message import AlertMessage, MessageEntry
from chargeback.domain.alerts.plain_text import clipped, plain_text
from chargeback.domain.money.currencies import minor_unit_decimals
from chargeback.domain.money.exact import round_total
from chargeback.domain.money.numerals import said_amount

HEADLINE_LENGTH = 300
NAME_LENGTH = 100
VALUE_LENGTH = 250
MOST_FIGURES = 8

SHORTER = (HEADLINE_LENGTH, 200, 100, 50, 25)
"""Lengths to which a channel with little room may shorten the details, one after the other."""

URGENCY = {
    Severity.INFORMATION: "For your information",
    Severity.LOOK_TODAY: "Look today",
    Severity.MONEY_AT_RISK: "Money at risk",
}


@dataclass(frozen=True, slots=True)
class SaidRow:
    """One line of details, such as `Since` and `30 November 2026, 14:05 UTC`."""

    label: str
    value: str


@dataclass(frozen=True, slots=True)
class SaidAlert:
    """One matter, as a person reads it.

    Attributes:
        urgency: how soon to look, or that it is over.
        headline: what happened, and how much.
        rows: what belongs to it.
        link: where to read on, an https address; empty: nowhere.
        reference: how an operator finds it again; belongs at the end.
    """

    urgency: str
    headline: str
    rows: tuple[SaidRow, ...]
    link: str
    reference: str


@dataclass(frozen=True, slots=True)
class SaidMessage:
    """A whole message.

    Attributes:
        subject: what it is about, on one line.
        opening: what is said before the alerts; empty: nothing.
        alerts: in the order in which they are told.
    """

    subject: str
    opening: str
    alerts: tuple[SaidAlert, ...]


def say(message: AlertMessage, zone: ZoneInfo) -> SaidMessage:
    """The words of a message, with its times in a time zone."""
    alerts = tuple(_say_entry(entry, zone) for entry in message.entries)
    subject = f"{alerts[0].urgency}: {alerts[0].headline}"
    if message.is_test:
        return SaidMessage("Test: chargeback reaches this channel", "This is a test. Nothing happened.", alerts)
    if not message.is_digest:
        return SaidMessage(subject, "", alerts)
    if len(alerts) == 1:
        return SaidMessage(subject, "Your digest has one message.", alerts)
    return SaidMessage(
        plain_text(f"{len(alerts)} messages, the first: {alerts[0].headline}", HEADLINE_LENGTH),
        f"Your digest has {len(alerts)} messages, in the order of their times.",
        alerts,
    )


def shortened(message: SaidMessage, most: int) -> SaidMessage:
    """The message with no detail longer than that; what happened and how much stays whole."""
    alerts = tuple(
        replace(alert, rows=tuple(SaidRow(clipped(row.label, most), clipped(row.value, most)) for row in alert.rows))
        for alert in message.alerts
    )
    return replace(message, alerts=alerts)


def left_out(count: int) -> str:
    """What is said where a message has room for the first alerts only."""
    return f"{count} more did not fit here: `python -m chargeback alerts list` has all of them."


def _say_entry(entry: MessageEntry, zone: ZoneInfo) -> SaidAlert:
    facts = entry.facts
    return SaidAlert(
        "All clear" if entry.turn is TurnKind.CLEARED else URGENCY[entry.severity],
        plain_text(facts.headline, HEADLINE_LENGTH),
        tuple(_rows(entry, zone)),
        facts.link if facts.link.startswith("https://") else "",
        f"{entry.alert}, noticed {_moment(entry.at, zone)}",
    )


def _rows(entry: MessageEntry, zone: ZoneInfo) -> Iterator[SaidRow]:
    facts = entry.facts
    if entry.cost_centre:
        yield SaidRow("Cost centre", plain_text(entry.cost_centre, NAME_LENGTH))
    for figure in facts.figures[:MOST_FIGURES]:
        yield SaidRow(plain_text(figure.label, NAME_LENGTH), plain_text(figure.value, VALUE_LENGTH))
    if facts.since is not None:
        yield SaidRow("Since", _moment(facts.since, zone))
    if facts.movers:
        yield SaidRow("Moved most by", "; ".join(_movers(facts)))
    if facts.forecast is not None:
        yield SaidRow("Expected", _expected(facts))
    for label, text in (("Why", facts.cause), ("What to do", facts.advice)):
        if text:
            yield SaidRow(label, plain_text(text, VALUE_LENGTH))


def _movers(facts: Facts) -> Iterator[str]:
    for mover in facts.movers[:MOVERS_TOLD]:
        yield f"{plain_text(mover.what, NAME_LENGTH)} {money_text(mover.amount, facts.currency)}".strip()


def _expected(facts: Facts) -> str:
    assert facts.forecast is not None
    low, middle, high = (
        money_text(amount, facts.currency)
        for amount in (facts.forecast.low, facts.forecast.expected, facts.forecast.high)
    )
    return f"{middle} in the end; in 8 of 10 cases between {low} and {high}"


def money_text(amount: Decimal, currency: str) -> str:
    """An amount as people read it: `1 234.50 EUR`; what is smaller than the smallest payable amount says so."""
    currency = plain_text(currency, NAME_LENGTH)
    places = minor_unit_decimals(currency)
    is_less = amount and not round_total(amount, places)
    return f"less than {Decimal(1).scaleb(-places)} {currency}".rstrip() if is_less else said_amount(amount, currency)


def _moment(at: datetime, zone: ZoneInfo) -> str:
    local = at.astimezone(zone)
    return f"{local.day} {_MONTHS[local.month - 1]} {local.year}, {local:%H:%M} {zone.key}"


_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
"""In English whatever the machine's language is."""
