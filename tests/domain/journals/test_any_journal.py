"""Whatever months are charged, every document balances, nothing is lost, and the same input gives the same lines."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from chargeback.domain.journals.amounts import ChargedSum, posted_before
from chargeback.domain.journals.entries import EntryType, Journal
from chargeback.domain.money.currencies import minor_unit_decimals
from chargeback.domain.money.exact import round_total, total
from chargeback.domain.time.months import Month, dates_of
from tests.support.journals import ISSUER, charged, journal, rules

MONTHS = [Month(f"2026-{number:02}") for number in range(3, 7)]
OTHER = "USD"
"""The currency that the books had before."""
CENTRES = ("product", "product/search", "product/web", "platform", "unallocated")


@st.composite
def months(draw: st.DrawFn) -> tuple[str, list[list[ChargedSum]]]:
    """Some months in two currencies, each with corrections of the months before it, some of which take all back."""
    currency = draw(st.sampled_from(["EUR", "JPY", "KWD"]))
    found: list[list[ChargedSum]] = []
    for number, month in enumerate(MONTHS[: draw(st.integers(1, 4))]):
        sums = draw(st.lists(own_charges(month, currency), max_size=6))
        for of in range(number):
            back = draw(st.lists(st.sampled_from(found[of]), max_size=2)) if found[of] else []
            sums += [
                replace(each, cost=-each.cost, corrects_period=each.corrects_period or MONTHS[of]) for each in back
            ]
        found.append(sums)
    return currency, found


def own_charges(month: Month, currency: str) -> st.SearchStrategy[ChargedSum]:
    cost = st.integers(-(10**7), 10**10).map(lambda millionths: str(Decimal(millionths).scaleb(-6)))

    def made(centre: str, amount: str, **fields: str) -> ChargedSum:
        return charged(centre, amount, str(round_total(Decimal(amount) / 21, 6)), **fields)

    return st.builds(
        made,
        st.sampled_from(CENTRES),
        cost,
        kind=st.sampled_from(["usage", "shared"]),
        date=st.sampled_from(dates_of(month)),
        currency=st.sampled_from([currency, OTHER]),
    )


def booked(currency: str, charges: list[list[ChargedSum]], smallest: str) -> list[Journal]:
    posting = rules(issuer=replace(ISSUER, smallest={currency: Decimal(smallest), OTHER: Decimal(smallest)}))
    made: list[Journal] = []
    carried: Any = ()
    for month, sums in zip(MONTHS, charges, strict=False):
        before = posted_before([line for each in made for line in each.lines])
        made.append(journal(sums, month, posting, carried, before, currency))
        carried = made[-1].carried
    return made


@given(months(), st.sampled_from(["0", "5", "1000"]))
def test_every_document_balances_and_nothing_is_lost(some: tuple[str, list[list[ChargedSum]]], smallest: str) -> None:
    currency, charges = some

    made = booked(currency, charges, smallest)

    waiting = {currency: Decimal(0), OTHER: Decimal(0)}
    for each, sums in zip(made, charges, strict=True):
        for of, before in waiting.items():
            after = total([Decimal(one.amount) for one in each.carried if one.currency == of])
            printed = round_total(total([one.cost for one in sums if one.currency == of]), minor_unit_decimals(of))
            assert each.posted(of) + after == printed + before
            waiting[of] = after
        assert [one.id for one in each.documents()] == sorted(
            {one.document_id for one in each.lines}, key=[one.document_id for one in each.lines].index
        )
        assert all(line.debit >= 0 <= line.credit and not line.debit * line.credit for line in each.lines)
        assert all(line.amount == round_total(line.amount, minor_unit_decimals(line.currency)) for line in each.lines)
    between = [
        line
        for each in made
        for line in each.lines
        if line.partner and not line.cost_centre and line.account in ("140100", "240100")
    ]
    assert total([line.amount for line in between]) == 0
    assert made == booked(currency, charges, smallest)


@given(months())
def test_what_is_too_small_waits_and_nothing_else(some: tuple[str, list[list[ChargedSum]]]) -> None:
    currency, charges = some

    for each in booked(currency, charges, "5"):
        waiting = [line for line in each.lines if line.type is EntryType.CARRY]
        assert all(line.debit < 5 and line.credit < 5 for line in waiting)
        assert len(waiting) == 2 * len(each.carried)
