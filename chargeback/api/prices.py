"""The route /api/v1/prices: what each meter costs, with where the price comes from and how it is known."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import msgspec
from fastapi import APIRouter, Query, Request, Response

from chargeback.api.conventions.answering import rows_answer
from chargeback.api.conventions.documents import answers
from chargeback.api.conventions.formats import AnswerTable, Cell, CellType
from chargeback.api.conventions.moments import moment_in_utc
from chargeback.api.conventions.pages import Paged, next_link
from chargeback.api.conventions.people_routes import people_routes
from chargeback.api.people import Asking, require
from chargeback.domain.access.permissions import Permission
from chargeback.domain.catalogue.prices import Price, PriceKey, price_at
from chargeback.domain.usage.meters import Meter

if TYPE_CHECKING:
    from chargeback.bootstrap import Container

_TEXT, _AMOUNT = CellType.TEXT, CellType.AMOUNT
_COLUMNS = {
    "priceId": _TEXT,
    "provider": _TEXT,
    "model": _TEXT,
    "version": _TEXT,
    "deploymentType": _TEXT,
    "serviceTier": _TEXT,
    "region": _TEXT,
    "variant": _TEXT,
    "meter": _TEXT,
    "listPerMillion": _AMOUNT,
    "contractedPerMillion": _AMOUNT,
    "perMillion": _AMOUNT,
    "currency": _TEXT,
    "effectiveFrom": _TEXT,
    "effectiveTo": _TEXT,
    "source": _TEXT,
    "verified": _TEXT,
    "observed": _TEXT,
    "promisedUntil": _TEXT,
    "adjustments": _TEXT,
}


class PriceRow(msgspec.Struct, frozen=True, rename="camel"):
    """A price for 1 000 000 units of a meter.

    Attributes:
        version, region: empty where the price is for every one.
        per_million: what cost centres are charged: the contracted price with the markup.
        verified: how it is known: `api`, `invoice`, `third-party`, `assumed`; empty where nobody said.
        observed: the day on which it was last read at its source.
        adjustments: what makes the three amounts differ, with ` | ` between.
    """

    price_id: str
    provider: str
    model: str
    version: str
    deployment_type: str
    service_tier: str
    region: str
    variant: str
    meter: str
    list_per_million: str
    contracted_per_million: str
    per_million: str
    currency: str
    effective_from: str
    effective_to: str
    source: str
    verified: str
    observed: str
    promised_until: str
    adjustments: str


class PricePage(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """Prices in force at a moment, by their keys; `version` identifies the rate card."""

    as_of: datetime
    version: str
    value: tuple[PriceRow, ...]
    next_link: str = ""


def router(container: "Container") -> APIRouter:
    """Prices and their sources."""
    routes = people_routes("prices")

    @routes.get("/prices", operation_id="listPrices", responses=answers(PricePage, rows=True), summary="List prices")
    async def prices(
        request: Request,
        who: Asking,
        page: Paged,
        model: Annotated[list[str] | None, Query(description="Only these models.")] = None,
        meter: Annotated[list[Meter] | None, Query(description="Only these meters.")] = None,
        at: Annotated[datetime | None, Query(description="A time with its zone. Default: now.")] = None,
    ) -> Response:
        """The rate card in force, with the source of each price, when it was read there, and how it is known."""
        require(who, Permission.READ_PRICES)
        said = datetime.now(UTC) if at is None else moment_in_utc(at, "at")
        catalogue = await container.catalogues.current()
        # By the hour, as prices hold: else a page would not belong to the one before.
        moment = said.replace(minute=0, second=0, microsecond=0)
        version = f"{catalogue.digest} {moment.isoformat()}"
        page.of_version(version)
        wanted = {each.casefold() for each in model or ()}
        found = [
            (key, price)
            for key, dated in sorted(catalogue.prices.items())
            if (not wanted or key.model in wanted) and (not meter or key.meter in meter)
            if (price := price_at(dated, moment)) is not None
        ]
        end = page.offset + page.size
        link = await next_link(request, end, version) if end < len(found) else ""
        table = AnswerTable(_COLUMNS, [_row(key, price) for key, price in found[page.offset : end]])
        beside = {"asOf": f"{moment:%Y-%m-%dT%H:%M:%SZ}", "version": catalogue.digest}
        return await rows_answer(request, table, version, beside=beside, next_link=link)

    return routes


def _row(key: PriceKey, price: Price) -> tuple[Cell, ...]:
    start, end = price.effective.strings()
    return (
        price.price_id,
        key.provider,
        key.model,
        key.version,
        str(key.deployment_type),
        key.service_tier,
        key.region,
        key.variant,
        str(key.meter),
        price.list_per_million,
        price.contracted_per_million,
        price.per_million,
        price.currency,
        start,
        end,
        price.source,
        str(price.verified or ""),
        price.observed.isoformat() if price.observed else "",
        price.promised_until.isoformat() if price.promised_until else "",
        " | ".join(price.adjustments),
    )
