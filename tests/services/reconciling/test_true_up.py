"""The true-up: what is between invoice and books, split so that at contracted prices the chargeback is the invoice."""

import dataclasses
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import blake2b
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chargeback.adapters.memory.stores import MemoryControl
from chargeback.domain.errors import TrueUpRefused
from chargeback.domain.invoice.cost_exports import ExportRun
from chargeback.domain.money.exact import EXACT, total
from chargeback.domain.terms.shared_costs import Basis, CostKind, DirectUsage, SharedCost, amount, measured, split
from chargeback.domain.terms.terms import Terms
from chargeback.domain.time.calendar import Calendar
from chargeback.domain.time.effective import ALWAYS
from chargeback.services.reconciling.true_up import (
    amount_of,
    remove_true_up,
    set_true_up,
    true_up_costs,
    true_up_digest,
    true_up_parts,
)
from chargeback.services.reconciling.true_up_documents import TrueUps
from tests.support.control_documents import put_document
from tests.support.reconciled_months import PERIOD, SKU, reconciled

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 4, 6, 9, 30, tzinfo=UTC)


async def costs(control: MemoryControl, period: str = PERIOD) -> list[SharedCost]:
    """The parts that charge anything."""
    return [cost for cost in await true_up_costs(control, period, Terms(), Calendar()) if cost.price]


async def close(control: MemoryControl, period: str = PERIOD, state: str = "closed") -> None:
    await put_document(control, "period", period, {"period": period, "state": state})


async def test_a_true_up_is_a_shared_cost_by_usage_with_who_and_from_what() -> None:
    control = MemoryControl()

    done = await set_true_up(control, reconciled("110.25", "100"), by="dora", now=NOW)

    (cost,) = await costs(control)
    assert (cost.kind, cost.basis, cost.currency, cost.period) == (CostKind.TRUE_UP, Basis.USAGE, "USD", PERIOD)
    assert amount(cost, PERIOD, Calendar()) == Decimal("10.25")
    assert amount(cost, "2026-04", Calendar()) == 0
    assert cost.source == "cost export costs/focus/run, SHA-256 abc; set by dora"
    assert (done.by, done.at, done.invoice["sha256"]) == ("dora", NOW.isoformat(), "abc")


async def test_an_invoice_below_the_books_is_a_credit() -> None:
    control = MemoryControl()

    await set_true_up(control, reconciled("99.5", "100"), by="dora", now=NOW)

    (cost,) = await costs(control)
    assert cost.price == Decimal("-0.5")


async def test_nothing_between_them_is_no_cost() -> None:
    control = MemoryControl()

    await set_true_up(control, reconciled("100", "100"), by="dora", now=NOW)

    assert await costs(control) == await costs(control, "2026-02") == []


async def test_setting_it_again_replaces_it_and_taking_it_back_leaves_its_history() -> None:
    control = MemoryControl()
    await set_true_up(control, reconciled("110", "100"), by="dora", now=NOW)
    await set_true_up(control, reconciled("112", "100"), by="emil", now=NOW)
    (cost,) = await costs(control)

    was_there = await remove_true_up(control, PERIOD, by="fay", now=NOW)

    assert cost.price == 12
    assert was_there
    assert await costs(control) == []
    document = await control.get("true-up", PERIOD)
    assert document is not None
    assert [(each["amount"], each["by"]) for each in document["history"]] == [
        ("10", "dora"),
        ("12", "emil"),
        (None, "fay"),
    ]
    assert not await remove_true_up(control, PERIOD, by="fay", now=NOW)


@pytest.mark.parametrize("state", ["open", "closing", "closed"])
async def test_it_is_set_and_taken_back_whatever_state_its_period_is_in(state: str) -> None:
    control = MemoryControl()
    await close(control, state=state)

    done = await set_true_up(control, reconciled("110.25", "100"), by="dora", now=NOW)

    assert done.amount == "10.25"
    assert await remove_true_up(control, PERIOD, by="dora", now=NOW)


async def test_a_month_that_is_under_way_has_none_whatever_the_amount() -> None:
    # On 16 March the export has 15 days.
    early = ExportRun("r", "2026-03-01", "2026-03-15", datetime(2026, 3, 16, tzinfo=UTC), ())

    with pytest.raises(TrueUpRefused) as refused:
        await set_true_up(MemoryControl(), reconciled("100", "100", run=early), by="dora", now=NOW)

    assert refused.value.missing == [
        "the export covers 2026-03-01 to 2026-03-15 and ran at 2026-03-16T00:00Z: it knows all of the month 72 hours"
        " after the month's end"
    ]


async def test_it_waits_for_calls_without_tokens_unless_somebody_says_why_not() -> None:
    # Invoice 110, books 100 and ten calls that are worth the other 10.
    control = MemoryControl()

    with pytest.raises(TrueUpRefused, match="  - 10 calls wait for their tokens: run `chargeback settle`"):
        await set_true_up(control, reconciled("110", "100", open_items=10), by="dora", now=NOW)
    done = await set_true_up(control, reconciled("110", "100", open_items=10), by="dora", now=NOW, despite="lost logs")

    assert (done.amount, done.despite) == ("10", "lost logs")


async def test_what_was_paid_at_once_for_a_year_is_no_true_up_of_a_month() -> None:
    # 240 000 for a reservation against 20 000 in the books.
    month = reconciled("240000", "20000")
    ahead = dataclasses.replace(month, invoice=dataclasses.replace(month.invoice, paid_ahead=Decimal(240_000)))

    with pytest.raises(
        TrueUpRefused, match=r"240\u202f000 USD were paid at once .* reconciliation\.cost in books\.yaml to amort"
    ):
        await set_true_up(MemoryControl(), ahead, by="dora", now=NOW, despite="never mind")


async def test_what_somebody_entered_by_hand_is_counted() -> None:
    # 110 - 100, of which 3 are charged already.
    month = reconciled("110", "100")
    by_hand = dataclasses.replace(month.books, trued_up={"invoice-of-march": Decimal(3)})
    control = MemoryControl()

    done = await set_true_up(control, dataclasses.replace(month, books=by_hand), by="dora", now=NOW)

    assert done.amount == "7"
    assert {cost.cost_id: cost.price for cost in await costs(control)} == {
        f"true-up-{PERIOD}:{SKU}": 10,
        f"true-up-{PERIOD}:invoice-of-march": -3,
    }


async def test_usage_that_is_not_billed_yet_is_not_taken_back() -> None:
    early = ExportRun("r", "2026-03-01", "2026-03-15", datetime(2026, 3, 15, tzinfo=UTC), ())

    with pytest.raises(TrueUpRefused, match="usage of 100 USD is not billed yet"):
        await set_true_up(MemoryControl(), reconciled("0", "100", run=early), by="dora", now=NOW)


async def test_corrections_of_a_period_that_was_trued_up_are_not_charged_twice() -> None:
    # March: invoice 110, usage 100, so 10. It also carries 4 for February, whose true-up has charged them, and 3 for
    # January, which has none: 10 - 4 = 6.
    control = MemoryControl()
    await put_document(control, "true-up", "2026-02", {"period": "2026-02", "amount": "4"})
    await put_document(control, "true-up", "2026-01", {"period": "2026-01", "amount": None})

    found = await true_up_parts(control, reconciled("110", "100", of_2026_02="4", of_2026_01="3"))

    assert amount_of(found) == 6


async def test_a_true_up_of_a_version_before_is_read_and_stands_for_the_same() -> None:
    control = MemoryControl()
    invoice = {"place": "cost-exports", "run": "r", "sha256": "abc"}
    said = {"amount": "4", "by": "dora", "at": "2026-03-06T09:30:00+00:00", "invoice": invoice}
    kept = {"period": PERIOD, "currency": "USD", "invoiced": "14", "booked": "10", "books": {"sha256": "def"}, **said}
    back = {"amount": None, "by": "fay", "at": "2026-03-07T09:30:00+00:00"}
    documents: list[dict[str, Any]] = [
        {**kept, "history": [said]},
        {"period": "2026-02", **back, "history": [said, {**back, "invoice": None}]},
    ]
    for document in documents:
        period = document["period"]
        await put_document(control, "true-up", period, document)
        known, token = await TrueUps(control).get(period)
        assert known is not None
        before = blake2b(msgspec.json.encode(document, order="deterministic"), digest_size=12).hexdigest()

        assert await true_up_digest(control, period) == before
        await TrueUps(control).swap(known, token)
        written = await control.get("true-up", period)
        assert msgspec.json.decode(msgspec.json.encode(written)) == document


AMOUNTS = st.decimals(min_value=0, max_value=10**9, places=12)


@settings(max_examples=100)
@given(AMOUNTS, st.lists(AMOUNTS, min_size=1, max_size=8))
async def test_usage_and_true_up_together_are_the_invoice_to_the_cent(invoice: Decimal, usage: list[Decimal]) -> None:
    control = MemoryControl()
    books = total(usage)
    await set_true_up(control, reconciled(str(invoice), str(books)), by="dora", now=NOW)
    used: dict[str, Any] = measured_usage(usage)

    parts = [
        EXACT.multiply(amount(cost, PERIOD, Calendar()), ratio)
        for cost in await costs(control)
        for ratio in split(cost, measured(cost, used.values(), ALWAYS)).values()
    ]

    assert abs(total([*usage, *parts]) - invoice) <= Decimal("0.0000005")


def measured_usage(usage: list[Decimal]) -> dict[str, DirectUsage]:
    return {
        str(number): DirectUsage(
            f"centre-{number}",
            "oai-eastus2",
            "gpt-4o",
            "GlobalStandard",
            "gpt-4o",
            cost,
            1,
            1,
            0,
            0,
            "default",
            "",
            "input_tokens",
            Decimal(1),
            cost,
        )
        for number, cost in enumerate(usage)
    }
