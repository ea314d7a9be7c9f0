"""What a person reads: plain words, the amount, since when, what moved it, what is expected, and no id before them."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargeback.domain.alerts.alert import Matter, Sighting, TurnKind
from chargeback.domain.alerts.facts import Facts
from chargeback.domain.alerts.kinds import AlertKind, Severity
from chargeback.domain.alerts.message import message_of
from chargeback.domain.alerts.plain_text import plain_text
from chargeback.domain.alerts.subscriptions import AlertPlan
from chargeback.domain.alerts.watching import raised
from chargeback.domain.alerts.wording import SHORTER, money_text, say, shortened
from tests.support.alert_messages import HOSTILE, NOON, OVERRUN, digest, entry, hostile_facts, message

BERLIN = ZoneInfo("Europe/Berlin")


def test_a_message_says_what_how_much_since_when_who_moved_it_and_what_is_expected() -> None:
    said = say(message(), BERLIN)

    assert said.subject == "Money at risk: product/support has spent 104 % of its budget for November"
    assert [(row.label, row.value) for row in said.alerts[0].rows] == [
        ("Cost centre", "product/support"),
        ("Spent", "8\u202f320.00 EUR"),
        ("Budget", "8\u202f000.00 EUR"),
        ("Since", "30 November 2026, 12:00 Europe/Berlin"),
        (
            "Moved most by",
            "chat-assistant 4\u202f120.50 EUR; ticket-summaries 900.00 EUR; nightly-evaluation less than 0.01 EUR",
        ),
        ("Expected", "9\u202f450.13 EUR in the end; in 8 of 10 cases between 9\u202f000.00 EUR and 9\u202f990.00 EUR"),
        ("What to do", "Ask the owner whether the evaluation may stop."),
    ]
    assert said.alerts[0].link == OVERRUN.link


def test_the_id_stands_at_the_end_and_nowhere_else() -> None:
    said = say(message(), BERLIN)

    assert said.alerts[0].reference == f"{entry().alert}, noticed 30 November 2026, 13:00 Europe/Berlin"
    assert entry().alert not in said.subject + "".join(f"{row.label}{row.value}" for row in said.alerts[0].rows)


def test_an_all_clear_says_so_first_and_names_its_cause() -> None:
    facts = Facts(
        "product/support is within its budget again", cause="a correction of 20 November took 900.00 EUR back"
    )

    said = say(message(entry(facts, turn=TurnKind.CLEARED)), BERLIN)

    assert said.subject == "All clear: product/support is within its budget again"
    assert said.alerts[0].rows[-1].label == "Why"


def test_a_digest_says_how_many_messages_it_has() -> None:
    assert say(digest(3), BERLIN).opening == "Your digest has 3 messages, in the order of their times."
    assert say(digest(3), BERLIN).subject.startswith("3 messages, the first: product/support")
    assert say(digest(1), BERLIN).subject.startswith("Money at risk: ")


def test_a_test_says_first_that_nothing_happened() -> None:
    said = say(message(entry(severity=Severity.INFORMATION), is_test=True), BERLIN)

    assert said.subject == "Test: chargeback reaches this channel"
    assert said.opening == "This is a test. Nothing happened."


def test_a_link_names_the_alert_where_it_asks_for_it() -> None:
    facts = replace(OVERRUN, link="https://chargeback.example.com/alerts/{alert}")
    about = Sighting(Matter(AlertKind.BUDGET, "search"), Severity.LOOK_TODAY, facts)
    alert = raised(about, 1, AlertPlan(), NOON)

    said = say(message_of(alert, TurnKind.RAISED, "chat"), BERLIN)

    assert said.alerts[0].link == f"https://chargeback.example.com/alerts/{alert.id}"


def test_a_link_that_is_not_https_leads_nowhere() -> None:
    facts = replace(OVERRUN, link="javascript:alert(1)")

    assert say(message(entry(facts)), BERLIN).alerts[0].link == ""


def test_a_time_is_that_of_the_zone_also_when_its_clock_changed() -> None:
    summer = replace(OVERRUN, since=NOON - timedelta(days=150))

    assert say(message(entry(summer)), BERLIN).alerts[0].rows[3].value == "3 July 2026, 14:00 Europe/Berlin"


@pytest.mark.parametrize(
    ("amount", "currency", "said"),
    [("1234567.891", "EUR", "1\u202f234\u202f567.89 EUR"), ("-0.5", "EUR", "\u22120.50 EUR"), ("0", "EUR", "0.00 EUR"),
     ("0.0000001", "EUR", "less than 0.01 EUR"), ("0.005", "EUR", "less than 0.01 EUR"), ("0.015", "EUR", "0.02 EUR"),
     ("1E+3", "EUR", "1\u202f000.00 EUR"), ("1234.5", "JPY", "1\u202f234 JPY"), ("0.5", "JPY", "less than 1 JPY"),
     ("1234.5", "", "1\u202f234.50")],
)  # fmt: skip
def test_an_amount_has_the_places_of_its_currency_and_separators(amount: str, currency: str, said: str) -> None:
    assert money_text(Decimal(amount), currency) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [("spent 1\u202f234\u202f567.89 EUR", "spent 1\u202f234\u202f567.89 EUR"), ("1\u202f\u202f2 \u202f3", "1 2 3"),
     ("a\u202f1\u202fb\u00a02\u20033\x004\u20285", "a 1 b 2 3 4 5")],
)  # fmt: skip
def test_of_all_blanks_only_the_one_within_a_number_stays(text: str, said: str) -> None:
    assert plain_text(text, 100) == said


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_stays_one_short_visible_line(name: str) -> None:
    for alert in say(message(entry(hostile_facts(name), cost_centre=name)), BERLIN).alerts:
        for text in (alert.headline, *(row.label for row in alert.rows), *(row.value for row in alert.rows)):
            assert text == plain_text(text, 10_000)
            assert len(text) <= 500
            assert "://" not in text


@given(st.text(max_size=2_000), st.integers(1, 300))
def test_plain_text_is_short_printable_and_stays_as_it_is(text: str, most: int) -> None:
    plain = plain_text(text, most)

    assert len(plain) <= most
    assert plain.isprintable()
    assert plain_text(plain, most) == plain


@given(st.sampled_from(SHORTER), st.sampled_from(HOSTILE))
def test_a_shortened_message_has_shorter_details_and_its_whole_headline(most: int, name: str) -> None:
    whole = say(message(entry(hostile_facts(name))), BERLIN)
    said = shortened(whole, most)

    assert said.alerts[0].headline == whole.alerts[0].headline
    assert all(len(row.value) <= most and len(row.label) <= most for row in said.alerts[0].rows)
    assert said.alerts[0].link == OVERRUN.link
