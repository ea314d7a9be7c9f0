"""The true-up: what is between invoice and books, split so that at contracted prices the chargeback is the invoice."""

from datetime import UTC, datetime
from decimal import Decimal
from hashlib import blake2b
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chargeback.adapters.memory import MemoryControl
from chargeback.domain.calendar import Calendar
from chargeback.domain.cost_exports import ExportRun
from chargeback.domain.effective import ALWAYS
from chargeback.domain.errors import ChargebackError, PeriodClosed
from chargeback.domain.money import EXACT, total
from chargeback.domain.reconciliation import Booked, Invoiced, ReconciliationRules, Sku
from chargeback.domain.shared_costs import Basis, DirectUsage, Kind, amount, measured, split
from chargeback.domain.variances import reconcile
from chargeback.services.reconciling.invoice import Invoice
from chargeback.services.reconciling.reconcile import Reconciled
from chargeback.services.reconciling.true_up import (
    remove_true_up,
    set_true_up,
    true_up_amount,
    true_up_costs,
    true_up_digest,
)
from chargeback.services.reconciling.true_up_documents import TrueUps
from tests.control_documents import put_document

pytestmark = pytest.mark.anyio

PERIOD = "2026-03"
NOW = datetime(2026, 4, 6, 9, 30, tzinfo=UTC)
SKU = Sku("gpt-4o", "GlobalStandard", "default", "", "input_tokens")
RUN = ExportRun("costs/focus/run", "2026-03-01", "2026-03-31", datetime(2026, 4, 5, tzinfo=UTC), ("part.csv",))


def reconciled(invoice: str, books: str, *, run: ExportRun = RUN, **carried: str) -> Reconciled:
    """A period of one meter, with corrections that it carries, by `of_YYYY_MM`."""
    cost = Decimal(books)
    charge = Invoiced("2026-03-14", "oai-eastus2", "m", "meter", SKU, Decimal(10), Decimal(invoice))
    rules = ReconciliationRules()
    found = reconcile(
        [Booked("2026-03-14", "oai-eastus2", SKU, Decimal(10), cost)],
        [charge] if Decimal(invoice) else [],
        period=PERIOD,
        run=run,
        rules=rules,
        accounts=["oai-eastus2"],
    )
    corrections = {name[3:].replace("_", "-"): Decimal(cost) for name, cost in carried.items()}
    of_run = Invoice(run, (charge,), "abc", 1)
    return Reconciled(PERIOD, "USD", "cost-exports", of_run, "def", corrections, rules, found)


async def close(control: MemoryControl, period: str = PERIOD, state: str = "closed") -> None:
    await put_document(control, "period", period, {"period": period, "state": state})


async def test_a_true_up_is_a_shared_cost_by_usage_with_who_and_from_what() -> None:
    control = MemoryControl()

    done = await set_true_up(control, reconciled("110.25", "100"), by="dora", now=NOW)

    (cost,) = await true_up_costs(control, PERIOD)
    assert (cost.kind, cost.basis, cost.currency, cost.period) == (Kind.TRUE_UP, Basis.USAGE, "USD", PERIOD)
    assert amount(cost, PERIOD, Calendar()) == Decimal("10.25")
    assert amount(cost, "2026-04", Calendar()) == 0
    assert cost.source == "cost export costs/focus/run, SHA-256 abc; set by dora"
    assert (done.by, done.at, done.invoice["sha256"]) == ("dora", NOW.isoformat(), "abc")


async def test_an_invoice_below_the_books_is_a_credit() -> None:
    control = MemoryControl()

    await set_true_up(control, reconciled("99.5", "100"), by="dora", now=NOW)

    (cost,) = await true_up_costs(control, PERIOD)
    assert cost.price == Decimal("-0.5")


async def test_nothing_between_them_is_no_cost() -> None:
    control = MemoryControl()

    await set_true_up(control, reconciled("100", "100"), by="dora", now=NOW)

    assert await true_up_costs(control, PERIOD) == ()
    assert await true_up_costs(control, "2026-02") == ()


async def test_setting_it_again_replaces_it_and_taking_it_back_leaves_its_history() -> None:
    control = MemoryControl()
    await set_true_up(control, reconciled("110", "100"), by="dora", now=NOW)
    await set_true_up(control, reconciled("112", "100"), by="emil", now=NOW)
    (cost,) = await true_up_costs(control, PERIOD)

    was_there = await remove_true_up(control, PERIOD, by="fay", now=NOW)

    assert cost.price == 12
    assert was_there
    assert await true_up_costs(control, PERIOD) == ()
    document = await control.get("true-up", PERIOD)
    assert document is not None
    assert [(each["amount"], each["by"]) for each in document["history"]] == [
        ("10", "dora"),
        ("12", "emil"),
        (None, "fay"),
    ]
    assert not await remove_true_up(control, PERIOD, by="fay", now=NOW)


async def test_a_closed_period_gets_none_and_the_message_says_where_the_amount_goes() -> None:
    control = MemoryControl()
    await close(control)

    with pytest.raises(PeriodClosed) as raised:
        await set_true_up(control, reconciled("110.25", "100"), by="dora", now=NOW)

    assert "2026-03 is closed" in str(raised.value)
    assert '`amount` "10.25", `corrects: 2026-03`' in str(raised.value)
    assert await control.get("true-up", PERIOD) is None


async def test_the_true_up_of_a_closed_period_cannot_be_taken_back() -> None:
    control = MemoryControl()
    await set_true_up(control, reconciled("110", "100"), by="dora", now=NOW)
    await close(control)

    with pytest.raises(PeriodClosed, match='`amount` "-10"'):
        await remove_true_up(control, PERIOD, by="dora", now=NOW)


async def test_a_period_that_is_being_closed_waits_for_the_attempt() -> None:
    control = MemoryControl()
    await close(control, state="closing")

    with pytest.raises(PeriodClosed, match="is being closed"):
        await set_true_up(control, reconciled("110", "100"), by="dora", now=NOW)


async def test_usage_that_is_not_billed_yet_is_not_taken_back() -> None:
    early = ExportRun("r", "2026-03-01", "2026-03-15", datetime(2026, 3, 15, tzinfo=UTC), ())

    with pytest.raises(ChargebackError, match="usage of 100 USD is not billed yet"):
        await set_true_up(MemoryControl(), reconciled("0", "100", run=early), by="dora", now=NOW)


async def test_corrections_of_a_period_that_was_trued_up_are_not_charged_twice() -> None:
    # March: invoice 110, usage 100, so 10. It also carries 4 for February, whose true-up has charged them, and 3 for
    # January, which has none: 10 - 4 = 6.
    control = MemoryControl()
    await put_document(control, "true-up", "2026-02", {"period": "2026-02", "amount": "4"})
    await put_document(control, "true-up", "2026-01", {"period": "2026-01", "amount": None})

    found = await true_up_amount(control, reconciled("110", "100", of_2026_02="4", of_2026_01="3"))

    assert found == 6


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


@settings(max_examples=100, deadline=None)
@given(AMOUNTS, st.lists(AMOUNTS, min_size=1, max_size=8))
async def test_usage_and_true_up_together_are_the_invoice_to_the_cent(invoice: Decimal, usage: list[Decimal]) -> None:
    control = MemoryControl()
    books = total(usage)
    await set_true_up(control, reconciled(str(invoice), str(books)), by="dora", now=NOW)
    used: dict[str, Any] = measured_usage(usage)

    parts = [
        EXACT.multiply(amount(cost, PERIOD, Calendar()), ratio)
        for cost in await true_up_costs(control, PERIOD)
        for ratio in split(cost, measured(cost, used.values(), ALWAYS)).values()
    ]

    assert abs(total([*usage, *parts]) - invoice) <= Decimal("0.0000005")


def measured_usage(usage: list[Decimal]) -> dict[str, DirectUsage]:
    return {
        str(number): DirectUsage(
            f"centre-{number}", "oai-eastus2", "gpt-4o", "GlobalStandard", "gpt-4o", cost, 1, 1, 0, 0
        )
        for number, cost in enumerate(usage)
    }
