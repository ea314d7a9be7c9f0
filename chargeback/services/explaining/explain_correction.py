"""Explains a correction: what was billed for the charge before, what it comes to now, and the events behind it."""

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

from chargeback.domain.money.exact import ZERO, to_text, total
from chargeback.domain.time.months import Month
from chargeback.services.explaining.explanation import CorrectedCharge
from chargeback.services.explaining.rows_of_period import ReportRow, open_rows, text_or_none
from chargeback.services.publishing.published_rows import Published


async def explain_correction(row: ReportRow, period: Month, folder: Path, published: Published) -> CorrectedCharge:
    """What was billed of the corrected charge before `period`, and after its correction there.

    That is the charge in the files of its own month, where it was billed at all, and every correction since.
    """
    corrected, name = row["corrects_period"], row["corrects_charge_id"]
    quantities, costs, rows = [], [], 0
    for closed in await published.closed_between(corrected, period):
        with open_rows(await published.fetch(closed, folder)) as of:
            question = "billed" if closed == corrected else "corrected"
            (found,) = of.ask(question, charge_id=name, period=corrected)
        quantities.append(found["quantity"])
        costs.append(found["cost"])
        rows += found["rows"]
    before = total(_known(costs)) if rows and any(cost is not None for cost in costs) else None
    return CorrectedCharge(
        period=corrected,
        charge_id=name,
        reason=row["correction_reason"],
        was_there=rows > 0,
        quantity_before=to_text(total(quantities)),
        cost_before=text_or_none(before) if rows else "0",
        quantity_after=to_text(total([*quantities, row["quantity"] or ZERO])),
        cost_after=to_text(total(_known([before, row["exact_cost"]]))),
    )


def as_it_should_be(row: ReportRow, corrects: CorrectedCharge) -> ReportRow:
    """The charge of the closed period as the books have it, for the records and the events behind a correction."""
    return row | {"charge_id": row["corrects_charge_id"], "quantity": Decimal(corrects.quantity_after)}


def _known(amounts: Sequence[Decimal | None]) -> list[Decimal]:
    return [amount for amount in amounts if amount is not None]
