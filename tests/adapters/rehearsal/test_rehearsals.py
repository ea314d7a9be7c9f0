"""A dry run gives the figures of the real run and writes nothing: the stores below it refuse every write."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from chargeback.adapters.memory.reports import MemoryReports
from chargeback.adapters.memory.settled import MemorySettledFiles
from chargeback.adapters.memory.stores import MemoryBooks, MemoryCatalogues, MemoryControl, MemoryLedger
from chargeback.adapters.rehearsal.books import RehearsedBooks
from chargeback.adapters.rehearsal.control import RehearsedControl, RehearsedLedger
from chargeback.adapters.rehearsal.files import RehearsedReports, RehearsedSettledFiles
from chargeback.bootstrap import Container
from chargeback.domain.errors import PeriodClosed, Superseded
from chargeback.domain.periods.lifecycle import PeriodChange, PeriodState
from chargeback.domain.reports.manifest import Manifest
from chargeback.domain.terms.shared_costs import Per
from chargeback.domain.terms.terms import Terms
from chargeback.services.closing.correct_period import CorrectionResult, correct_period
from chargeback.services.closing.file_period import manifest_of
from chargeback.services.reconciling.true_up import set_true_up
from chargeback.services.reconciling.true_up_documents import TrueUps
from chargeback.stores import Stores
from tests.support.builders import tokens, usage_event
from tests.support.closing_product import ClosingProduct, priced, published_for_real
from tests.support.published_files import record
from tests.support.reconciled_months import reconciled
from tests.support.shared_fees import fee

pytestmark = pytest.mark.anyio

APRIL = datetime(2026, 4, 2, 12, tzinfo=UTC)
DAY = "2026-03-14"
WRITES = (
    "append", "begin", "count", "create", "forget", "mark", "mark_posted", "note", "put", "put_summary", "remove",
    "swap", "touch", "unmark", "write",
)  # fmt: skip
FEES = Terms(shared_costs=[fee("5", per=Per.PERIOD, period="2026-03")])


class ReadOnly:
    """A store that can only be read."""

    def __init__(self, store: Any) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        assert name not in WRITES, f"{name} was called"
        return getattr(self._store, name)


async def march() -> ClosingProduct:
    """A month with a call that was audited, and one of its last day that nobody has posted yet."""
    in_memory = published_for_real(ClosingProduct(priced(), FEES))
    await in_memory.ingest([usage_event(id="a", time="2026-03-05T09:00:00Z", usage=tokens(1_000_000, 0))], APRIL)
    await in_memory.auditor.audit(APRIL)
    await in_memory.ingest([usage_event(id="b", time="2026-03-31T22:00:00Z", usage=tokens(10, 0))], APRIL)
    return in_memory


def rehearsal(of: ClosingProduct, folder: Path) -> ClosingProduct:
    """The same product as `Container.rehearsal` has it, over stores that refuse every write."""
    over: dict[str, Callable[[], Any]] = {
        "ledger": lambda: RehearsedLedger(ReadOnly(of.ledger)),  # type: ignore[arg-type]
        "books": lambda: RehearsedBooks(ReadOnly(of.books)),  # type: ignore[arg-type]
        "control": lambda: RehearsedControl(ReadOnly(of.control)),  # type: ignore[arg-type]
        "reports": lambda: RehearsedReports(ReadOnly(of.reports), folder),  # type: ignore[arg-type]
        "closed": lambda: RehearsedReports(ReadOnly(of.closed), folder),  # type: ignore[arg-type]
        "settled_files": lambda: RehearsedSettledFiles(ReadOnly(of.settled_files), folder),  # type: ignore[arg-type]
    }

    def catalogues(control: Any) -> MemoryCatalogues:
        known = of.catalogues
        return MemoryCatalogues(known.catalogue, {}, known.settled_by, control, dict(known._versions))

    return published_for_real(
        ClosingProduct(
            of.catalogue, of.terms, wrap=lambda name, store: over.get(name, lambda: store)(), over=catalogues
        )
    )


async def closed(of: ClosingProduct) -> Manifest:
    return await manifest_of(await of.close("2026-03", APRIL), of.closed)


async def corrected(of: ClosingProduct) -> CorrectionResult:
    change = PeriodChange("rated anew", APRIL, "ann", "the contract says 4")
    return await correct_period("2026-03", of.closing_books, of.ledger, change)


async def test_a_rehearsed_closing_has_the_files_of_the_real_one(tmp_path: Path) -> None:
    in_memory = await march()

    rehearsed = await closed(rehearsal(in_memory, tmp_path))
    state = (await in_memory.periods.get("2026-03"))[0].state
    real = await closed(in_memory)

    assert state is PeriodState.OPEN
    assert rehearsed.totals == real.totals == {"USD": "7.500025"}
    assert [(each.path, each.sha256) for each in rehearsed.files] == [(each.path, each.sha256) for each in real.files]


async def test_a_rehearsed_correction_finds_what_the_real_one_finds(tmp_path: Path) -> None:
    in_memory = await march()
    await closed(in_memory)
    in_memory.catalogues.catalogue = priced("4")

    twice = [await corrected(rehearsal(in_memory, tmp_path)) for _ in range(2)]
    real = await corrected(in_memory)

    found = [(each.days, each.lines, each.cost, each.currency, each.rates) for each in (*twice, real)]
    # An audit posts an open day first, so only what was settled is a difference.
    assert found == [(2, 1, Decimal("1.5"), "USD", ())] * 3


async def test_books_of_a_rehearsal_have_what_is_written_over_them() -> None:
    real, other = MemoryBooks(), record(user="bob")
    kept, changed = record(user="ann"), record(user="carl")
    first = await real.write(DAY, 0, None, (None, "x"), [kept, changed])
    books = RehearsedBooks(real)

    with pytest.raises(Superseded):
        await books.write(DAY, 0, None, (None, "x"), [other])
    emptied = record(user="carl", centre="product")
    await books.write(DAY, 0, first, (None, "x"), [other, emptied])
    await books.put_summary(DAY, {"a": 1}, None)

    names = [each.record_id for each in (kept, changed, other)]
    assert [each async for page in books.records(DAY) for each in page] == [kept, emptied, other]
    assert sorted(map(id, await books.records_of(DAY, names))) == sorted(map(id, (kept, emptied, other)))
    assert (await books.count_records(DAY), await real.count_records(DAY)) == (3, 2)
    assert len(b"".join([text async for text in books.documents(DAY)]).splitlines()) == 3
    assert (await books.summary(DAY), await real.summary(DAY)) != (None, None)
    assert await real.summary(DAY) is None
    assert await real.postings(DAY) == {0: first}
    assert await books.postings_of([DAY, "2026-01-01"]) == {DAY: await books.postings(DAY)}


async def test_documents_and_marks_of_a_rehearsal_stay_there() -> None:
    real, ledger = MemoryControl(), MemoryLedger()
    token = await real.swap("period", "b", {"n": 1}, None)
    await ledger.mark(DAY)
    control, marked = RehearsedControl(real), RehearsedLedger(ledger)

    with pytest.raises(Superseded):
        await control.swap("period", "b", {"n": 2}, None)
    await control.swap("period", "b", {"n": 2}, token)
    await control.swap("period", "a", {"n": 3}, None)
    for day, mark in (await marked.marks()).items():
        await marked.unmark(day, mark)
    await marked.mark("2026-03-15")
    await marked.note("here", None)

    assert (await control.all("period"), await real.all("period")) == ([{"n": 2}, {"n": 3}], [{"n": 1}])
    assert (await control.names("period"), await real.names("period")) == (["a", "b"], ["b"])
    assert (list(await marked.marks()), list(await ledger.marks())) == (["2026-03-15"], [DAY])
    assert ((await marked.latest_note())[0], await ledger.latest_note()) == ("here", ("", None))


async def test_files_of_a_rehearsal_stay_in_its_folder(tmp_path: Path) -> None:
    real, settled = MemoryReports(), MemorySettledFiles()
    real.files |= {"a": b"one", "b": b"two"}
    reports, files = RehearsedReports(real, tmp_path), RehearsedSettledFiles(settled, tmp_path)

    async with reports.create("a", "text/plain") as file:
        await file.write(b"other")
    await reports.remove("b")
    with pytest.raises(PeriodClosed):
        async with reports.create("a", "text/plain", only_if_absent=True) as file:
            await file.write(b"third")
    (tmp_path / "new").write_bytes(b"x")
    token = await files.put("p/q", tmp_path / "new", None)

    assert await reports.paths("") == ["a"]
    assert b"".join([piece async for piece in reports.read("a")]) == b"other"
    assert await (await reports.open("a")).read(1, 3) == b"th"
    assert real.files == {"a": b"one", "b": b"two"}
    assert (await files.tokens("p"), await files.fetch("p/q", tmp_path / "copy")) == ({"p/q": token}, True)
    assert settled.files == {}


async def test_a_rehearsed_true_up_is_the_one_that_would_be_set() -> None:
    control, found = MemoryControl(), reconciled("110", "100")

    rehearsed = await set_true_up(RehearsedControl(ReadOnly(control)), found, by="ann", now=APRIL)  # type: ignore[arg-type]

    assert await TrueUps(control).get(found.period) == (None, None)
    assert rehearsed == await set_true_up(control, found, by="ann", now=APRIL)


READ = {"credential", "blobs", "cosmos", "settled_days", "cost_exports", "vault", "gateway_log", "hub_blobs"}
"""What a container of a rehearsal has as every other: connections, and stores that are only read."""


@pytest.mark.servers
async def test_every_store_that_can_be_written_is_one_of_the_rehearsal(container: Container, tmp_path: Path) -> None:
    stores = {name for name, each in vars(Stores).items() if isinstance(each, cached_property)}

    rehearsed = vars(container.rehearsal(tmp_path))

    assert stores - READ <= rehearsed.keys()
    assert all(rehearsed[name] is not getattr(container, name) for name in stores - READ if rehearsed[name])
