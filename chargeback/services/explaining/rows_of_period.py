"""Queries the published rows of a period with the statements of `explain.sql`; each row is a mapping."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from chargeback.domain.access.requester import Identity
from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.money.exact import to_text
from chargeback.domain.terms.shared_costs import DirectUsage
from chargeback.domain.time.days import BookDate
from chargeback.services.duck.engine import Engine, open_engine
from chargeback.services.duck.statements import quoted
from chargeback.services.publishing.closed_usage import MEASURES
from chargeback.services.publishing.share_costs import direct_usage

_MEMORY_MB = 256

ReportRow = dict[str, Any]


class PeriodRows:
    """The rows of a period."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def ask(self, question: str, **given: Any) -> list[ReportRow]:
        """The answer to a statement by its name."""
        return self._engine.ask(question, given)

    def direct_usage(self, first: BookDate, last: BookDate, catalogue: Catalogue) -> list[DirectUsage]:
        """What cost centres used from one date to another, measured as publishing measures it."""
        return direct_usage(
            self._engine.run("direct usage", {"first": first, "last": last}, measures=MEASURES), catalogue
        )


@contextmanager
def open_rows(file: Path, own: Identity | None = None) -> Iterator[PeriodRows]:
    """The rows of a Parquet file; only those of an identity's own calls where one is given."""
    package = "chargeback.services.explaining"
    with open_engine(package, spill=file.parent / "spill", memory_limit_mb=_MEMORY_MB) as engine:
        there = {column for column, *_ in engine.run("columns of the file", {"file": str(file)})}
        # A file published by an older version has no such columns.
        added = "".join(f", '' AS {name}" for name in ("correction_reason", "price_verified") if name not in there)
        engine.run("view of the file", file=quoted(file), added=added, seen=_seen(own))
        yield PeriodRows(engine)


def _seen(own: Identity | None) -> str:
    if own is None:
        return "true"
    column = "user_object_id" if own.object_id else "app_id"
    name = own.object_id or own.app_id
    if not (own.tenant_id and name):
        return "false"
    return f"tenant_id = {quoted(own.tenant_id)} AND {column} = {quoted(name)}"


def text_or_none(amount: Decimal | None) -> str | None:
    """An amount as a string; None where it is not known, which is not zero."""
    return None if amount is None else to_text(amount)
