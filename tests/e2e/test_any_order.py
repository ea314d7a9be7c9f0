"""Any order, duplication, batching and interleaving gives the CSV of the events counted once."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chargeback.adapters.config.catalogue import load_catalogue
from chargeback.adapters.memory.counter import MemoryCounter
from chargeback.adapters.memory.reports import MemoryReports
from chargeback.adapters.memory.settled import MemorySettledFiles
from chargeback.adapters.memory.stores import (
    MemoryBooks,
    MemoryCatalogues,
    MemoryControl,
    MemoryLedger,
    MemoryQuarantine,
)
from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.services.publishing.publish import publish
from chargeback.services.settled.settled_days import SettledDays
from chargeback.services.usage.audit import Auditor
from chargeback.services.usage.estimate_spend import EffectiveSpendEstimator
from chargeback.services.usage.ingest import Ingest
from chargeback.services.usage.post import Poster
from tests.e2e.oracle import chargeback_csv, without_charge_ids
from tests.e2e.traffic import catalogue_folder, encoded, traffic
from tests.support.examples import few
from tests.support.published_files import month

NOW = datetime(2026, 3, 20, 18, 0, tzinfo=UTC)
DAY = "2026-03-20"
EVENTS = [*traffic(DAY, 28), *traffic("2026-03-18", 7, prefix="earlier-")]
RAW = encoded(EVENTS)

deliveries = st.lists(st.integers(0, len(EVENTS) - 1), max_size=20)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("deliver"), deliveries),
        st.tuples(st.sampled_from(["post", "flush", "audit", "forget"]), st.just([])),
    ),
    max_size=12,
)


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    return load_catalogue(catalogue_folder(Path(tmp_path_factory.mktemp("config")), DAY))


class RealProduct:
    """The whole product in memory."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.ledger, self.counter, self.books = MemoryLedger(), MemoryCounter(), MemoryBooks()
        catalogues = MemoryCatalogues(catalogue)
        self.ingest = Ingest(
            self.ledger, self.counter, MemoryQuarantine(), EffectiveSpendEstimator(catalogues, catalogue)
        )
        control = MemoryControl()
        self.poster = Poster(self.ledger, self.counter, self.books, control, catalogues)
        self.auditor = Auditor(self.ledger, self.counter, self.books, control, catalogues, self.poster)

    async def step(self, name: str, indices: list[int]) -> None:
        match name:
            case "deliver":
                await self.ingest.ingest([RAW[index] for index in indices], NOW)
            case "post":
                await self.poster.post(NOW)
            case "flush":
                self.counter.days.clear()
            case "forget":
                await self.counter.forget(DAY)
            case "audit":
                await self.auditor.audit_day(DAY, NOW)

    async def csv(self) -> bytes:
        reports = MemoryReports()
        await publish(month(), SettledDays(self.books, MemorySettledFiles()), reports)
        return without_charge_ids(reports.files["2026-03/chargeback-2026-03.csv"])


@given(steps=steps, rest=st.permutations(range(len(EVENTS))))
@settings(max_examples=few(8), suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_order_duplication_and_interleaving_gives_the_same_csv(
    catalogue: Catalogue, steps: list[tuple[str, list[int]]], rest: list[int]
) -> None:
    async def run() -> bytes:
        real = RealProduct(catalogue)
        for step in steps:
            await real.step(*step)
        for half in (rest[:15], rest[15:]):
            await real.step("deliver", half)
        await real.step("post", [])
        return await real.csv()

    published = asyncio.run(run())

    assert published == chargeback_csv(EVENTS, "2026-03", DAY)


def test_a_stream_that_was_posted_as_pending_and_settled_after_redis_was_lost_is_billed_once(
    catalogue: Catalogue,
) -> None:
    async def run() -> bytes:
        real = RealProduct(catalogue)
        pending = next(index for index, event in enumerate(EVENTS) if event["id"] == "earlier-3")
        others = [index for index in range(len(EVENTS)) if index != pending]
        for step in (("deliver", [pending]), ("post", []), ("flush", []), ("deliver", others), ("post", [])):
            await real.step(*step)
        return await real.csv()

    published = asyncio.run(run())

    assert published == chargeback_csv(EVENTS, "2026-03", DAY)


@given(lost=st.sets(st.integers(0, len(EVENTS) - 1), min_size=1, max_size=10))
@settings(max_examples=few(4), suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_audit_brings_in_what_was_never_counted(catalogue: Catalogue, lost: set[int]) -> None:
    """Events that reached the ledger and nothing else, because the process died and nobody delivered them again."""

    async def run() -> bytes:
        real = RealProduct(catalogue)
        await real.step("deliver", [index for index in range(len(EVENTS)) if index not in lost])
        await real.step("post", [])
        for index in lost:
            await real.ledger.append(EVENTS[index]["time"][:10], [RAW[index]])
        for day in (DAY, "2026-03-18"):
            await real.auditor.audit_day(day, NOW)
        await real.step("post", [])
        return await real.csv()

    published = asyncio.run(run())

    assert published == chargeback_csv(EVENTS, "2026-03", DAY)
