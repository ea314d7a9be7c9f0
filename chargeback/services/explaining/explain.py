"""Explains what a cost centre pays: from the printed total of a period down to single charges.

`render_explanation` prints the answer for people; auditors get it as JSON.
"""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from chargeback.domain.access.requester import Identity
from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.errors import NotThere
from chargeback.domain.money.exact import ZERO, to_text, total
from chargeback.domain.terms.shared_costs import SharedCost
from chargeback.domain.time.months import Month
from chargeback.services.explaining.explain_charge import explain_charge
from chargeback.services.explaining.explanation import (
    CentreBelow,
    CentresBelow,
    CorrectionListed,
    CorrectionsLeftOut,
    Explanation,
    GroupedCharge,
    GroupsLeftOut,
    KindSum,
    ShareOfCost,
    UsageGroup,
)
from chargeback.services.explaining.rows_of_period import PeriodRows, ReportRow, open_rows, text_or_none
from chargeback.services.periods.documents import PeriodDocuments
from chargeback.services.ports.control import Catalogues
from chargeback.services.ports.ledger import Ledger
from chargeback.services.publishing.published_rows import Published
from chargeback.services.reconciling.true_up import true_up_costs
from chargeback.services.running.work_folder import work_folder
from chargeback.services.settled.settled_days import SettledDays

CHARGES_OF_A_GROUP = 3
"""How many single charges are listed below each group of the usage."""


@dataclass(frozen=True, slots=True)
class Explainer:
    """Explains amounts from the published rows, the books and the ledger.

    Attributes:
        limit: how many groups, corrections, centres and events are listed; the rest is only summed.
    """

    published: Published
    catalogues: Catalogues
    days: SettledDays
    ledger: Ledger
    limit: int = 10

    async def explain(
        self, period: Month, centre: str, *, model: str = "", charge_id: str = "", own: Identity | None = None
    ) -> Explanation:
        """Explain a cost centre's amount, and one of its charges in full where its id is given.

        `own`: as if nothing but the calls of this identity had been charged.

        Raises `NotThere` if the period was never published, or nothing like that is in it.
        """
        with work_folder("explain") as folder:
            file = await self.published.fetch(period, Path(folder))
            with open_rows(file, own) as rows:
                currency = (await self.catalogues.current()).calendar.currency(period)
                is_closed = await self.published.is_closed(period)
                found = await asyncio.to_thread(
                    self._centre, rows, period, centre, model, currency, is_closed=is_closed
                )
                if charge_id:
                    row = _charge(rows, period, centre, charge_id)
                    charge = await explain_charge(
                        row,
                        rows,
                        Path(folder),
                        period=period,
                        published=self.published,
                        catalogue=await self._closed_with(period),
                        in_force=await self.catalogues.in_force(),
                        days=self.days,
                        ledger=self.ledger,
                        shared_costs=await self._shared_costs(period),
                        limit=self.limit,
                    )
                    found = replace(found, charge=charge)
        return found

    async def _closed_with(self, period: Month) -> Catalogue | None:
        """The configuration with which a closed period was closed, whatever `periods correct` has named since."""
        closed_with = (await PeriodDocuments(self.published.control).get(period))[0].closed_with
        if closed_with:
            return (await self.catalogues.stored_version(closed_with)).catalogue
        return (await self.catalogues.in_force()).closed.get(period)

    async def _shared_costs(self, period: Month) -> tuple[SharedCost, ...]:
        """The shared costs that the period was published with; for a closed one, as they were frozen."""
        closed_with = (await PeriodDocuments(self.published.control).get(period))[0].closed_with
        terms = (
            (await self.catalogues.stored_version(closed_with)).terms if closed_with else await self.catalogues.terms()
        )
        calendar = (await self.catalogues.current()).calendar
        return *terms.shared_costs, *await true_up_costs(self.published.control, period, terms, calendar)

    def _centre(
        self, rows: PeriodRows, period: Month, centre: str, model: str, currency: str, *, is_closed: bool
    ) -> Explanation:
        found = rows.ask("kinds", centre=centre)
        found_below = rows.ask("below", centre=centre)
        kinds, below = _in(currency, found), _in(currency, found_below)
        if not found and not found_below:
            raise NotThere(f"{period}: nothing was charged to {centre!r}")
        groups = rows.ask("groups", centre=centre, model=model)
        corrections = rows.ask("corrections", centre=centre)
        return Explanation(
            billing_period=period,
            cost_centre=centre,
            currency=currency,
            cost=_sum(kinds),
            other_currencies=_elsewhere(currency, found),
            kinds={each["kind"]: KindSum(_sum([each]), each["rows"]) for each in kinds},
            unpriced_rows=sum(each["unpriced"] for each in found),
            unsettled_requests=sum(each["unsettled"] for each in found),
            centres_below=CentresBelow(
                cost=_sum(below),
                other_currencies=_elsewhere(currency, found_below),
                largest=[CentreBelow(each["cost_centre"], _sum([each])) for each in below[: self.limit]],
            ),
            model=model,
            usage=[_group(rows, centre, each) for each in groups[: self.limit]],
            usage_left_out=GroupsLeftOut(len(groups[self.limit :]), _sum(groups[self.limit :])),
            shared=[_shared(each) for each in rows.ask("shared", centre=centre)],
            corrections=[_correction(each) for each in corrections[: self.limit]],
            corrections_left_out=CorrectionsLeftOut(
                rows=len(corrections[self.limit :]),
                cost=_sum(_in(currency, corrections[self.limit :])),
                other_currencies=_elsewhere(currency, corrections[self.limit :]),
            ),
            is_closed=is_closed,
        )


def _charge(rows: PeriodRows, period: Month, centre: str, charge_id: str) -> ReportRow:
    found = rows.ask("row", charge_id=charge_id)
    if not found:
        raise NotThere(f"{period}: has no charge {charge_id!r}")
    row = found[0]
    if row["cost_centre"] != centre:
        raise NotThere(f"{period}: charge {charge_id} is paid by {row['cost_centre']}, not by {centre}")
    return row


def _group(rows: PeriodRows, centre: str, group: ReportRow) -> UsageGroup:
    given = {name: group[name] for name in ("model", "deployment_type", "meter", "price_id", "state")}
    return UsageGroup(
        model=group["model"],
        deployment_type=group["deployment_type"],
        meter=group["meter"],
        unit=group["unit"],
        state=group["state"],
        quantity=to_text(group["quantity"] or ZERO),
        cost=text_or_none(group["cost"]),
        rows=group["rows"],
        unit_price=text_or_none(group["unit_price"]),
        price_unit=group["price_unit"],
        pricing_currency=group["pricing_currency"],
        price_id=group["price_id"],
        largest=[
            _grouped(charge)
            for charge in rows.ask("charges of group", centre=centre, limit=CHARGES_OF_A_GROUP, **given)
        ],
    )


def _grouped(charge: ReportRow) -> GroupedCharge:
    return GroupedCharge(
        charge_id=charge["charge_id"],
        date=charge["charge_date"],
        subscription=charge["subscription_id"],
        app=charge["app_id"],
        user=charge["user"],
        quantity=to_text(charge["quantity"] or ZERO),
        cost=text_or_none(charge["cost"]),
    )


def _shared(part: ReportRow) -> ShareOfCost:
    return ShareOfCost(
        charge_id=part["charge_id"],
        id=part["shared_cost"],
        kind=part["meter"],
        basis=part["allocation_basis"],
        ratio=to_text(part["ratio"] or ZERO),
        cost=_sum([part]),
    )


def _correction(row: ReportRow) -> CorrectionListed:
    return CorrectionListed(
        charge_id=row["charge_id"],
        corrects_period=row["corrects_period"],
        corrects_charge_id=row["corrects_charge_id"],
        date=row["charge_date"],
        model=row["model"],
        meter=row["meter"],
        quantity=to_text(row["quantity"] or ZERO),
        cost=text_or_none(row["cost"]),
        currency=row["currency"],
    )


def _in(currency: str, rows: list[ReportRow]) -> list[ReportRow]:
    return [row for row in rows if row["currency"] == currency]


def _elsewhere(currency: str, rows: list[ReportRow]) -> dict[str, str]:
    """Currency → sum, of those that are not the books': corrections of months that were kept in them."""
    others = sorted({row["currency"] for row in rows} - {currency})
    return {other: _sum(_in(other, rows)) for other in others}


def _sum(rows: list[ReportRow]) -> str:
    return to_text(total([row["cost"] for row in rows if row["cost"] is not None]))
