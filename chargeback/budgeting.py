"""Wires budgets: how they stand, what the gateways are told of them, and what people are."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from chargeback.alerting import Alerting

if TYPE_CHECKING:
    from chargeback.adapters.config.applied import AppliedCatalogues
    from chargeback.domain.budgets.budget import Budget
    from chargeback.domain.budgets.decisions import Product
    from chargeback.domain.catalogue.catalogue import Catalogue
    from chargeback.domain.deployments.call_limits import CallLimits
    from chargeback.domain.time.days import UtcDay
    from chargeback.services.alerts.watch_budgets import BudgetWatch
    from chargeback.services.budgets.asked_replays import AskedReplays
    from chargeback.services.budgets.change_budgets import ChangeBudgets
    from chargeback.services.budgets.explain_budget import BudgetExplainer
    from chargeback.services.budgets.nudges import Nudges
    from chargeback.services.budgets.outlooks import BudgetOutlooks
    from chargeback.services.budgets.overrides import BudgetOverrides
    from chargeback.services.budgets.push_decisions import DecisionPusher, Decisions
    from chargeback.services.budgets.replay import BudgetReplayer
    from chargeback.services.budgets.spend import BudgetSpend
    from chargeback.services.budgets.states import BudgetStates
    from chargeback.services.usage.post import Poster


@dataclass
class Budgeting(Alerting):
    """The services of budgets, made when they are first asked for."""

    @cached_property
    def catalogues(self) -> "AppliedCatalogues":
        """The rate card, deployments and cost centres in force."""
        from chargeback.adapters.config.applied import AppliedCatalogues

        return AppliedCatalogues(self.control, self.settings.config_folder)

    @cached_property
    def products(self) -> "tuple[Product, ...]":
        """The products of the gateway, each with the subscriptions that call with it."""
        from chargeback.adapters.config.gateway import load_products

        return load_products(self.settings.config_folder)

    @cached_property
    def call_limits(self) -> "Mapping[str, CallLimits]":
        """How much each subscription of the gateway may call."""
        from chargeback.adapters.config.call_limits import load_call_limits

        return load_call_limits(self.settings.config_folder)

    @cached_property
    def poster(self) -> "Poster":
        """Sets the books from what is counted."""
        from chargeback.services.usage.post import Poster

        return Poster(self.ledger, self.counter, self.books, self.control, self.catalogues)

    @cached_property
    def budget_overrides(self) -> "BudgetOverrides":
        """The temporary changes of budgets' limits."""
        from chargeback.services.budgets.overrides import BudgetOverrides

        return BudgetOverrides(self.control, self.catalogues)

    @cached_property
    def change_budgets(self) -> "ChangeBudgets":
        """Makes and changes budgets beside the files."""
        from chargeback.adapters.config.budget_entries import read_entry
        from chargeback.services.budgets.change_budgets import ChangeBudgets
        from chargeback.services.budgets.made_budgets import MadeBudgets

        read = partial(read_entry, self.settings.config_folder)
        return ChangeBudgets(MadeBudgets(self.control), self.catalogues, read)

    @cached_property
    def budget_spend(self) -> "BudgetSpend":
        """What budgets' scopes spent."""
        from chargeback.services.budgets.spend import BudgetSpend

        return BudgetSpend(self.books, self.counter, self._post_day)

    @cached_property
    def budget_states(self) -> "BudgetStates":
        """How budgets stand."""
        from chargeback.services.budgets.forecasts import Forecasts
        from chargeback.services.budgets.states import BudgetStates

        return BudgetStates(self.catalogues, self.budget_spend, self.budget_overrides, Forecasts())

    @cached_property
    def budget_outlooks(self) -> "BudgetOutlooks":
        """Where budgets go."""
        from chargeback.services.budgets.outlooks import BudgetOutlooks

        return BudgetOutlooks(self.budget_states)

    @cached_property
    def budget_explainer(self) -> "BudgetExplainer":
        """Explains how the figures of budgets come about."""
        from chargeback.services.budgets.explain_budget import BudgetExplainer

        return BudgetExplainer(self.catalogues, self.budget_spend, self.budget_overrides, self.budget_states)

    @cached_property
    def asked_replays(self) -> "AskedReplays":
        """What budgets would have done, for people who ask over HTTP."""
        from chargeback.services.budgets.asked_replays import AskedReplays

        return AskedReplays(self.control, self.budget_overrides, self.budget_replayer)

    async def budget_replayer(self) -> "BudgetReplayer":
        """Replays budgets over the ledger, at what is in force now."""
        from chargeback.services.budgets.replay import BudgetReplayer

        in_force, terms = await self.catalogues.in_force(), await self.catalogues.terms()
        return BudgetReplayer(self.ledger, in_force, terms, workers=os.cpu_count() or 1)

    def proposed_budgets(self, file: Path, catalogue: "Catalogue") -> "Sequence[Budget]":
        """The budgets of a file that nobody has put in force."""
        from chargeback.adapters.config.proposed_budgets import load_proposed_budgets

        folder = self.settings.config_folder
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
    def budget_watch(self) -> "BudgetWatch":
        """Has people told which steps of budgets are reached."""
        from chargeback.services.alerts.budget_bases import BudgetBases
        from chargeback.services.alerts.explain_steps import StepExplainer
        from chargeback.services.alerts.spend_movers import SpendMovers
        from chargeback.services.alerts.watch_budgets import BudgetWatch

        bases, movers = BudgetBases(self.control), SpendMovers(self.settled_days, self.counter)
        explainer = StepExplainer(self.budget_states, self.catalogues, bases, movers)
        link = self.alert_settings.link
        states = self.budget_states
        return BudgetWatch(states, self.alerts, self.catalogues, bases, explainer, lambda: datetime.now(UTC), link=link)

    @cached_property
    def _nudges(self) -> "tuple[Nudges, ...]":
        """What follows soon after calls were counted."""
        from chargeback.services.alerts.watch_budgets import LONGEST_NOTICE, NOTICE_SECONDS, report_late_alerts
        from chargeback.services.budgets.nudges import Nudges
        from chargeback.services.budgets.push_decisions import report_late_decisions

        pusher, watch = self.decision_pusher, self.budget_watch

        async def notice() -> str:
            await watch.notice()
            return ""

        to_people = Nudges(
            # What takes long is to find out who moved an amount, which is waiting, and rare.
            notice,
            report_late_alerts,
            shortest=NOTICE_SECONDS,
            longest=LONGEST_NOTICE,
            share=1,
        )
        if pusher is None:
            return (to_people,)

        async def push() -> str:
            return (await pusher.push()).fault

        return Nudges(push, report_late_decisions), to_people

    def nudge_budgets(self) -> None:
        """Calls were counted, so gateways and people are to be told what follows for budgets; returns at once."""
        for each in self._nudges:
            each.nudge()

    async def close(self) -> None:
        """End what runs in the background, then close every connection that was opened."""
        nudges: tuple[Nudges, ...] = self.__dict__.pop("_nudges", ())
        for each in nudges:
            await each.stop()
        outlooks: BudgetOutlooks | None = self.__dict__.pop("budget_outlooks", None)
        if outlooks is not None:
            await outlooks.stop()
        spend: BudgetSpend | None = self.__dict__.pop("budget_spend", None)
        if spend is not None:
            await spend.stop()
        pusher: DecisionPusher | None = self.__dict__.pop("decision_pusher", None)
        if pusher is not None:
            await pusher.stop()
        await super().close()

    async def _post_day(self, day: "UtcDay") -> None:
        await self.poster.post_day(day, await self.catalogues.in_force(), datetime.now(UTC))
