"""Whatever happens to months in whatever order, all of their files together charge what is due, to the last digit.

Due for a month is its usage, or its invoice once it is trued up, and its shared costs, each in the currency that the
month is kept in: USD until March, EUR from April on.
More lives: `LIVES=200 pytest tests/services/reconciling/test_any_true_up.py`.
"""

import asyncio
import os
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from chargeback.domain.invoice.reconciliation import ReconciliationRules
from chargeback.domain.periods.lifecycle import PeriodChange
from chargeback.domain.terms.shared_costs import Basis, CostKind, Per, SharedCost
from chargeback.domain.terms.terms import ClosingRules, ExchangeRate, Terms
from chargeback.domain.time.calendar import BooksSetting, Calendar
from chargeback.services.closing.correct_period import correct_period
from chargeback.services.reconciling.true_up import remove_true_up
from tests.support.closing_product import ClosingProduct, priced, published_for_real
from tests.support.trued_up_product import TruedUp, call, charge

EXAMPLES = int(os.environ.get("LIVES", "2"))
BOOKS = Calendar((BooksSetting("2026-01", "UTC", "USD"), BooksSetting("2026-04", "UTC", "EUR")))
MONTHS = ("2026-03", "2026-04", "2026-05", "2026-06")
ANYTHING = ClosingRules(unpriced_percent=Decimal(100), unsettled_percent=Decimal(100), rate_age=timedelta(days=366))
FEE = SharedCost("fee", "Platform", CostKind.FEE, Decimal(100), Per.MONTH, "USD", Basis.USAGE)
START = datetime(2026, 3, 25, tzinfo=UTC)

Step = tuple[str, int, int]
teams = st.integers(0, 1)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("usage"), teams, st.integers(0, 45)),
        st.tuples(st.just("usage"), teams, st.integers(0, 45)),
        st.tuples(st.just("true up"), st.integers(0, 2), st.integers(-9, 60)),
        st.tuples(st.just("take back"), st.integers(0, 2), st.just(0)),
        st.tuples(st.just("close"), st.just(0), st.just(0)),
        st.tuples(st.just("price"), st.integers(1, 4), st.just(0)),
        st.tuples(st.just("rate"), st.integers(6, 9), st.just(0)),
        st.tuples(st.just("correct"), st.integers(0, 1), st.just(0)),
        st.tuples(st.just("draft"), st.just(0), st.just(0)),
        st.tuples(st.just("days pass"), st.integers(1, 25), st.just(0)),
    ),
    min_size=6,
    max_size=14,
)


class Life:
    """A product whose clock goes on, and the invoices that it was trued up to."""

    def __init__(self, folder: Path) -> None:
        self.in_memory = published_for_real(ClosingProduct(priced("2.5", BOOKS), self._terms("0.8")))
        self.books = TruedUp(self.in_memory, folder)
        self.now = START
        self.calls = 0
        self.invoiced: dict[str, Decimal] = {}

    def _terms(self, rate: str) -> Terms:
        known = ExchangeRate("USD", "EUR", Decimal(rate), "2026-04-01", "the bank")
        return Terms(exchange_rates=[known], shared_costs=[FEE], closing=ANYTHING)

    async def step(self, what: str, which: int, number: int) -> None:
        in_memory = self.in_memory
        match what:
            case "usage":
                await self._use(("search", "other")[which], number)
            case "days pass":
                self.now += timedelta(days=which)
            case "price":
                in_memory.catalogues.catalogue = priced(f"{which}.25", BOOKS)
            case "rate":
                in_memory.catalogues.settled_by = self._terms(f"0.{which}")
            case "draft":
                await self.books.publish(self.now)
            case "close":
                await self._close()
            case "correct":
                await self._correct(first=not which)
            case _:
                await self._true_up(MONTHS[which], number if what == "true up" else None)

    async def _use(self, team: str, days_ago: int) -> None:
        self.calls += 1
        day = (self.now - timedelta(days=days_ago)).date().isoformat()
        if day >= "2026-03-01":
            await self.in_memory.ingest([call(team, day, id=f"c{self.calls}")], self.now)

    async def _true_up(self, month: str, more: int | None) -> None:
        """To an invoice of so much more than the month's usage, but not below nothing; None takes it back."""
        if more is None:
            await remove_true_up(self.in_memory.control, month, by="dora", now=self.now)
            self.invoiced.pop(month, None)
            return
        if BOOKS.bounds(month)[1] + ReconciliationRules().lag > self.now:
            return
        await self.books.publish(self.now)
        cost = max(await self.used(month) + more, Decimal(0))
        currency = {"BillingCurrency": BOOKS.currency(month)}
        self.books.invoices[month] = [charge(f"{month}-05", str(cost), "4000", **currency)] if cost else []
        await self.books.true_up(month, self.now, despite="it is only a test")
        self.invoiced[month] = cost

    async def _close(self) -> None:
        await self.books.publish(self.now)
        oldest = (await self.in_memory.periods.open_periods(self.now, BOOKS))[0]
        if BOOKS.bounds(oldest)[1] <= self.now:
            await self.in_memory.close(oldest, self.now, override="it is only a test")

    async def _correct(self, *, first: bool) -> None:
        if closed := await self.in_memory.periods.closed():
            change = PeriodChange("rated anew", self.now, "ann", "wrong price")
            await correct_period(
                closed[0 if first else -1].month, self.in_memory.closing_books, self.in_memory.ledger, change
            )

    async def used(self, month: str) -> Decimal:
        """What the books have of a month's usage, in its currency."""
        cost = Decimal(0)
        for day in BOOKS.utc_days(month):
            async for page in self.in_memory.books.records(day):
                cost += sum((charge.cost or 0 for record in page for charge in record.charges), Decimal(0))
        return cost * await self._rate(month)

    async def _rate(self, month: str) -> Decimal:
        known, _ = await self.in_memory.periods.get(month)
        catalogues = self.in_memory.catalogues
        terms = (await catalogues.stored_version(known.version)).terms if known.version else await catalogues.terms()
        return Decimal(terms.rate_for(month, "USD", BOOKS.currency(month)).rate)

    async def due(self) -> dict[tuple[str, str], Decimal]:
        """By month and currency."""
        found = {}
        for month in sorted(
            {*MONTHS} & {path[:7] for path in {**self.in_memory.reports.files, **self.in_memory.closed.files}}
        ):
            fee = FEE.price * await self._rate(month)
            found[month, BOOKS.currency(month)] = fee + self.invoiced.get(month, await self.used(month))
        return found

    def charged(self) -> tuple[dict[tuple[str, str], Decimal], dict[str, Decimal]]:
        """What closed files and drafts charge exactly, by month and currency; and by how much their print is off."""
        exact: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
        off: dict[str, Decimal] = {}
        files = {**self.in_memory.reports.files, **self.in_memory.closed.files}
        with TemporaryDirectory() as folder:
            for path in (path for path in files if path.endswith(".parquet")):
                (Path(folder) / "charges.parquet").write_bytes(files[path])
                rows = duckdb.sql(
                    f"SELECT coalesce(nullif(corrects_period, ''), '{path[:7]}'), currency, sum(exact_cost), sum(cost)"
                    f" FROM '{folder}/charges.parquet' GROUP BY ALL"
                ).fetchall()
                for month, currency, cost, printed in rows:
                    exact[month, currency] += cost or 0
                    off[f"{path[:7]} {currency}"] = (printed or 0) - (cost or 0)
        return dict(exact), off


async def live(life: list[Step], folder: Path) -> None:
    books = Life(folder)
    await books.step("usage", 0, 20)  # the books begin with the first day of the ledger
    closed: dict[str, bytes] = {}
    for each in life:
        await books.step(*each)
        assert {path: books.in_memory.closed.files.get(path) for path in closed} == closed, "closed files never change"
        closed = dict(books.in_memory.closed.files)
    await books.books.publish(books.now)
    charged, off = books.charged()
    assert {key: cost for key, cost in charged.items() if cost} == await books.due()
    assert set(off.values()) <= {0}, "all amounts here have six decimals, so print adds up to the same"


WHOLE: list[Step] = [
    ("usage", 0, 3), ("days pass", 12, 0), ("true up", 0, 10), ("close", 0, 0), ("usage", 1, 20), ("draft", 0, 0),
    ("price", 4, 0), ("correct", 0, 0), ("days pass", 25, 0), ("close", 0, 0), ("true up", 0, 30), ("rate", 7, 0),
    ("correct", 1, 0), ("usage", 0, 40), ("take back", 0, 0),
]  # fmt: skip


@pytest.mark.usefixtures("folders_in_memory")
@given(life=steps)
@example(life=WHOLE)
@settings(
    max_examples=EXAMPLES,
    phases=[Phase.explicit, Phase.generate],
)
def test_all_months_together_charge_usage_shared_costs_and_accepted_true_ups(life: list[Step]) -> None:
    with TemporaryDirectory() as folder:
        asyncio.run(live(life, Path(folder)))
