"""Why a cost centre pays what it pays: from the printed total of a period down to single charges.

The answer is a document of JSON types: `render_explanation` prints it for people, auditors get it as it is.
"""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.errors import ChargebackError
from chargeback.domain.money.exact import ZERO, to_text, total
from chargeback.domain.terms.shared_costs import SharedCost
from chargeback.domain.time.months import Month
from chargeback.services.explaining.explain_line import explain_line
from chargeback.services.explaining.rows_of_period import Row, Rows, opened, text_or_none
from chargeback.services.periods.documents import PeriodDocuments
from chargeback.services.ports.books import Books
from chargeback.services.ports.control import Catalogues
from chargeback.services.ports.ledger import Ledger
from chargeback.services.publishing.published_rows import Published
from chargeback.services.reconciling.true_up import true_up_costs
from chargeback.services.running.work_folder import work_folder

Document = dict[str, Any]

LINES_OF_A_GROUP = 3
"""So many single charges are named below each group of the usage."""


@dataclass(frozen=True, slots=True)
class Explainer:
    """Explains amounts from the published rows, the books and the ledger.

    Attributes:
        limit: how many groups, corrections, centres and events are listed; of the rest only the sum.
    """

    published: Published
    catalogues: Catalogues
    books: Books
    ledger: Ledger
    limit: int = 10

    async def explain(self, period: Month, centre: str, *, model: str = "", charge_id: str = "") -> Document:
        """Explain a cost centre's amount, and one of its charges in full where its id is given.

        Raises `ChargebackError` if the period was never published, or nothing like that is in it.
        """
        with work_folder("explain") as folder:
            file = await self.published.fetch(period, Path(folder))
            with opened(file) as rows:
                currency = (await self.catalogues.current()).calendar.currency(period)
                found = await asyncio.to_thread(self._centre, rows, period, centre, model, currency)
                found["isClosed"] = await self.published.is_closed(period)
                if charge_id:
                    row = _charge(rows, period, centre, charge_id)
                    found["charge"] = await explain_line(
                        row,
                        rows,
                        Path(folder),
                        period=period,
                        published=self.published,
                        catalogue=await self._closed_with(period),
                        in_force=await self.catalogues.in_force(),
                        books=self.books,
                        ledger=self.ledger,
                        shared_costs=await self._shared_costs(period),
                        limit=self.limit,
                    )
        return found

    async def _closed_with(self, period: Month) -> Catalogue | None:
        """What a closed period was rated with when it was closed, whatever `periods correct` has named since."""
        closed_with = (await PeriodDocuments(self.published.control).get(period))[0].closed_with
        if closed_with:
            return (await self.catalogues.stored(closed_with)).catalogue
        return (await self.catalogues.in_force()).closed.get(period)

    async def _shared_costs(self, period: Month) -> tuple[SharedCost, ...]:
        """Those that the period was published with: of a closed one, as they were frozen."""
        closed_with = (await PeriodDocuments(self.published.control).get(period))[0].closed_with
        terms = (await self.catalogues.stored(closed_with)).terms if closed_with else await self.catalogues.terms()
        calendar = (await self.catalogues.current()).calendar
        return *terms.shared_costs, *await true_up_costs(self.published.control, period, terms, calendar)

    def _centre(self, rows: Rows, period: Month, centre: str, model: str, currency: str) -> Document:
        found = rows.ask("kinds", centre=centre)
        found_below = rows.ask("below", centre=centre)
        kinds, below = _in(currency, found), _in(currency, found_below)
        if not found and not found_below:
            raise ChargebackError(f"{period}: nothing was charged to {centre!r}")
        groups = rows.ask("groups", centre=centre, model=model)
        corrections = rows.ask("corrections", centre=centre)
        return {
            "billingPeriod": period,
            "costCentre": centre,
            "currency": currency,
            "cost": _sum(kinds),
            "otherCurrencies": _elsewhere(currency, found),
            "kinds": {each["kind"]: {"cost": _sum([each]), "rows": each["rows"]} for each in kinds},
            "unpricedRows": sum(each["unpriced"] for each in found),
            "unsettledRequests": sum(each["unsettled"] for each in found),
            "centresBelow": {
                "cost": _sum(below),
                "otherCurrencies": _elsewhere(currency, found_below),
                "largest": [{"costCentre": each["cost_centre"], "cost": _sum([each])} for each in below[: self.limit]],
            },
            "model": model,
            "usage": [_group(rows, centre, each) for each in groups[: self.limit]],
            "usageLeftOut": {"groups": len(groups[self.limit :]), "cost": _sum(groups[self.limit :])},
            "shared": [_shared(each) for each in rows.ask("shared", centre=centre)],
            "corrections": [_correction(each) for each in corrections[: self.limit]],
            "correctionsLeftOut": {
                "rows": len(corrections[self.limit :]),
                "cost": _sum(_in(currency, corrections[self.limit :])),
                "otherCurrencies": _elsewhere(currency, corrections[self.limit :]),
            },
        }


def _charge(rows: Rows, period: Month, centre: str, charge_id: str) -> Row:
    found = rows.ask("row", charge_id=charge_id)
    if not found:
        raise ChargebackError(f"{period}: has no charge {charge_id!r}")
    row = found[0]
    if row["cost_centre"] != centre:
        raise ChargebackError(f"{period}: charge {charge_id} is paid by {row['cost_centre']}, not by {centre}")
    return row


def _group(rows: Rows, centre: str, group: Row) -> Document:
    given = {name: group[name] for name in ("model", "deployment_type", "meter", "price_id", "state")}
    lines = rows.ask("lines", centre=centre, limit=LINES_OF_A_GROUP, **given)
    return {
        "model": group["model"],
        "deploymentType": group["deployment_type"],
        "meter": group["meter"],
        "unit": group["unit"],
        "state": group["state"],
        "quantity": to_text(group["quantity"] or ZERO),
        "cost": text_or_none(group["cost"]),
        "rows": group["rows"],
        "unitPrice": text_or_none(group["unit_price"]),
        "priceUnit": group["price_unit"],
        "pricingCurrency": group["pricing_currency"],
        "priceId": group["price_id"],
        "largest": [
            {
                "chargeId": line["charge_id"],
                "date": line["charge_date"],
                "subscription": line["subscription_id"],
                "app": line["app_id"],
                "user": line["user"],
                "quantity": to_text(line["quantity"] or ZERO),
                "cost": text_or_none(line["cost"]),
            }
            for line in lines
        ],
    }


def _shared(part: Row) -> Document:
    return {
        "chargeId": part["charge_id"],
        "id": part["shared_cost"],
        "kind": part["meter"],
        "basis": part["allocation_basis"],
        "ratio": to_text(part["ratio"] or ZERO),
        "cost": _sum([part]),
    }


def _correction(row: Row) -> Document:
    return {
        "chargeId": row["charge_id"],
        "correctsPeriod": row["corrects_period"],
        "correctsChargeId": row["corrects_charge_id"],
        "date": row["charge_date"],
        "model": row["model"],
        "meter": row["meter"],
        "quantity": to_text(row["quantity"] or ZERO),
        "cost": text_or_none(row["cost"]),
        "currency": row["currency"],
    }


def _in(currency: str, rows: list[Row]) -> list[Row]:
    return [row for row in rows if row["currency"] == currency]


def _elsewhere(currency: str, rows: list[Row]) -> dict[str, str]:
    """Currency → sum, of those that are not the books': corrections of months that were kept in them."""
    others = sorted({row["currency"] for row in rows} - {currency})
    return {other: _sum(_in(other, rows)) for other in others}


def _sum(rows: list[Row]) -> str:
    return to_text(total([row["cost"] for row in rows if row["cost"] is not None]))
