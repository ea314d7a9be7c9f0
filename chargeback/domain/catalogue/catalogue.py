"""The catalogue: rate card, deployment map and cost centres as one value, which finds the price of a line."""

import hashlib
import json
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cache, lru_cache
from typing import Any

from chargeback.domain.catalogue.hosting import Hosting
from chargeback.domain.catalogue.payers import NO_PAYERS, Payers
from chargeback.domain.catalogue.prices import (
    LONG_CONTEXT,
    Dated,
    Price,
    PriceKey,
    first_in_force,
    free_price,
    places_of,
)
from chargeback.domain.cost_centres.rules import Allocation
from chargeback.domain.deployments.deployment import (
    BATCHES,
    PROVISIONED,
    TRAINED_AS,
    TRAINING_JOBS,
    DatedDeployment,
    Deployment,
    job_deployment,
)
from chargeback.domain.deployments.served_model import ANY, base_model, served_by, versions_priced, without_snapshot
from chargeback.domain.money.exact import to_text
from chargeback.domain.time.calendar import Calendar
from chargeback.domain.time.days import UtcDay, hour_starts
from chargeback.domain.time.effective import ALWAYS, edges
from chargeback.domain.usage.lines import Line
from chargeback.domain.usage.meters import TOOLS, Meter
from chargeback.domain.usage.tiers import DEFAULT_TIER, normal_tier
from chargeback.domain.usage.tools import DRAWN_BY

_BESIDE_THE_CALL = TOOLS | {Meter.ROUTER}
"""Their prices depend neither on the tier that served the call nor on its length."""

_NEVER_RESERVED = TOOLS | {Meter.REQUESTS, Meter.UNKNOWN}
_BESIDE_TEXT = frozenset({Meter.INPUT_AUDIO, Meter.OUTPUT_AUDIO, Meter.INPUT_IMAGE, Meter.OUTPUT_IMAGE})

PricesOfDay = Callable[[Meter], tuple[Price | None, ...]]
"""Meter → its price in each UTC hour of a day."""


class Catalogue:
    """One version of the rate card, the deployment map and the allocation rules; never changes once made.

    Attributes:
        digest: SHA-256 over the content in canonical form: equal meaning, equal digest.
        currency: every price's.
        prices: every price by its key, each key's prices by time.
        deployments: what is deployed now, by account and by its name in lower case.
        dated: deployments that hold for some time instead of those; two of the same name never overlap.
        allocation: cost centres and rules.
        calendar: which period and date an hour belongs to.
        hosting: what fine-tuned deployments cost by the hour.
        payers: the prices that differ for some cost centres.
    """

    def __init__(
        self,
        currency: str,
        prices: Mapping[PriceKey, Dated],
        deployments: Mapping[str, Mapping[str, Deployment]],
        allocation: Allocation,
        calendar: Calendar | None = None,
        *,
        hosting: Hosting | None = None,
        dated: Sequence[DatedDeployment] = (),
        payers: Payers = NO_PAYERS,
    ) -> None:
        self.currency = currency
        self.prices = prices
        self.deployments = deployments
        self.allocation = allocation
        self.calendar = calendar or Calendar()
        self.hosting = hosting or {}
        self.dated = tuple(dated)
        self.payers = payers
        self.digest = _digest(self)
        self._provisioned: dict[Meter, tuple[Dated, ...]] = {
            meter: ((free_price(meter, currency),),) for meter in Meter if meter not in _NEVER_RESERVED
        }
        self._versions = versions_priced((key.model, key.version) for key in prices)
        self._banded = {(key.provider, key.model) for key in prices if key.variant == LONG_CONTEXT}
        self._beside_text = {key.model for key, _ in self.every_price() if key.meter in _BESIDE_TEXT}
        self._candidates = lru_cache(maxsize=16_384)(self._find_candidates)
        self._prices_of_day = lru_cache(maxsize=4_096)(self._find_prices_of_day)
        self._served_by = lru_cache(maxsize=16_384)(self._find_deployment)
        self.deployment_edges = edges(each.effective for each in self.dated)
        """When a name begins or ceases to be what the dated list says, ascending."""
        starts = (ALWAYS.first, *self.deployment_edges)
        self._epochs = tuple(self.deployments_at(start) for start in starts)
        """What is deployed before the first edge, from each edge on, and so on."""

    def deployments_at(self, moment: datetime) -> dict[str, dict[str, Deployment]]:
        """Every deployment at a moment, by account and by its name in lower case."""
        found = {account: dict(names) for account, names in self.deployments.items()}
        for each in self.dated:
            if each.effective.holds(moment):
                names = found.setdefault(each.deployment.account.casefold(), {})
                names[each.deployment.name.casefold()] = each.deployment
        return found

    def deployment(
        self, backend: str, name: str, moment: datetime, model: str = "", operation: str = ""
    ) -> Deployment | None:
        """The deployment that a name stood for at a backend host at a moment, or None when the map lacks it.

        A job names no deployment: with its model and operation as well, a batch is found by a deployment of the account
        of a batch type, and a training by its base model.
        """
        return self._served_by(self._epoch(moment), backend, name, model, operation)

    def deployment_names(self) -> set[str]:
        """The names of all deployments, at any time."""
        return {each.name for epoch in self._epochs for names in epoch.values() for each in names.values()}

    def account(self, backend: str) -> str:
        """The account of a backend host; an empty string where no account is known for it.

        The host's first label is an account, or "<account>-<suffix>"; the longest account wins.
        """
        parts = backend.casefold().split(":")[0].split(".")[0].split("-")
        names = ("-".join(parts[:length]) for length in range(len(parts), 0, -1))
        return next((name for name in names if any(name in epoch for epoch in self._epochs)), "")

    def every_price(self) -> Iterator[tuple[PriceKey, Price]]:
        """Each price with what it is for, also those of some cost centres alone."""
        for prices in (self.prices, *self.payers.prices.values()):
            yield from ((key, price) for key, dated in prices.items() for price in dated)

    def counts_text_alone(self, model: str) -> bool:
        """Whether no token of the model has a price as sound or as a picture."""
        return without_snapshot(model) not in self._beside_text

    def find_price(self, line: Line, meter: Meter, hour: datetime, payer: str = "") -> Price | None:
        """The price in force for a meter of a line that a cost centre pays, or None."""
        candidates = self._candidates(self._epoch(hour), self.payers.group(payer), *_priced_by(line), meter)
        return first_in_force(candidates, hour)

    def prices_of_line(self, line: Line, day: UtcDay, payer: str = "") -> PricesOfDay:
        """The price in force for each meter of a line in each of the 24 UTC hours of a day.

        What decides a price besides the meter is looked up once.
        """
        return self._prices_of_day(day, self.payers.group(payer), *_priced_by(line))

    def _epoch(self, moment: datetime) -> int:
        return bisect_right(self.deployment_edges, moment)

    def _find_deployment(
        self, epoch: int, backend: str, name: str, model: str = "", operation: str = ""
    ) -> Deployment | None:
        found = self._epochs[epoch].get(self.account(backend), {})
        return found.get(name.casefold()) or job_deployment(found.values(), name, model, operation)

    def _find_candidates(
        self,
        epoch: int,
        payer: str,
        provider: str,
        model: str,
        backend: str,
        name: str,
        operation: str,
        tier: str,
        variant: str,
        meter: Meter,
    ) -> tuple[Dated, ...]:
        if variant.startswith(DRAWN_BY):
            if meter is Meter.OUTPUT_IMAGE:
                name, model, tier = variant.removeprefix(DRAWN_BY), "", DEFAULT_TIER
            variant = ""
        deployment = self._served_by(epoch, backend, name, model, operation)
        if deployment is None:
            return ()
        if operation == TRAINING_JOBS and variant in TRAINED_AS:
            deployment, variant = replace(deployment, type=TRAINED_AS[variant]), ""
        if operation:
            # A batch may name a deployment as its model.
            model = "" if model.casefold() == deployment.name.casefold() else base_model(model)
        if deployment.type in PROVISIONED and meter not in TOOLS:
            return self._provisioned.get(meter, ())
        models = tuple(self._models(model, deployment, meter))
        if meter in _BESIDE_THE_CALL:
            tier, variant = DEFAULT_TIER, ""
        if variant == LONG_CONTEXT and (provider, models[0][0]) not in self._banded:
            variant = ""  # a model without such prices costs the same at any length
        keys = (
            PriceKey(provider, *served, deployment.type, normal_tier(tier), region, variant, each)
            for each in _priced_as(meter)
            for region in places_of(deployment.region)
            for served in dict.fromkeys(models)
        )
        own = self.payers.prices.get(payer, {})
        return tuple(own.get(key) or self.prices[key] for key in keys if key in self.prices)

    def _models(self, answered: str, deployment: Deployment, meter: Meter) -> Iterator[tuple[str, str]]:
        """The pairs of model and version to look for a price under, the most specific first."""
        model, version = served_by(answered, deployment)
        if meter is Meter.ROUTER:
            model, version = deployment.model, deployment.version  # the fee is the router's, whatever model it chose
        yield from ((model, version), (model, ANY))
        if deployment.is_router and version == ANY:
            yield from ((model, each) for each in self._versions.get(model, ()))  # a router names no old model
        if meter in TOOLS:
            yield ANY, ANY  # a tool's price may be for every model

    def _find_prices_of_day(self, day: UtcDay, *priced_by: Any) -> PricesOfDay:
        """Each meter's prices are found once; a line asks for four, and their key would be hashed each time."""
        hours = hour_starts(day)

        @cache
        def prices(meter: Meter) -> tuple[Price | None, ...]:
            return tuple(first_in_force(self._candidates(self._epoch(hour), *priced_by, meter), hour) for hour in hours)

        return prices


def _priced_as(meter: Meter) -> tuple[Meter, ...]:
    return (meter, Meter.OUTPUT) if meter is Meter.REASONING else (meter,)


def _priced_by(line: Line) -> tuple[str, ...]:
    """Only the dimensions that decide a price, so that all users of a deployment share a cached answer."""
    return line.provider, line.model, line.backend, line.deployment, _job(line), line.service_tier, line.variant


def _job(line: Line) -> str:
    """The operation of a job that names no deployment; empty for every other call."""
    return line.operation if not line.deployment and line.operation in (BATCHES, TRAINING_JOBS) else ""


def _digest(catalogue: Catalogue) -> str:
    content = {
        "currency": catalogue.currency,
        "prices": sorted(_price_rows(catalogue.prices)),
        "hosting": sorted(rate.row() for rates in catalogue.hosting.values() for rate in rates),
        "deployments": sorted(each.row() for each in _without_dates(catalogue)),
        "costCentres": sorted(
            (c.path, c.name, *c.effective.strings(), *filter(None, [c.successor])) for c in catalogue.allocation.centres
        ),
        "rules": [(r.id, dict(r.when), r.cost_centre, *r.effective.strings()) for r in catalogue.allocation.rules],
        "books": catalogue.calendar.rows(),
    }
    if dated := [each for each in catalogue.dated if each.effective != ALWAYS]:
        content["dated"] = sorted((*each.deployment.row(), *each.effective.strings()) for each in dated)
    payers = catalogue.payers
    if payers.prices or payers.shared:
        content["payers"] = sorted((path, *row) for path, own in payers.prices.items() for row in _price_rows(own))
        content["sharedMarkups"] = payers.rows()
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _without_dates(catalogue: Catalogue) -> Iterator[Deployment]:
    yield from (each for names in catalogue.deployments.values() for each in names.values())
    yield from (each.deployment for each in catalogue.dated if each.effective == ALWAYS)


def _price_rows(prices: Mapping[PriceKey, Dated]) -> Iterator[tuple[str, ...]]:
    for key, dated in prices.items():
        for price in dated:
            since, until = (
                limit.isoformat() if limit else "" for limit in (price.effective.start, price.effective.end)
            )
            amounts = price.list_per_million, price.contracted_per_million, price.per_million
            yield (*key, since, until, *map(to_text, amounts), *price.said)
