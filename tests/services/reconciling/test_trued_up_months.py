"""The chargeback of a month that was trued up is its invoice, whatever the books learn afterwards, and once."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.catalogue.payers import Payers, SharedMarkup
from chargeback.domain.errors import ClosingRefused, TrueUpRefused
from chargeback.domain.periods.lifecycle import BillingPeriod
from chargeback.domain.terms.shared_costs import Basis, BasisMeasure, CostKind, Per, Selection, SharedCost
from chargeback.domain.terms.terms import Terms
from chargeback.domain.time.effective import ALWAYS
from chargeback.services.closing.publish_drafts import Drafts
from chargeback.services.reconciling.true_up import remove_true_up, set_true_up
from tests.support.builders import tokens, usage_event
from tests.support.closing_product import ClosingProduct, published_for_real
from tests.support.cost_exports import OUTPUT_METER
from tests.support.trued_up_product import ANYTHING, APRIL, HOST, MAY, TruedUp, call, capacity, charge, teams

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("folders_in_memory")]

LATER = datetime(2026, 4, 20, tzinfo=UTC)
"""March may be closed; April is the only open month then, so that nothing else has to be published."""
JUNE = datetime(2026, 6, 6, tzinfo=UTC)


@pytest.fixture
def books(tmp_path: Path) -> TruedUp:
    return TruedUp(published_for_real(ClosingProduct(teams(), Terms(closing=ANYTHING))), tmp_path)


async def test_what_is_settled_after_the_true_up_was_accepted_is_not_charged_twice(books: TruedUp) -> None:
    # Invoice 110: 100 in the books, and a stream whose 4 million tokens are worth the other 10.
    pending = usage_event(id="s", type="pending", subscriptionId="search", backend=HOST, time="2026-03-10T09:00:00Z")
    await books.in_memory.ingest([call("search", "2026-03-05", "40"), pending], APRIL)
    books.invoices["2026-03"] = [charge("2026-03-05", "100", "40000"), charge("2026-03-10", "10", "4000")]

    done = await books.true_up("2026-03", APRIL, despite="the log is away")
    before = books.total("2026-03")
    settled = call("search", "2026-03-10", "4", id="s", type="settled")
    await books.in_memory.ingest([settled], APRIL)
    await books.publish(APRIL)

    assert (done.amount, before, books.total("2026-03")) == ("10", 110, 110)
    assert (await books.true_up("2026-03", APRIL)).amount == "0"
    await books.in_memory.close("2026-03", APRIL)
    assert books.total("2026-03") == 110


async def test_a_late_call_of_a_closed_month_is_taken_off_its_true_up_by_itself(books: TruedUp) -> None:
    # Invoice 110, books 100, true-up 10; then the call of 10 that was missing, by support.
    await books.in_memory.ingest([call("search", "2026-03-05", "40")], APRIL)
    books.invoices["2026-03"] = [charge("2026-03-05", "110", "44000")]
    await books.true_up("2026-03", APRIL)
    await books.in_memory.close("2026-03", APRIL)
    closed = dict(books.in_memory.closed.files)

    await books.in_memory.ingest([call("support", "2026-03-07", "4")], LATER)
    await books.publish(LATER)

    assert books.in_memory.closed.files == closed
    assert books.charged()["2026-03"] == {"search": 100, "support": 10}
    again = await books.true_up("2026-03", LATER)
    assert (again.amount, books.charged()["2026-03"]) == ("0", {"search": 100, "support": 10})


async def test_two_true_ups_with_late_usage_between_them(books: TruedUp) -> None:
    # Invoice 110 at first, then 115: books 100, +4 late, +6 late.
    await books.in_memory.ingest([call("search", "2026-03-05", "40")], APRIL)
    books.invoices["2026-03"] = [charge("2026-03-05", "110", "44000")]
    first = await books.true_up("2026-03", APRIL)
    await books.in_memory.close("2026-03", APRIL)
    await books.in_memory.ingest([call("support", "2026-03-07", "1.6")], MAY)
    await books.publish(MAY)
    between = books.total("2026-03")
    await books.in_memory.close("2026-04", MAY, override="nothing was used in April")
    books.invoices["2026-03"] = [charge("2026-03-05", "115", "46000")]

    second = await books.true_up("2026-03", JUNE)
    await books.in_memory.ingest([call("support", "2026-03-08", "2.4")], JUNE)
    await books.publish(JUNE)

    assert (first.amount, between, second.amount) == ("10", 110, "11")
    assert books.total("2026-03") == 115
    await books.in_memory.close("2026-05", JUNE, override="nor in May")
    await books.publish(JUNE + timedelta(days=1))
    assert books.total("2026-03") == 115


async def test_a_true_up_that_somebody_entered_is_counted_and_what_came_late_goes_back(books: TruedUp) -> None:
    # October of the review is March here: +10 by configuration with `corrects`; then the late usage of 10.
    await books.in_memory.ingest([call("search", "2026-03-05", "40")], APRIL)
    books.invoices["2026-03"] = [charge("2026-03-05", "110", "44000")]
    await books.publish(APRIL)
    await books.in_memory.close("2026-03", APRIL)
    by_hand = SharedCost(
        "march", "Invoice of March", CostKind.TRUE_UP, Decimal(10), Per.PERIOD, "USD", Basis.USAGE,
        period="2026-04", corrects="2026-03", source="invoice",
    )  # fmt: skip
    books.in_memory.catalogues.settled_by = Terms(closing=ANYTHING, shared_costs=[by_hand])
    await books.in_memory.ingest([call("search", "2026-03-07", "4")], LATER)
    await books.publish(LATER)
    assert books.total("2026-03") == 120

    done = await books.true_up("2026-03", LATER)

    assert (done.amount, books.total("2026-03")) == ("-10", 110)


@pytest.mark.parametrize(
    ("cost_id", "markup"), [("true-up-2026-03", "0"), ("true-up-2026-03-azure", "0"), ("march", "10")]
)
async def test_so_it_is_whatever_its_name_and_markup_are(books: TruedUp, cost_id: str, markup: str) -> None:
    # Invoice 110, 100 in the books and 10 by configuration: nothing is left, and the month closes with that.
    card = teams()
    on_top = SharedMarkup("m", Decimal(markup), ALWAYS, frozenset({"true-up"}))
    books.in_memory.catalogues.catalogue = Catalogue(
        card.currency, card.prices, card.deployments, card.allocation, payers=Payers(shared=(on_top,))
    )
    by_hand = SharedCost(
        cost_id, "Invoice of March", CostKind.TRUE_UP, Decimal(10), Per.PERIOD, "USD", Basis.USAGE, period="2026-03",
        source="invoice",
    )  # fmt: skip
    books.in_memory.catalogues.settled_by = Terms(closing=ANYTHING, shared_costs=[by_hand])
    await books.in_memory.ingest([call("search", "2026-03-05", "40")], APRIL)
    books.invoices["2026-03"] = [charge("2026-03-05", "110", "44000")]
    await books.publish(APRIL)
    compared = await books.reconcile("2026-03", APRIL)

    done = await set_true_up(books.in_memory.control, compared, by="dora", now=APRIL)

    assert (compared.books.trued_up, done.amount) == ({cost_id: 10}, "0")
    await books.in_memory.close("2026-03", APRIL)
    assert books.total("2026-03") == 110 + Decimal(markup) / 10


async def test_a_true_up_goes_to_the_users_of_the_sku(books: TruedUp) -> None:
    # Support alone uses output, which has no price; the invoice has 30 of it. Search pays for its input only.
    both = usage_event(subscriptionId="support", backend=HOST, time="2026-03-06T09:00:00Z", usage=tokens(0, 3_000_000))
    await books.in_memory.ingest([call("search", "2026-03-05", "40"), both], APRIL)
    books.invoices["2026-03"] = [
        charge("2026-03-05", "100", "40000"),
        charge("2026-03-06", "30", "3000", OUTPUT_METER),
    ]

    await books.true_up("2026-03", APRIL, despite="the price is not agreed")

    assert books.charged()["2026-03"] == {"search": 100, "support": 30}


async def test_what_nobody_of_ours_used_is_unallocated(books: TruedUp) -> None:
    await books.in_memory.ingest([call("search", "2026-03-05", "40")], APRIL)
    books.invoices["2026-03"] = [
        charge("2026-03-05", "100", "40000"),
        charge("2026-03-06", "30", "3000", OUTPUT_METER),
    ]

    await books.true_up("2026-03", APRIL)

    assert books.charged()["2026-03"] == {"search": 100, "unallocated": 30}


PTU = SharedCost(
    "ptu", "Capacity", CostKind.PROVISIONED, Decimal(1000), Per.MONTH, "USD", Basis.USAGE, measure=BasisMeasure.TOKENS,
    of=Selection(deployments=("ptu",)), source="contract",
)  # fmt: skip


async def test_a_true_up_of_capacity_goes_by_its_own_measure(books: TruedUp) -> None:
    # Search alone uses the capacity, 1 000 in the books and 2 200 on the invoice; support pays 100 for its calls.
    books.in_memory.catalogues.settled_by = Terms(closing=ANYTHING, shared_costs=[PTU])
    reserved = call("search", "2026-03-05", "7", deployment="ptu")
    await books.in_memory.ingest([reserved, call("support", "2026-03-06", "40")], APRIL)
    books.invoices["2026-03"] = [charge("2026-03-06", "100", "40000"), capacity("2026-03-31", "2200")]

    done = await books.true_up("2026-03", APRIL)

    assert done.amount == "1200"
    assert books.charged()["2026-03"] == {"search": 2200, "support": 100}


async def test_the_true_up_of_a_closed_month_goes_by_its_own_usage(books: TruedUp) -> None:
    # Search used March and is gone in April; support comes in April. 10 000 more for March.
    await books.in_memory.ingest([call("search", "2026-03-05", "40"), call("support", "2026-04-06", "40")], LATER)
    await books.publish(APRIL)
    await books.in_memory.close("2026-03", APRIL)
    books.invoices["2026-03"] = [charge("2026-03-05", "10100", "40000")]

    await books.true_up("2026-03", LATER)

    assert books.charged() == {"2026-03": {"search": 10_100}, "2026-04": {"support": 100}}


async def test_so_does_one_that_somebody_entered(books: TruedUp) -> None:
    await books.in_memory.ingest([call("search", "2026-03-05", "40"), call("support", "2026-04-06", "40")], LATER)
    await books.publish(APRIL)
    await books.in_memory.close("2026-03", APRIL)
    by_hand = SharedCost(
        "march", "Invoice of March", CostKind.TRUE_UP, Decimal(10_000), Per.PERIOD, "USD", Basis.USAGE,
        period="2026-04", corrects="2026-03", source="invoice",
    )  # fmt: skip
    books.in_memory.catalogues.settled_by = Terms(closing=ANYTHING, shared_costs=[by_hand])

    await books.publish(LATER)

    assert books.charged() == {"2026-03": {"search": 10_100}, "2026-04": {"support": 100}}


async def test_a_true_up_that_is_set_while_its_month_closes_without_it_becomes_a_correction(books: TruedUp) -> None:
    # The run that sets it is overtaken by the closing; nothing of it has to be taken back or done again.
    await books.in_memory.ingest([call("search", "2026-03-05", "40")], APRIL)
    books.invoices["2026-03"] = [charge("2026-03-05", "110", "40000")]
    await books.publish(APRIL)
    reconciled = await books.reconcile("2026-03", APRIL)
    await books.in_memory.close("2026-03", APRIL)

    await set_true_up(books.in_memory.control, reconciled, by="dora", now=APRIL)
    await books.publish(LATER)
    assert books.charged()["2026-03"] == {"search": 110}
    assert books.corrections("2026-04") == [("search", 1, 10, 10)]

    await remove_true_up(books.in_memory.control, "2026-03", by="dora", now=LATER)
    await books.publish(LATER)
    assert books.charged()["2026-03"] == {"search": 100}


async def test_a_month_before_the_books_takes_no_true_up(books: TruedUp) -> None:
    await books.in_memory.ingest([call("search", "2026-03-05", "40")], APRIL)
    await Drafts(books.in_memory.closing_books, books.in_memory.closer).publish("2026-02", APRIL)
    books.invoices["2026-02"] = [charge("2026-02-05", "10", "4000")]

    with pytest.raises(TrueUpRefused, match="the books begin with 2026-03: no file of an earlier month is ever closed"):
        await books.true_up("2026-02", APRIL)


async def test_a_month_does_not_close_thirty_percent_off_its_invoice_unless_overridden(books: TruedUp) -> None:
    # 100 in the books, 130 on the invoice.
    await books.in_memory.ingest([call("search", "2026-03-05", "40")], APRIL)
    books.invoices["2026-03"] = [charge("2026-03-05", "130", "40000")]
    await books.publish(APRIL)
    await books.reconcile("2026-03", APRIL)

    (refused,) = await books.in_memory.closer.close_due(APRIL)

    assert isinstance(refused, ClosingRefused)
    assert refused.reasons == [
        "the invoice of 130.00 USD is 30.00 above the chargeback; allowed are 1 % or 10 USD;"
        " run `chargeback reconcile 2026-03 --true-up`, or see why they differ"
    ]
    closed = await books.in_memory.close("2026-03", APRIL, override="the contract is being discussed")
    assert closed.history[-1].overridden == (refused.reasons[0].partition(";")[0] + "; allowed are 1 % or 10 USD",)


async def test_with_its_true_up_it_closes_by_itself(books: TruedUp) -> None:
    await books.in_memory.ingest([call("search", "2026-03-05", "40")], APRIL)
    books.invoices["2026-03"] = [charge("2026-03-05", "130", "40000")]
    await books.true_up("2026-03", APRIL)

    (closed,) = await books.in_memory.closer.close_due(APRIL)

    assert isinstance(closed, BillingPeriod)
    assert books.total("2026-03") == 130


async def test_a_true_up_whose_books_changed_has_to_be_set_again(books: TruedUp) -> None:
    # Books 100, invoice 110; the late call of 10 leaves nothing to true up.
    await books.in_memory.ingest([call("search", "2026-03-05", "40")], APRIL)
    books.invoices["2026-03"] = [charge("2026-03-05", "110", "44000")]
    await books.true_up("2026-03", APRIL)
    await books.in_memory.ingest([call("search", "2026-03-07", "4")], APRIL)

    with pytest.raises(ClosingRefused, match=r"its books changed by 10\.00 USD since its true-up was set by dora"):
        await books.in_memory.close("2026-03", APRIL)
    await books.true_up("2026-03", APRIL)
    await books.in_memory.close("2026-03", APRIL)

    assert books.charged()["2026-03"] == {"search": 110}


async def test_where_exports_arrive_a_month_waits_for_its_own_to_be_complete(books: TruedUp) -> None:
    # The grace period is over on 4 April at midnight, as the export's lag is; the run that is there is of the evening.
    await books.in_memory.ingest([call("search", "2026-03-05", "40")], APRIL)
    books.invoices["2026-03"] = [charge("2026-03-05", "100", "40000")]
    await books.publish(APRIL)
    evening = datetime(2026, 4, 3, 18, tzinfo=UTC)
    await books.reconcile("2026-03", evening)

    (refused,) = await books.in_memory.closer.close_due(APRIL)
    await books.reconcile("2026-03", APRIL)
    (closed,) = await books.in_memory.closer.close_due(APRIL)

    assert isinstance(refused, ClosingRefused)
    assert refused.reasons[0].startswith("its invoice is not complete: the run ")
    assert isinstance(closed, BillingPeriod)


async def test_a_true_up_that_was_entered_by_hand_counts_when_its_month_closes(books: TruedUp) -> None:
    # 130 on the invoice, 100 in the books and 30 by configuration; then 30 by the command, too, are 30 too many.
    by_hand = SharedCost(
        "march", "Invoice of March", CostKind.TRUE_UP, Decimal(30), Per.PERIOD, "USD", Basis.USAGE, period="2026-03",
        source="invoice",
    )  # fmt: skip
    await books.in_memory.ingest([call("search", "2026-03-05", "40")], APRIL)
    books.invoices["2026-03"] = [charge("2026-03-05", "130", "40000")]
    await books.true_up("2026-03", APRIL)
    books.in_memory.catalogues.settled_by = Terms(closing=ANYTHING, shared_costs=[by_hand])
    await books.publish(APRIL)
    await books.reconcile("2026-03", APRIL + timedelta(hours=1))

    with pytest.raises(ClosingRefused, match=r"the invoice of 130\.00 USD is 30\.00 below the chargeback"):
        await books.in_memory.close("2026-03", APRIL)
    assert (await books.true_up("2026-03", APRIL)).amount == "0"
    await books.in_memory.close("2026-03", APRIL)

    assert books.total("2026-03") == 130
