"""What the writers of further files need of a period: its rounded rows, those of the period before, and its frame."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from os import getpid
from pathlib import Path

from chargeback.domain.budgets.budget import Budget
from chargeback.domain.journals.posting_rules import PostingRules
from chargeback.domain.reports.standing import PeriodStanding
from chargeback.domain.terms.issuer import ChargeIssuer
from chargeback.domain.terms.terms import ExchangeRate
from chargeback.domain.time.months import Month
from chargeback.services.duck.engine import Engine, open_engine
from chargeback.services.duck.row_types import row_types
from chargeback.services.publishing.row_slices import RowSlices


@dataclass(frozen=True, slots=True)
class PeriodFrame:
    """A period without its rows; picklable.

    Attributes:
        folder: where engines put what does not fit into memory.
        period: YYYY-MM.
        start: UTC, inclusive.
        end: UTC, exclusive.
        time_zone: IANA name; the days of the rows are its days.
        currency: the books'.
        decimals: places of the printed costs.
        is_closed: whether these are the final files.
        previous_period: the period before.
        centres: cost centre path → name, in the order of the tree; without `unallocated`.
        budgets: those of cost centres for the period, at most one each.
        issuer: who charges.
        standing: how far the period is settled.
        budget_rates: currency of a budget → its exchange rate into that of the books, or, where there is none, that
            from the books' into it.
        posting: which company a cost centre is posted to; None where nobody says.
        resources: shared cost → the only deployment that it pays for, as the resource and its name.
    """

    folder: Path
    period: Month
    start: datetime
    end: datetime
    time_zone: str
    currency: str
    decimals: int
    is_closed: bool
    previous_period: str
    centres: dict[str, str] = field(default_factory=dict)
    budgets: tuple[Budget, ...] = ()
    issuer: ChargeIssuer = field(default_factory=ChargeIssuer)
    posting: PostingRules | None = None
    standing: PeriodStanding = field(default_factory=PeriodStanding)
    budget_rates: Mapping[str, ExchangeRate] = field(default_factory=dict)
    resources: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    def open(self, package: str, *, memory_limit_mb: int, words: Mapping[str, object] | None = None) -> Engine:
        """A database in memory for the statements of a package, once a process; `show` gives it rows."""
        return open_engine(
            package,
            # This process has its own: others may spill at the same time.
            spill=self.folder / f"spill-{package.rpartition('.')[2]}-{getpid()}",
            memory_limit_mb=memory_limit_mb,
            words=words,
            threads=1,
        )

    def show(self, engine: Engine, files: Sequence[Path], *, view: str = "rows") -> None:
        """Let the view be the rows in these files, with the columns of `domain.reports.rows`."""
        engine.show(view, row_types(self.decimals), files)


@dataclass(frozen=True, slots=True)
class PeriodTables:
    """A period with its rows.

    Attributes:
        rows: those of the period.
        previous: those of the period before; empty where it was never published.
    """

    frame: PeriodFrame
    rows: RowSlices
    previous: RowSlices
