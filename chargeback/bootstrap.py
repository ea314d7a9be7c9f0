"""Wires the product together: from settings to services, once a process."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from chargeback.bookkeeping import Bookkeeping
from chargeback.services.probe import Probe
from chargeback.services.usage.estimate_spend import EffectiveSpendEstimator
from chargeback.services.usage.ingest import Ingest, TimeLimits
from chargeback.settings import Settings

if TYPE_CHECKING:
    from chargeback.domain.deployments.models import Retiring
    from chargeback.services.alerts.watch_books import BooksWatch
    from chargeback.services.audit_log.anchors import Anchors
    from chargeback.services.audit_log.audit_log import AuditLog
    from chargeback.services.closing.files_for_people import FilesForPeople
    from chargeback.services.costs.keep_views import ViewKeeper
    from chargeback.services.costs.read_costs import CostReader
    from chargeback.services.explaining.explain import Explainer
    from chargeback.services.operations.operation import Operations
    from chargeback.services.operations.run_operations import OperationRunner
    from chargeback.services.reconciling.reconcile_published import Reconciler
    from chargeback.services.requests.repeatable import RepeatableRequests
    from chargeback.services.retry import Retry
    from chargeback.services.running.set_aside import SetAside
    from chargeback.services.usage.index_objects import ObjectIndex
    from chargeback.services.usage.replay import Replayed
    from chargeback.services.usage.settle import Settler


@dataclass
class Container(Bookkeeping):
    """The services of one process over its stores, made when they are first asked for and imported likewise."""

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
    def books_watch(self) -> "BooksWatch":
        """Has people told what they must know of usage, the ledger, events and periods."""
        from chargeback.services.alerts.watch_books import BooksSources, BooksWatch

        settings = self.alert_settings
        sources = BooksSources(
            self.settled_days,
            self.ledger,
            self.control,
            self.catalogues,
            self.quarantine,
            self.closed_reports,
            settings.tolerances,
            settings.link,
        )
        return BooksWatch(self.alerts, sources)

    def retiring_models(self, today: date, within: timedelta) -> "list[Retiring]":
        """The deployments whose model retires within a time, as far as the configuration knows."""
        from chargeback.adapters.config.models import find_retiring

        return find_retiring(self.settings.config_folder, today, within)

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
    def view_keeper(self) -> "ViewKeeper":
        """Keeps the views up to the books that questions about costs are answered from."""
        from chargeback.services.costs.books_version import BooksVersions
        from chargeback.services.costs.keep_views import ViewKeeper

        versions = BooksVersions(self.books, self.catalogues, self.periods, self.publisher)
        return ViewKeeper(versions, self.settled_files)

    @cached_property
    def costs(self) -> "CostReader":
        """Answers questions about costs."""
        from chargeback.services.costs.read_costs import open_reader

        return open_reader(self.control, self.settled_files)

    @cached_property
    def audit_log(self) -> "AuditLog":
        """Who changed what, and who read the data of others."""
        from chargeback.services.audit_log.audit_log import AuditLog

        return AuditLog(self.audit_entries, lambda: datetime.now(UTC))

    @cached_property
    def anchors(self) -> "Anchors":
        """Where the head of the audit log is kept, out of everybody's reach."""
        from chargeback.services.audit_log.anchors import Anchors

        return Anchors(self.closed_reports)

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
    def files_for_people(self) -> "FilesForPeople":
        """The files of periods that somebody may have."""
        from chargeback.services.closing.files_for_people import FilesForPeople

        return FilesForPeople(self.periods, self.reports, self.closed_reports)

    @cached_property
    def operations(self) -> "Operations":
        """The long work that people asked for."""
        from chargeback.services.operations.operation import Operations

        return Operations(self.control)

    @cached_property
    def operation_runner(self) -> "OperationRunner":
        """Does the long work that people asked for."""
        from chargeback.services.operations.recorded_works import recorded_works
        from chargeback.services.operations.run_operations import OperationRunner
        from chargeback.services.operations.works import OperationWorks

        works = OperationWorks(
            self.closer,
            self.drafts,
            self.journals,
            self.ledger,
            self.reconciler,
            self.retry,
            self._replay,
            self.asked_replays.replay,
            lambda: datetime.now(UTC),
        )
        recorded = recorded_works(works.by_kind(), self.audit_log)
        return OperationRunner(self.operations, recorded, lambda: datetime.now(UTC))

    async def _replay(self, now: datetime) -> "Replayed":
        from chargeback.services.usage.replay import replay_quarantine

        return await replay_quarantine(self.quarantine, self.ingest, now, [each.emitter for each in self.emitters])

    @cached_property
    def repeatable_requests(self) -> "RepeatableRequests":
        """The requests that may be sent twice."""
        from chargeback.services.requests.repeatable import RepeatableRequests

        return RepeatableRequests(self.control)

    @cached_property
    def reconciler(self) -> "Reconciler":
        """Compares published months with the provider's invoice."""
        from chargeback.adapters.config.retail_meters import load_retail_meters
        from chargeback.domain.price_list.provider_meters import provider_meters
        from chargeback.services.reconciling.reconcile_published import Reconciler

        table, capacity = load_retail_meters(self.settings.config_folder)
        return Reconciler(
            self.published,
            self.settled_days,
            self.catalogues,
            self.reports,
            self.cost_exports,
            provider_meters({meter_id: meter.keys for meter_id, meter in table.items()}, capacity),
        )

    @cached_property
    def explainer(self) -> "Explainer":
        """Explains amounts down to the events of the ledger."""
        from chargeback.services.explaining.explain import Explainer

        return Explainer(self.published, self.catalogues, self.settled_days, self.ledger)

    @cached_property
    def probe(self) -> Probe:
        """Tells whether the stores answer."""
        return Probe({"ledger": self.ledger, "redis": self.counter, "cosmos": self.books})

    async def close(self) -> None:
        """Close every connection that was opened, and remove what is on disk."""
        if (costs := self.__dict__.pop("costs", None)) is not None:
            costs.close()
        await super().close()

    def rehearsal(self, folder: Path) -> "Container":
        """A container in which all goes as in this one, over the same stores, and of which nothing reaches them.

        What is written stays in memory and in a folder. The days are counted again from the ledger, as after a flush of
        Redis; nobody is told anything, and a FinOps hub gets nothing.
        """
        from chargeback.adapters.memory import outbox, stores
        from chargeback.adapters.memory.audit_entries import MemoryAuditEntries
        from chargeback.adapters.memory.counter import MemoryCounter
        from chargeback.adapters.rehearsal.books import RehearsedBooks
        from chargeback.adapters.rehearsal.control import RehearsedControl, RehearsedLedger
        from chargeback.adapters.rehearsal.files import RehearsedReports, RehearsedSettledFiles

        rehearsed = Container(self.settings)
        vars(rehearsed).update(
            ledger=RehearsedLedger(self.ledger),
            counter=MemoryCounter(),
            books=RehearsedBooks(self.books),
            control=RehearsedControl(self.control),
            reports=RehearsedReports(self.reports, folder),
            closed_reports=RehearsedReports(self.closed_reports, folder),
            settled_files=RehearsedSettledFiles(self.settled_files, folder),
            cost_exports=self.cost_exports,
            quarantine=stores.MemoryQuarantine(),
            dead_letters=stores.MemoryDeadLetters(),
            objects=stores.MemoryObjects(),
            object_marks=stores.MemoryMarks(),
            audit_entries=MemoryAuditEntries(),
            outbox=outbox.MemoryOutbox(),
            digests=outbox.MemoryDigests(),
            due_alerts=outbox.MemoryDueAlerts(),
            gateways=None,
            hub=None,
        )
        return rehearsed


@asynccontextmanager
async def open_container(settings: Settings) -> AsyncIterator[Container]:
    """A container for one piece of work, closed after it."""
    container = Container(settings)
    try:
        yield container
    finally:
        await container.close()
