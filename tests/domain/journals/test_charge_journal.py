"""A closed month becomes documents that balance in each company and charge what was printed."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from chargeback.domain.errors import PostingRefused
from chargeback.domain.journals.amounts import posted_before
from chargeback.domain.journals.entries import EntryType, Journal
from chargeback.domain.journals.entries import charged as charged_by
from chargeback.domain.time.effective import Effective
from tests.support.journals import APRIL, ISSUER, MARCH, MAY, charged, journal, posted_to, rules, said

MARCH_16 = datetime(2026, 3, 15, 23, tzinfo=UTC)


def d(text: str) -> Decimal:
    return Decimal(text)


def test_two_companies_with_a_markup_balance_each_and_mirror_each_other() -> None:
    made = journal(
        [
            charged("product/search", "740.246891", "35.249852", kind="shared"),
            charged("platform", "100.002"),
        ]
    )

    assert said(made) == [
        ("CB-2026-03-2000", "625110", "product/search", "1000", d("740.25")),
        ("CB-2026-03-2000", "240100", "", "1000", d("-740.25")),
        ("CB-2026-03-1000", "625100", "platform", "", d("100.00")),
        ("CB-2026-03-1000", "140100", "", "2000", d("740.25")),
        ("CB-2026-03-1000", "695000", "", "2000", d("-705.00")),
        ("CB-2026-03-1000", "845000", "", "2000", d("-35.25")),
        ("CB-2026-03-1000", "695000", "", "", d("-100.00")),
    ]
    assert [line.markup for line in made.lines if line.cost_centre] == [d("35.25"), d("0.00")]
    assert [(each.id, each.amount) for each in made.documents()] == [
        ("CB-2026-03-2000", "740.25"),
        ("CB-2026-03-1000", "840.25"),
    ]


def test_cents_are_given_by_largest_remainder_so_that_the_total_is_the_months() -> None:
    made = journal([charged(f"product/{name}", "10.004", kind=kind) for name in "abc" for kind in ("usage", "shared")])

    assert made.posted("EUR") == d("60.02")
    assert sorted(line.amount for line in made.lines if line.cost_centre) == [*[d("10.00")] * 4, *[d("10.01")] * 2]


@pytest.mark.parametrize(("currency", "cost", "posted"), [("JPY", "1234.5", "1234"), ("KWD", "1.23456", "1.235")])
def test_a_currency_has_its_own_minor_unit(currency: str, cost: str, posted: str) -> None:
    made = journal([charged("platform", cost, currency=currency)], currency=currency)

    assert made.posted(currency) == d(posted)
    assert {line.document_id for line in made.lines} == {"CB-2026-03-1000"}


def test_a_correction_in_the_former_currency_of_the_books_has_a_document_of_its_own() -> None:
    made = journal(
        [
            charged("platform", "10"),
            charged("platform", "20", currency="USD", corrects_period=MARCH, date="2026-03-02"),
        ],
        APRIL,
    )

    assert [(each.id, each.currency, each.amount) for each in made.documents()] == [
        ("CB-2026-04-1000", "EUR", "10.00"),
        ("CB-2026-04-1000-USD", "USD", "20.00"),
    ]


def test_what_is_too_small_waits_until_it_is_enough_and_is_never_lost() -> None:
    march = journal([charged("product/search", "3.41", "0.41"), charged("platform", "50")])
    april = journal([charged("product/search", "1.20", date="2026-04-02")], APRIL, carried=march.carried)
    may = journal([charged("product/search", "2.00", date="2026-05-02")], MAY, carried=april.carried)

    carries = [line for line in march.lines if line.type is EntryType.CARRY]
    assert [(each.document_id, each.debit, each.credit) for each in carries] == [
        ("CB-2026-03-2000-CARRY", d("3.41"), d(0)),
        ("CB-2026-03-2000-CARRY", d(0), d("3.41")),
    ]
    assert [each.posted("EUR") for each in (march, april, may)] == [d("50.00"), d(0), d("6.61")]
    assert [(line.period, line.text, line.amount, line.markup) for line in may.lines if line.cost_centre] == [
        ("2026-05", "Azure OpenAI 2026-05", d("2.00"), d("0.00")),
        ("2026-03", "Azure OpenAI 2026-03, carried", d("3.41"), d("0.41")),
        ("2026-04", "Azure OpenAI 2026-04, carried", d("1.2"), d("0.00")),
    ]
    assert (may.carried, may.documents()[0].id) == ([], "CB-2026-05-2000")


def test_a_credit_note_takes_back_what_was_printed_and_names_the_document() -> None:
    # Rounded for itself, April would take back 40.00: its total is -39.998.
    printed = [charged("product/search", "40.004"), charged("product/web", "60.004"), charged("platform", "7.004")]
    march = journal(printed)
    before = posted_before(march.lines)
    april = journal(
        [
            charged("product/search", "-40.004", corrects_period=MARCH),
            charged("platform", "0.006", date="2026-04-01"),
        ],
        APRIL,
        rules(issuer=replace(ISSUER, smallest={})),
        before=before,
    )

    posted = {line.cost_centre: line.amount for line in march.lines if line.cost_centre}
    noted = [line for line in april.lines if line.type is EntryType.CREDIT_NOTE]
    assert noted[0].amount == -posted["product/search"]
    assert (noted[0].document_id, noted[0].reverses, noted[0].corrects_period) == (
        "CB-2026-04-2000-C1",
        "CB-2026-03-2000",
        MARCH,
    )
    assert {line.reverses for line in noted if line.company == "1000"} == {"CB-2026-03-1000"}
    assert april.posted("EUR") == d("-40.00")
    assert {line.credit for line in noted if line.account == "625100"} == {posted["product/search"]}


def test_a_small_credit_waits_for_a_charge_and_not_for_another_credit_of_the_same_month() -> None:
    march = journal([charged("product", "3.00")])
    back = [charged("product", "-3.00", corrects_period=MARCH)]
    april = journal(back, APRIL, carried=march.carried, before=posted_before(march.lines))
    may = journal([], MAY, carried=april.carried, before=posted_before([*march.lines, *april.lines]))

    assert [each.amount for each in april.carried] == ["-3", "3"]
    assert [(line.type, line.corrects_period, line.amount) for line in may.lines] == [
        (EntryType.CHARGE, "", d(3)),
        (EntryType.CHARGE, MARCH, d(-3)),
    ]
    assert (may.posted("EUR"), may.carried) == (d(0), [])


def test_what_a_centre_that_moved_gets_back_is_in_each_company_what_was_printed_there() -> None:
    centres = (
        posted_to("product", "2000", "4711", Effective(end=MARCH_16)),
        posted_to("product", "1000", "1005", Effective(start=MARCH_16)),
        posted_to("platform", "1000", "1001"),
    )
    parts = [("10.005", "2026-03-10"), ("20.005", "2026-03-20")]
    march = journal(
        [*(charged("product", cost, date=date) for cost, date in parts), charged("platform", "7.003")],
        posting=rules(*centres),
    )
    back = [charged("product", f"-{cost}", date=date, corrects_period=MARCH) for cost, date in parts]
    before = posted_before(march.lines)
    april = journal([*back, charged("platform", "11.117")], APRIL, rules(*centres), before=before)
    ended = rules(replace(centres[0], successor="product"), *centres[1:])
    followed = journal([*back, charged("platform", "11.117")], APRIL, ended, before=before)

    assert _notes(april) == [("2000", "4711", d("-10.01")), ("1000", "1005", d("-20.00"))]
    assert _notes(followed) == [("1000", "1005", d("-30.01"))]
    assert april.posted("EUR") == followed.posted("EUR") == d("-18.89")


def _notes(made: Journal) -> list[tuple[str, str, Decimal]]:
    notes = [line for line in made.lines if line.type is EntryType.CREDIT_NOTE and line.cost_centre]
    return [(line.company, line.object, line.amount) for line in notes]


def test_corrections_of_corrections_leave_what_is_left() -> None:
    march = journal([charged("product/search", "40.004")])
    april = journal(
        [charged("product/search", "10.006", corrects_period=MARCH)], APRIL, before=posted_before(march.lines)
    )
    may = journal(
        [charged("product/search", "-50.010", corrects_period=MARCH)],
        MAY,
        before=posted_before([*march.lines, *april.lines]),
    )

    posted = [each.posted("EUR") for each in (march, april, may)]
    assert posted == [d("40.00"), d("10.01"), d("-50.01")]
    assert {line.type for line in april.lines} == {EntryType.CHARGE}
    assert april.lines[0].text == "Azure OpenAI 2026-04, corrects 2026-03"


def test_a_centre_that_moves_is_posted_where_it_was_and_its_successor_takes_what_comes_later() -> None:
    moving = rules(
        posted_to("product/search", "2000", "4711", Effective(end=MARCH_16), "platform"),
        posted_to("product/search", "1000", "1005", Effective(start=MARCH_16)),
        posted_to("platform", "1000", "1001"),
    )
    without = rules(replace(moving.centres[0], successor=""), *moving.centres[1:])
    sums = [charged("product/search", "20", date="2026-03-10"), charged("product/search", "30", date="2026-03-16")]

    kept, moved = journal(sums, posting=without), journal(sums, posting=moving)

    assert [(line.company, line.object, line.amount) for line in kept.lines if line.cost_centre] == [
        ("2000", "4711", d("20.00")),
        ("1000", "1005", d("30.00")),
    ]
    assert [(line.company, line.object, line.amount) for line in moved.lines if line.cost_centre] == [
        ("1000", "1001", d("20.00")),
        ("1000", "1005", d("30.00")),
    ]


def test_a_centre_without_an_entry_is_named_with_its_amount_and_nothing_is_posted() -> None:
    with pytest.raises(PostingRefused) as caught:
        journal([charged("research", "12.5"), charged("research", "0.25", kind="shared"), charged("platform", "1")])

    assert caught.value.reasons == ["costCentres: no entry for 'research' or above it on 2026-03-10; it has 12.75 EUR"]


def test_a_refund_of_a_shared_cost_is_a_credit_within_the_charge() -> None:
    made = journal([charged("product", "100"), charged("product", "-30", kind="shared")])

    assert [(line.account, line.debit, line.credit) for line in made.lines if line.company == "2000"] == [
        ("625110", d(0), d("30.00")),
        ("625100", d("100.00"), d(0)),
        ("240100", d(0), d("70.00")),
    ]


def test_an_empty_month_has_no_document() -> None:
    made = journal([])

    assert (made.lines, made.documents(), made.carried) == ([], [], [])
    assert charged_by(made.lines) == 0
