"""Messages of alerts as sources make them, and names that somebody chose to break them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import sha256

from chargeback.domain.alerts.alert import TurnKind
from chargeback.domain.alerts.facts import AlertFigure, AlertMover, Expectation, Facts
from chargeback.domain.alerts.kinds import AlertKind, Severity
from chargeback.domain.alerts.message import AlertMessage, MessageEntry
from chargeback.domain.alerts.plain_text import plain_text
from chargeback.domain.alerts.wording import NAME_LENGTH

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)

OVERRUN = Facts(
    headline="product/support has spent 104 % of its budget for November",
    figures=(AlertFigure("Spent", "8\u202f320.00 EUR"), AlertFigure("Budget", "8\u202f000.00 EUR")),
    currency="EUR",
    since=NOON - timedelta(hours=1),
    movers=(
        AlertMover("chat-assistant", Decimal("4120.5")),
        AlertMover("ticket-summaries", Decimal(900)),
        AlertMover("nightly-evaluation", Decimal("0.004")),
    ),
    forecast=Expectation(Decimal(9000), Decimal("9450.126"), Decimal(9990)),
    advice="Ask the owner whether the evaluation may stop.",
    link="https://chargeback.example.com/budgets/support?month=2026-11&view=days",
)

HOSTILE = (
    "<!channel> <@U123> <https://evil.example|Sign in>",
    "[Sign in](https://evil.example) **bold** _it_ `code` # head",
    "<script>alert(1)</script><img src=x onerror=alert(1)>&amp;",
    "<at>Everyone</at> @here @channel",
    "a\r\nBcc: victim@example.com\r\n\r\nbody",
    "\u202eevil\u202c \u200bhidden\ufeff \x00\x1b[31mred",
    "Z" + "\u0301" * 500,
    "x" * 10_000,
    "😀" * 10_000,
    '"quotes" and \\back\\slashes\\ ' * 300,
    "漢" * 10_000,
    "</td></table><h1>owned</h1>",
    "'; DROP TABLE alerts; --",
    "\ud800 lone half",
    "",
)


def entry(facts: Facts = OVERRUN, **changes: object) -> MessageEntry:
    made = MessageEntry(
        "budget-0123456789abcdef0123456789abcdef",
        TurnKind.RAISED,
        AlertKind.BUDGET,
        Severity.MONEY_AT_RISK,
        "product/support",
        NOON,
        facts,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def message(*entries: MessageEntry, key: str = "", **changes: object) -> AlertMessage:
    said = entries or (entry(),)
    made = key or sha256("".join(f"{each.alert}{each.turn}" for each in said).encode()).hexdigest()[:32]
    return replace(AlertMessage(made, said), **changes)  # type: ignore[arg-type]


def digest(count: int, facts: Facts = OVERRUN) -> AlertMessage:
    entries = [entry(facts, alert=f"budget-{number:032x}") for number in range(count)]
    return message(*entries, is_digest=True)


def hostile_facts(name: str) -> Facts:
    """Facts in which everything that can be a name is this one; in the headline it is short, as sources make it."""
    return replace(
        OVERRUN,
        headline=f"{plain_text(name, NAME_LENGTH)} has spent 104 % of its budget",
        figures=tuple(AlertFigure(name, f"8 EUR by {name}") for _ in range(20)),
        movers=tuple(AlertMover(name, Decimal("12.5")) for _ in range(3)),
        cause=f"a correction by {name}",
        advice=f"Ask {name}.",
    )
