"""A product whose months are reconciled with an invoice and trued up, and what all of its files charge together."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from chargeback.adapters.azure.cost_exports import LocalCostExports
from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.catalogue.prices import PriceKey
from chargeback.domain.cost_centres.rules import Allocation, CostCentre, Rule
from chargeback.domain.deployments.deployment import Deployment, DeploymentType
from chargeback.domain.invoice.reconciliation import ReconciliationRules
from chargeback.domain.price_list.provider_meters import provider_meters
from chargeback.domain.terms.terms import ClosingRules
from chargeback.domain.time.months import dates_of
from chargeback.domain.usage.meters import Meter
from chargeback.services.publishing.published_rows import Published
from chargeback.services.reconciling.reconcile import Reconciled, reconcile_period
from chargeback.services.reconciling.terms_around import terms_around
from chargeback.services.reconciling.true_up import set_true_up
from chargeback.services.reconciling.true_up_documents import TrueUp
from tests.support.builders import tokens, usage_event
from tests.support.catalogues import START, dated
from tests.support.closing_product import ClosingProduct
from tests.support.cost_exports import ACCOUNT, INPUT_METER, OUTPUT_METER, exported
from tests.support.published_product import invoice

HOST = "oai-swedencentral-x1.openai.azure.com"
_KEY = PriceKey("azure-openai", "gpt-4o", "", DeploymentType.GLOBAL_STANDARD, "default", "", "", Meter.INPUT)
_METERS = provider_meters(
    {INPUT_METER: [_KEY], OUTPUT_METER: [_KEY._replace(meter=Meter.OUTPUT)]}, capacity=("provisioned",)
)
_CHARGED = """
SELECT coalesce(nullif(corrects_period, ''), '{0}'), cost_centre, sum(cost), sum(exact_cost)
FROM '{1}/charges.parquet' GROUP BY ALL
"""

_CORRECTIONS = "SELECT cost_centre, quantity, unit_price, exact_cost"


def call(team: str, day: str, millions: str = "1", **fields: object) -> bytes:
    """Input tokens of a team on a day: 2.50 a million unless the product says otherwise."""
    usage = tokens(int(Decimal(millions) * 1_000_000), 0)
    return usage_event(subscriptionId=team, backend=HOST, time=f"{day}T09:00:00Z", usage=usage, **fields)


def charge(day: str, cost: str, quantity: str, meter: str = INPUT_METER, **columns: str) -> dict[str, str]:
    """A row of the invoice; `quantity` in thousands."""
    account = ACCOUNT.replace("oai-eastus2-x1", "oai-swedencentral-x1")
    given = {"ChargePeriodStart": f"{day}T00:00:00Z", "BilledCost": cost, "PricingQuantity": quantity}
    return exported(**(given | {"ResourceId": account, "x_SkuMeterId": meter} | columns))


def capacity(day: str, cost: str) -> dict[str, str]:
    """Provisioned throughput on the invoice."""
    hours = {"x_PricingBlockSize": "1", "x_PricingUnitDescription": "1 Hour", "PricingUnit": "Hours"}
    hours["x_SkuMeterName"] = "Provisioned Managed Global Unit"
    return charge(day, cost, "744", "ptu", **hours)


@dataclass
class TruedUp:
    """The invoices of a house, by month."""

    in_memory: ClosingProduct
    folder: Path
    invoices: dict[str, list[dict[str, str]]] = field(default_factory=dict)

    async def publish(self, now: datetime) -> None:
        await self.in_memory.poster.post(now)
        await self.in_memory.auditor.audit(now)
        await self.in_memory.publish_drafts(now)

    async def reconcile(self, period: str, now: datetime, **run: str) -> Reconciled:
        """With the month's invoice as it is now, complete."""
        in_memory, last = self.in_memory, dates_of(period)[-1]
        month = {"month": f"{period}-01".replace("-", "") + f"-{last.replace('-', '')}", "end": last}
        place = self.folder / f"{period}-{now:%m%d%H%M%S}"
        given = {"submitted": f"{now:%Y-%m-%dT%H:%M:%SZ}", **month, **run}
        version = await in_memory.catalogues.version()
        return await reconcile_period(
            period,
            LocalCostExports([invoice(place, self.invoices.get(period, []), **given)]),
            Published(in_memory.control, in_memory.reports, in_memory.closed),
            in_memory.settled_days,
            catalogue=version.catalogue,
            terms=await terms_around(period, in_memory.control, in_memory.catalogues),
            meters=_METERS,
            rules=ReconciliationRules(),
        )

    async def true_up(self, period: str, now: datetime, despite: str = "") -> TrueUp:
        """Publish, reconcile, accept, publish."""
        await self.publish(now)
        begins = await self.in_memory.periods.first(now, (await self.in_memory.catalogues.current()).calendar)
        compared = await self.reconcile(period, now)
        done = await set_true_up(self.in_memory.control, compared, by="dora", now=now, despite=despite, begins=begins)
        await self.publish(now)
        return done

    def charged(self, *, exact: bool = False) -> Mapping[str, dict[str, Decimal]]:
        """What closed files and drafts charge together: for which month, whom and how much; without zeros."""
        sums: dict[str, dict[str, Decimal]] = {}
        files = {**self.in_memory.reports.files, **self.in_memory.closed.files}
        with TemporaryDirectory() as folder:
            for path in (path for path in files if path.endswith(".parquet") and "/charges-" in path):
                (Path(folder) / "charges.parquet").write_bytes(files[path])
                for month, centre, *costs in duckdb.sql(_CHARGED.format(path[:7], folder)).fetchall():
                    of = sums.setdefault(month, {})
                    of[centre] = of.get(centre, Decimal(0)) + (costs[exact] or 0)
        return {month: {centre: cost for centre, cost in of.items() if cost} for month, of in sums.items()}

    def corrections(self, carrier: str) -> list[tuple[str, Decimal, Decimal, Decimal]]:
        """Those of a draft: whom, how much of a unit, the price of one, and what it comes to."""
        with TemporaryDirectory() as folder:
            file = Path(folder) / "charges.parquet"
            file.write_bytes(self.in_memory.reports.files[f"{carrier}/charges-{carrier}.parquet"])
            return duckdb.sql(f"{_CORRECTIONS} FROM '{file}' WHERE kind = 'correction' ORDER BY ALL").fetchall()

    def total(self, period: str) -> Decimal:
        return sum(self.charged().get(period, {}).values(), Decimal(0))


APRIL = datetime(2026, 4, 5, tzinfo=UTC)
MAY = datetime(2026, 5, 6, tzinfo=UTC)
ANYTHING = ClosingRules(unpriced_percent=Decimal(100), unsettled_percent=Decimal(100))


def teams() -> Catalogue:
    """Two teams, a standard deployment and a provisioned one; output has no price."""
    names = ("search", "support")
    rules = tuple(Rule(team, {"subscription": team}, team) for team in names)
    account = "oai-swedencentral"
    deployments = {
        name: Deployment(account, "swedencentral", name, "gpt-4o", "2024-11-20", kind)
        for name, kind in (
            ("gpt-4o", DeploymentType.GLOBAL_STANDARD),
            ("ptu", DeploymentType.GLOBAL_PROVISIONED_MANAGED),
        )
    }
    return Catalogue(
        "USD",
        dated(Meter.INPUT, (START, "2.5")),
        {account: deployments},
        Allocation(tuple(CostCentre(team, team.title()) for team in names), rules),
    )
