"""Builders with defaults for lines and catalogues."""

from datetime import UTC, datetime
from decimal import Decimal

from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.catalogue.prices import Dated, Price, PriceKey
from chargeback.domain.cost_centres.rules import Allocation, CostCentre, Rule
from chargeback.domain.deployments.deployment import Deployment, DeploymentType
from chargeback.domain.time.calendar import Calendar
from chargeback.domain.time.effective import Effective, hour_name
from chargeback.domain.usage.lines import Line
from chargeback.domain.usage.meters import Meter
from chargeback.domain.usage.states import LineState

START = datetime(2024, 1, 1, tzinfo=UTC)


def usage_line(**dimensions: str) -> Line:
    defaults = dict.fromkeys(Line._fields, "")
    defaults |= {
        "subscription": "search",
        "operation": "chat.completions",
        "provider": "azure-openai",
        "model": "gpt-4o-2024-11-20",
        "deployment": "gpt-4o",
        "backend": "oai-eastus2-x1.openai.azure.com",
        "service_tier": "default",
        "state": "exact",
    }
    given = defaults | dimensions
    return Line(**given | {"state": LineState(given["state"])})


def dated(meter: Meter, *steps: tuple[datetime, str], end: datetime | None = None, **key: str) -> dict[PriceKey, Dated]:
    """The prices of one meter: each step's price holds until the next step, the last until `end`."""
    full = {
        "provider": "azure-openai",
        "model": "gpt-4o",
        "version": "",
        "deployment_type": DeploymentType.GLOBAL_STANDARD,
        "service_tier": "default",
        "region": "",
        "variant": "",
    } | key
    ends = [start for start, _ in steps[1:]] + [end]
    prices = tuple(
        Price(
            f"{'/'.join(full.values())}/{meter}@{hour_name(start)}",
            meter,
            *[Decimal(amount)] * 3,
            "USD",
            Effective(start, until),
            "test",
        )
        for (start, amount), until in zip(steps, ends, strict=True)
    )
    return {PriceKey(**full, meter=meter): prices}  # type: ignore[arg-type]


def catalogue(
    *prices: dict[PriceKey, Dated],
    rules: tuple[Rule, ...] = (),
    calendar: Calendar | None = None,
    **deployment: str | None,
) -> Catalogue:
    fields = {
        "account": "oai-eastus2",
        "region": "eastus2",
        "name": "gpt-4o",
        "model": "gpt-4o",
        "version": "2024-11-20",
        "type": DeploymentType.GLOBAL_STANDARD,
    } | deployment
    tree = (
        CostCentre("product", "Product"),
        CostCentre("product/search", "Search"),
        CostCentre("research", "Research"),
    )
    return Catalogue(
        "USD",
        {key: value for each in prices for key, value in each.items()},
        {fields["account"]: {fields["name"]: Deployment(**fields)}},  # type: ignore[arg-type]
        Allocation(tree, rules),
        calendar,
    )


def price_in_force(of: Catalogue, line: Line, meter: Meter, hour: datetime) -> Price:
    price = of.find_price(line, meter, hour)
    assert price is not None
    return price
