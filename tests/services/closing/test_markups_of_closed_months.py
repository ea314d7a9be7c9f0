"""What was put on top of a closed month's shared costs stays what it was, whatever `periods correct` names."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.catalogue.payers import Payers, SharedMarkup
from chargeback.domain.cost_centres.rules import Allocation
from chargeback.domain.periods.lifecycle import PeriodChange
from chargeback.domain.terms.terms import Terms
from chargeback.domain.time.effective import ALWAYS, Effective
from chargeback.services.closing.correct_period import correct_period
from tests.support.closing_product import ClosingProduct, published_for_real
from tests.support.shared_fees import fee
from tests.support.trued_up_product import ANYTHING, APRIL, MAY, TruedUp, call, teams

pytestmark = pytest.mark.anyio


def marked_up(percent: int, *, search_pays: str) -> Catalogue:
    """Two teams; search's calls are paid by one of them, and fees have a markup."""
    of = teams()
    search, *others = of.allocation.rules
    rules = (replace(search, cost_centre=search_pays), *others)
    payers = Payers(shared=(SharedMarkup("fees", Decimal(percent), ALWAYS, frozenset({"fee"})),))
    return Catalogue(of.currency, of.prices, of.deployments, Allocation(of.allocation.centres, rules), payers=payers)


async def test_a_share_that_moves_takes_its_markup_with_it(tmp_path: Path) -> None:
    march = Effective(None, datetime(2026, 4, 1, tzinfo=UTC))
    terms = Terms(closing=ANYTHING, shared_costs=[fee("100", effective=march)])
    books = TruedUp(published_for_real(ClosingProduct(marked_up(50, search_pays="search"), terms)), tmp_path)
    await books.in_memory.ingest([call("search", "2026-03-05", "40")], APRIL)
    await books.publish(APRIL)
    await books.in_memory.close("2026-03", APRIL)

    books.in_memory.catalogues.catalogue = marked_up(10, search_pays="support")
    change = PeriodChange("rated anew", MAY, "ann", "the rule was wrong")
    await correct_period("2026-03", books.in_memory.closing_books, books.in_memory.ledger, change)
    await books.publish(MAY)

    # 100 of usage and the fee of 100 with 50 % on top: all of it is support's now.
    assert books.charged(exact=True) == {"2026-03": {"support": Decimal(250)}}
