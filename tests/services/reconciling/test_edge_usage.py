"""Books that are not kept in UTC meet an invoice whose months are of UTC days."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from chargeback.domain.catalogue.prices import PriceKey
from chargeback.domain.deployments.deployment import DeploymentType
from chargeback.domain.invoice.reconciliation import Reconciliation
from chargeback.domain.terms.terms import ClosingRules, ExchangeRate, Terms
from chargeback.domain.time.calendar import BooksSetting, Calendar
from chargeback.domain.usage.meters import Meter
from chargeback.services.reconciling.edge_usage import edge_days
from chargeback.services.reconciling.terms_around import terms_around
from tests.support.builders import tokens
from tests.support.catalogues import START, catalogue, dated
from tests.support.closing_product import ClosingProduct, priced
from tests.support.cost_exports import INPUT_METER, exported
from tests.support.product_in_memory import in_memory
from tests.support.published_product import PublishedProduct, call, invoice

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 4, 2, tzinfo=UTC)
KEY = PriceKey("azure-openai", "gpt-4o", "", DeploymentType.GLOBAL_STANDARD, "default", "", "", Meter.INPUT)


def books(zone: str) -> Calendar:
    return Calendar((BooksSetting("2026-01", zone, "USD"),))


async def reconciled(zone: str, time: str, billed: str, folder: Path) -> dict[str, Reconciliation]:
    """A batch of a million tokens, 2.50, by month; the invoice has it on the day `billed`."""
    published_product = PublishedProduct(in_memory(catalogue(dated(Meter.INPUT, (START, "2.5")), calendar=books(zone))))
    await published_product.in_memory.ingest.ingest([call(time=time, usage=tokens(1_000_000, 0))], NOW)
    await published_product.in_memory.poster.post(NOW)
    found = {}
    for month, last in (("2026-03", "31"), ("2026-04", "30")):
        await published_product.publish(month)
        rows = [exported(ChargePeriodStart=f"{billed}T00:00:00Z")] if billed.startswith(month) else []
        run = {"month": f"{month.replace('-', '')}01-{month.replace('-', '')}{last}", "end": f"{month}-{last}"}
        exports = invoice(folder / month, rows, submitted="2026-05-09T06:00:00Z", **run)
        found[month] = (await published_product.reconcile(exports, {INPUT_METER: [KEY]}, period=month)).found
    return found


@pytest.mark.parametrize(
    ("zone", "time", "billed", "booked_in"),
    [
        ("Europe/Berlin", "2026-03-31T23:00:00Z", "2026-03-31", "2026-04"),
        ("America/New_York", "2026-04-01T02:00:00Z", "2026-04-01", "2026-03"),
        ("UTC", "2026-03-31T23:00:00Z", "2026-03-31", "2026-03"),
    ],
)
async def test_a_batch_between_the_midnights_is_compared_in_the_month_of_the_invoice(
    zone: str, time: str, billed: str, booked_in: str, tmp_path: Path
) -> None:
    found = await reconciled(zone, time, billed, tmp_path)

    assert {month: (each.invoiced, each.booked) for month, each in found.items()} == {
        month: (Decimal("2.5"), Decimal("2.5")) if billed.startswith(month) else (0, 0) for month in found
    }
    assert [each.by_cause() for each in found.values()] == [{}, {}], booked_in


def test_the_edges_of_a_month_are_the_days_that_two_months_share() -> None:
    berlin, samoa = books("Europe/Berlin"), books("Pacific/Pago_Pago")

    assert list(edge_days("2026-03", berlin)) == [("2026-02-28", -1), ("2026-03-31", 1)]
    assert list(edge_days("2026-03", samoa)) == [("2026-03-01", 1), ("2026-04-01", -1)]
    assert list(edge_days("2026-03", books("UTC"))) == []


async def test_an_edge_of_a_month_before_the_first_rate_is_converted_at_that(tmp_path: Path) -> None:
    # The evening of 28 February in New York is 1 March of the provider: 1.25 EUR at the rate of 31 March.
    calendar = Calendar((BooksSetting("2026-01", "America/New_York", "EUR"),))
    published_product = PublishedProduct(in_memory(catalogue(dated(Meter.INPUT, (START, "2.5")), calendar=calendar)))
    first = ExchangeRate("USD", "EUR", Decimal("0.5"), "2026-03-31", "bank")
    published_product.in_memory.catalogues.settled_by = Terms(exchange_rates=[first])
    edge = call(time="2026-03-01T02:00:00Z", usage=tokens(1_000_000, 0))
    await published_product.in_memory.ingest.ingest([edge], NOW)
    await published_product.in_memory.auditor.audit_day("2026-03-01", NOW)
    await published_product.publish("2026-03")
    rows = [exported(ChargePeriodStart="2026-03-01T00:00:00Z", BilledCost="1.25", BillingCurrency="EUR")]

    found = await published_product.reconcile(invoice(tmp_path, rows), {INPUT_METER: [KEY]}, period="2026-03")

    assert (found.found.invoiced, found.found.booked) == (Decimal("1.25"), Decimal("1.25"))


async def test_an_edge_of_a_closed_month_is_converted_as_it_was_billed() -> None:
    def at(rate: str) -> Terms:
        known = ExchangeRate("USD", "EUR", Decimal(rate), "2026-03-31", "bank")
        return Terms(exchange_rates=[known], closing=ClosingRules())

    calendar = Calendar((BooksSetting("2026-01", "America/New_York", "EUR"),))
    books = ClosingProduct(priced(calendar=calendar), at("0.5"))
    await books.ingest([call(time="2026-03-05T09:00:00Z")], NOW)
    await books.close("2026-03", datetime(2026, 4, 5, tzinfo=UTC), override="output has no price")
    books.catalogues.settled_by = at("0.8")

    terms = await terms_around("2026-04", books.control, books.catalogues)

    rates = {month: each.rate_for(month, "USD", "EUR").rate for month, each in terms.items()}
    assert rates == {"2026-03": Decimal("0.5"), "2026-04": Decimal("0.8"), "2026-05": Decimal("0.8")}
