"""Wires the product together: from settings to services, once a process."""

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from chargeback.services.probe import Probe
from chargeback.services.usage.estimate_spend import EffectiveSpendEstimator
from chargeback.services.usage.ingest import Ingest, TimeLimits
from chargeback.services.usage.post import Poster
from chargeback.settings import Settings
from chargeback.stores import Stores

if TYPE_CHECKING:
    from chargeback.adapters.azure.entra_tokens import EntraTokens, SigningKeys
    from chargeback.adapters.config.applied import AppliedCatalogues
    from chargeback.domain.budgets.budget import Budget
    from chargeback.domain.budgets.decisions import Product
    from chargeback.domain.catalogue.catalogue import Catalogue
    from chargeback.domain.deployments.models import Retiring
    from chargeback.domain.events.emitters import KnownEmitter
    from chargeback.domain.time.days import UtcDay
    from chargeback.services.budgets.explain_budget import BudgetExplainer
    from chargeback.services.budgets.nudges import Nudges
    from chargeback.services.budgets.overrides import BudgetOverrides
    from chargeback.services.budgets.push_decisions import DecisionPusher, Decisions
    from chargeback.services.budgets.replay import BudgetReplayer
    from chargeback.services.budgets.states import BudgetStates
    from chargeback.services.closing.close_period import Closer
    from chargeback.services.closing.finish_days import ClosingBooks
    from chargeback.services.closing.publish_drafts import Drafts
    from chargeback.services.explaining.explain import Explainer
    from chargeback.services.periods.periods import Periods
    from chargeback.services.publishing.publish import Writer
    from chargeback.services.publishing.published_rows import Published
    from chargeback.services.reconciling.reconcile_published import Reconciler
    from chargeback.services.retry import Retry
    from chargeback.services.running.set_aside import SetAside
    from chargeback.services.usage.audit import Auditor
    from chargeback.services.usage.index_objects import ObjectIndex
    from chargeback.services.usage.ledger_parts import LedgerParts
    from chargeback.services.usage.senders import Keys, Senders
    from chargeback.services.usage.settle import Settler

FLEX_DISK_MB = 800
"""Temporary disk of a Flex Consumption instance, which no file system tells; the host says which plan it is on."""

DEPLOYED_CONFIG = Path(__file__).parents[1] / "config"


@dataclass
class Container(Stores):
    """The services of one process over its stores, made when they are first asked for and imported likewise."""

    @cached_property
    def catalogues(self) -> "AppliedCatalogues":
        """The rate card, deployments and cost centres in force."""
        from chargeback.adapters.config.applied import AppliedCatalogues

        return AppliedCatalogues(self.control, self.settings.config_dir or DEPLOYED_CONFIG)

    @cached_property
    def emitters(self) -> "tuple[KnownEmitter, ...]":
        """Who may send events in addition to the gateways."""
        from chargeback.adapters.config.emitters import load_emitters

        return load_emitters(self.settings.config_dir or DEPLOYED_CONFIG)

    @cached_property
    def products(self) -> "tuple[Product, ...]":
        """The products of the gateway, each with the subscriptions that call with it."""
        from chargeback.adapters.config.gateway import load_products

        return load_products(self.settings.config_dir or DEPLOYED_CONFIG)

    @cached_property
    def senders(self) -> "Senders":
        """Who may POST events, and how it is recognised."""
        from chargeback.domain.events.emitters import EVENT_GRID
        from chargeback.services.usage.senders import Senders

        settings = self.settings
        keys = [(EVENT_GRID, self._keys("events-key", settings.event_grid_keys))]
        for each in self.emitters:
            if each.has_key and (settings.key_vault_url or each.emitter.id in settings.keys_of_emitters):
                own = settings.keys_of_emitters.get(each.emitter.id, ())
                keys.append((each.emitter, self._keys(f"events-key-{each.emitter.id}", own)))
        return Senders(
            keys,
            tokens=self._tokens(settings.events_audience),
            by_app={each.app_id: each.emitter for each in self.emitters if each.app_id},
            event_grid_app=settings.event_grid_app_id,
        )

    def _keys(self, name: str, fixed: tuple[str, ...]) -> "Keys":
        from chargeback.adapters.azure.key_vault import FixedKeys, VaultKeys

        return FixedKeys(fixed) if fixed else VaultKeys(self.vault, name)

    @cached_property
    def signing_keys(self) -> "SigningKeys | None":
        """What the tenant signs tokens with; None where no tenant is set."""
        from chargeback.adapters.azure.entra_tokens import SigningKeys

        tenant = self.settings.entra_tenant_id
        return SigningKeys(self.settings.entra_authority, tenant) if tenant else None

    def _tokens(self, audience: str | None) -> "EntraTokens | None":
        from chargeback.adapters.azure.entra_tokens import EntraTokens

        return EntraTokens(self.signing_keys, audience) if self.signing_keys and audience else None

    @cached_property
    def gateway_tokens(self) -> "EntraTokens | None":
        """The tokens that the gateway asks with; None where it may not ask."""
        return self._tokens(self.settings.owners_audience)

    @cached_property
    def object_index(self) -> "ObjectIndex":
        """Who owns which stored object."""
        from chargeback.services.usage.index_objects import ObjectIndex

        return ObjectIndex(self.ledger, self.objects, self.object_marks)

    @cached_property
    def ingest(self) -> Ingest:
        """The one door for usage events."""
        limits = TimeLimits(
            max_age=timedelta(days=self.settings.max_event_age_days),
            clock_skew=timedelta(minutes=self.settings.clock_skew_minutes),
        )
        estimator = EffectiveSpendEstimator(
            self.catalogues, self.catalogues.deployed, self.catalogues.deployed_terms.watched
        )
        return Ingest(self.ledger, self.counter, self.quarantine, estimator, limits, self.object_index)

    @cached_property
    def poster(self) -> Poster:
        """Sets the books from what is counted."""
        return Poster(self.ledger, self.counter, self.books, self.control, self.catalogues)

    @cached_property
    def budget_overrides(self) -> "BudgetOverrides":
        """The temporary changes of budgets' limits."""
        from chargeback.services.budgets.overrides import BudgetOverrides

        return BudgetOverrides(self.control, self.catalogues)

    @cached_property
    def budget_states(self) -> "BudgetStates":
        """How budgets stand."""
        from chargeback.services.budgets.forecasts import Forecasts
        from chargeback.services.budgets.spend import BudgetSpend
        from chargeback.services.budgets.states import BudgetStates

        spend = BudgetSpend(self.books, self.counter, self._post_day)
        return BudgetStates(self.catalogues, spend, self.budget_overrides, Forecasts())

    @cached_property
    def budget_explainer(self) -> "BudgetExplainer":
        """Explains how the figures of budgets come about."""
        from chargeback.services.budgets.explain_budget import BudgetExplainer

        return BudgetExplainer(self.books, self.counter, self.catalogues, self.budget_overrides)

    async def budget_replayer(self) -> "BudgetReplayer":
        """Replays budgets over the ledger, at what is in force now."""
        from chargeback.services.budgets.replay import BudgetReplayer

        in_force, terms = await self.catalogues.in_force(), await self.catalogues.terms()
        return BudgetReplayer(self.ledger, in_force, terms, workers=os.cpu_count() or 1)

    def proposed_budgets(self, file: Path, catalogue: "Catalogue") -> "Sequence[Budget]":
        """The budgets of a file that nobody has put in force."""
        from chargeback.adapters.config.proposed_budgets import load_proposed_budgets

        folder = self.settings.config_dir or DEPLOYED_CONFIG
        return load_proposed_budgets(file, folder, catalogue, datetime.now(UTC))

    @cached_property
    def decisions(self) -> "Decisions":
        """What budgets decide about calls."""
        from chargeback.services.budgets.push_decisions import Decisions

        return Decisions(self.budget_states, self.catalogues, self.products)

    @cached_property
    def decision_pusher(self) -> "DecisionPusher | None":
        """Tells the gateways what budgets decide; None where the settings name no gateway."""
        from chargeback.services.budgets.push_decisions import DecisionPusher

        return DecisionPusher(self.decisions, self.gateways, lambda: datetime.now(UTC)) if self.gateways else None

    @cached_property
    def _nudges(self) -> "Nudges | None":
        from chargeback.services.budgets.nudges import Nudges

        pusher = self.decision_pusher
        if pusher is None:
            return None

        async def push() -> str:
            return (await pusher.push()).fault

        return Nudges(push)

    def nudge_decisions(self) -> None:
        """Calls were counted, so the gateways are to be told what budgets decide now; returns at once."""
        if self._nudges is not None:
            self._nudges.nudge()

    async def close(self) -> None:
        """End what runs in the background, then close every connection that was opened."""
        nudges: Nudges | None = self.__dict__.pop("_nudges", None)
        if nudges is not None:
            await nudges.stop()
        pusher: DecisionPusher | None = self.__dict__.pop("decision_pusher", None)
        if pusher is not None:
            await pusher.stop()
        await super().close()

    async def _post_day(self, day: "UtcDay") -> None:
        await self.poster.post_day(day, await self.catalogues.in_force(), datetime.now(UTC))

    def retiring_models(self, today: date) -> "list[Retiring]":
        """The deployments whose model retires soon, as far as the configuration knows."""
        from chargeback.adapters.config.models import find_retiring

        return find_retiring(self.settings.config_dir or DEPLOYED_CONFIG, today)

    @cached_property
    def settler(self) -> "Settler":
        """Gives streamed calls their tokens."""
        from chargeback.services.usage.settle import Settler

        deadline = timedelta(hours=self.settings.settle_deadline_hours)
        quiet = timedelta(seconds=self.settings.settle_quiet_seconds)
        return Settler(
            self.gateway_log,
            self.counter,
            self.ledger,
            self.books,
            self.ingest,
            self.control,
            self.catalogues,
            deadline=deadline,
            quiet=quiet,
            max_age=timedelta(days=self.settings.max_event_age_days),
        )

    @cached_property
    def auditor(self) -> "Auditor":
        """Proves that the books are what the ledger says."""
        from chargeback.services.usage.audit import Auditor

        return Auditor(
            self.ledger,
            self.counter,
            self.books,
            self.control,
            self.catalogues,
            self.poster,
            workers=os.cpu_count() or 1,
        )

    @cached_property
    def ledger_parts(self) -> "LedgerParts":
        """Knows which parts the ledger of an open day has ever had."""
        from chargeback.services.usage.ledger_parts import LedgerParts

        return LedgerParts(self.ledger, self.control)

    @cached_property
    def periods(self) -> "Periods":
        """The state and the order of the billing periods."""
        from chargeback.services.periods.periods import Periods

        return Periods(self.control, self.ledger)

    @cached_property
    def writers(self) -> "tuple[Writer, ...]":
        """The writers of further files of a period, in addition to the chargeback file, its summary and its charges."""
        from chargeback.services.focus.write_focus import write_focus
        from chargeback.services.focus.write_hub import write_hub
        from chargeback.services.statements.write_statements import write_statements
        from chargeback.services.workbook.write_workbook import write_workbook

        of_hub = (partial(write_hub, scope=self.settings.finops_hub_scope),) if self.settings.finops_hub_url else ()
        return (write_focus, write_workbook, write_statements, *of_hub)

    @cached_property
    def closing_books(self) -> "ClosingBooks":
        """Makes the days of a period final before it closes."""
        from chargeback.services.closing.finish_days import ClosingBooks

        return ClosingBooks(self.periods, self.books, self.catalogues, self.poster, self.auditor, self.control)

    @cached_property
    def closer(self) -> "Closer":
        """Closes billing periods."""
        from chargeback.services.closing.close_period import Closer
        from chargeback.services.closing.publish_period import Publisher

        publisher = Publisher(
            self.books,
            self.control,
            self.catalogues,
            self.periods,
            self.reports,
            self.closed_reports,
            self.settings.report_decimals,
            self.writers,
            FLEX_DISK_MB if os.environ.get("WEBSITE_SKU") == "FlexConsumption" else None,
        )
        return Closer(self.closing_books, self.reports, self.closed_reports, publisher, self.hub)

    @cached_property
    def drafts(self) -> "Drafts":
        """Publishes the periods that are still open."""
        from chargeback.services.closing.publish_drafts import Drafts

        return Drafts(self.closing_books, self.closer)

    @cached_property
    def set_aside(self) -> "SetAside":
        """Records what could not be handled."""
        from chargeback.services.running.set_aside import SetAside

        return SetAside(self.control)

    @cached_property
    def retry(self) -> "Retry":
        """Tries again what was set aside."""
        from chargeback.services.retry import Retry

        return Retry(
            self.set_aside,
            self.catalogues,
            self.poster,
            self.auditor,
            self.drafts,
            lambda now: self.settler.settle(now),
        )

    @cached_property
    def published(self) -> "Published":
        """The rows of periods as they were published."""
        from chargeback.services.publishing.published_rows import Published

        return Published(self.control, self.reports, self.closed_reports)

    @cached_property
    def reconciler(self) -> "Reconciler":
        """Compares published months with the provider's invoice."""
        from chargeback.adapters.config.retail_meters import load_retail_meters
        from chargeback.domain.price_list.provider_meters import provider_meters
        from chargeback.services.reconciling.reconcile_published import Reconciler

        table, capacity = load_retail_meters(self.settings.config_dir or DEPLOYED_CONFIG)
        return Reconciler(
            self.published,
            self.books,
            self.catalogues,
            self.reports,
            self.cost_exports,
            provider_meters({meter_id: meter.keys for meter_id, meter in table.items()}, capacity),
        )

    @cached_property
    def explainer(self) -> "Explainer":
        """Explains amounts down to the events of the ledger."""
        from chargeback.services.explaining.explain import Explainer

        return Explainer(self.published, self.catalogues, self.books, self.ledger)

    @cached_property
    def probe(self) -> Probe:
        """Tells whether the stores answer."""
        return Probe({"ledger": self.ledger, "redis": self.counter, "cosmos": self.books})


@asynccontextmanager
async def open_container(settings: Settings) -> AsyncIterator[Container]:
    """A container for one piece of work, closed after it."""
    container = Container(settings)
    try:
        yield container
    finally:
        await container.close()
