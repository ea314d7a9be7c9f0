"""What is in force comes from the applied version, else from the files; closed periods keep what they froze."""

from datetime import timedelta
from pathlib import Path

import pytest

from chargeback.adapters.config import applied as module
from chargeback.adapters.config.applied import AppliedCatalogues
from chargeback.adapters.config.catalogue import FILES, OPTIONAL_FILES, load_catalogue, to_documents
from chargeback.adapters.config.folders import path_of
from chargeback.adapters.config.terms import load_terms
from chargeback.adapters.memory.stores import MemoryControl
from chargeback.domain.errors import InvalidConfig, StoreUnavailable
from chargeback.services.configuring.apply_config import apply_config
from tests.support.builders import NOW
from tests.support.config_files import config_folder
from tests.support.control_documents import put_document

pytestmark = pytest.mark.anyio


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    config_folder(tmp_path, *FILES, *OPTIONAL_FILES)
    path_of(tmp_path, "rate-card.yaml").write_text("currency: USD\nprices: []\n")
    return tmp_path


@pytest.fixture(autouse=True)
def always_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FRESH_SECONDS", 0.0)


def change(folder: Path, name: str, old: str, new: str) -> None:
    path = path_of(folder, name)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


async def apply(control: MemoryControl, catalogues: AppliedCatalogues, folder: Path, hours: int = 0) -> str:
    """Apply the folder; the name of the version."""
    catalogue = load_catalogue(folder)
    terms, now = load_terms(folder, catalogue), NOW + timedelta(hours=hours)
    await apply_config(control, catalogues, catalogue, terms, to_documents(folder), by="ada", now=now)
    current = await control.get("catalogue", "current")
    assert current is not None
    return str(current["name"])


async def close(control: MemoryControl, period: str, version: str, state: str = "closed") -> None:
    await put_document(control, "period", period, {"period": period, "state": state, "version": version})


async def test_without_an_applied_version_the_files_are_in_force(folder: Path) -> None:
    catalogues = AppliedCatalogues(MemoryControl(), folder)

    assert (await catalogues.current()).digest == load_catalogue(folder).digest
    assert len((await catalogues.terms()).budgets) == 5
    assert (await catalogues.in_force()).closed == {}


async def test_the_files_are_stored_as_a_version_that_later_files_do_not_change(folder: Path) -> None:
    control = MemoryControl()
    version = await AppliedCatalogues(control, folder).version()
    change(folder, "cost-centres.yaml", "name: Research", "name: Science")

    later = AppliedCatalogues(control, folder)
    stored = await later.stored_version(version.name)

    assert stored.catalogue.digest == version.catalogue.digest != (await later.current()).digest
    assert stored.terms.digest == version.terms.digest
    assert await later.version() != version


async def test_files_are_read_again_only_where_they_changed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    catalogues, read = AppliedCatalogues(MemoryControl(), folder), list[Path]()

    def noted(of: Path) -> dict[str, object]:
        read.append(of)
        return to_documents(of)

    monkeypatch.setattr(module, "to_documents", noted)
    first, again = await catalogues.version(), await catalogues.version()
    change(folder, "cost-centres.yaml", "name: Research", "name: Science")
    changed = await catalogues.version()

    assert first.catalogue is again.catalogue
    assert changed.catalogue.digest == load_catalogue(folder).digest != first.catalogue.digest
    assert len(read) == 2


async def test_an_applied_version_goes_by_its_name_in_the_history(folder: Path) -> None:
    control = MemoryControl()
    catalogues = AppliedCatalogues(control, folder)
    name = await apply(control, catalogues, folder)

    version = await catalogues.version()

    assert version.name == name
    assert (await catalogues.stored_version(name)).catalogue is version.catalogue is await catalogues.current()


async def test_new_terms_are_in_force_and_leave_the_rating_digest_alone(folder: Path) -> None:
    control = MemoryControl()
    catalogues = AppliedCatalogues(control, folder)
    await apply(control, catalogues, folder)
    before, terms = await catalogues.in_force(), await catalogues.terms()

    change(folder, "books.yaml", "graceHours: 72", "graceHours: 96")
    await apply(control, catalogues, folder, hours=1)

    assert (await catalogues.in_force()).digest("2026-03-20") == before.digest("2026-03-20")
    assert (await catalogues.terms()).closing.grace == terms.closing.grace + timedelta(hours=24)


async def test_rules_of_reconciliation_alone_are_applied(folder: Path) -> None:
    control = MemoryControl()
    catalogues = AppliedCatalogues(control, folder)
    first = await apply(control, catalogues, folder)
    assert await apply(control, catalogues, folder, 1) == first, "the same files change nothing"
    books = path_of(folder, "books.yaml")
    books.write_text(books.read_text().replace('toleranceAmount: "10"', 'toleranceAmount: "25"'))

    second = await apply(control, catalogues, folder, 2)

    assert second != first
    assert (await catalogues.version()).terms.reconciliation.absolute == 25


async def test_a_closed_period_keeps_its_catalogue_and_an_open_one_does_not(folder: Path) -> None:
    control = MemoryControl()
    catalogues = AppliedCatalogues(control, folder)
    frozen = await apply(control, catalogues, folder)
    await close(control, "2026-02", frozen)
    await close(control, "2026-03", frozen, state="closing")

    change(folder, "cost-centres.yaml", "name: Research", "name: Science")
    await apply(control, catalogues, folder, hours=1)
    in_force = await catalogues.in_force()

    assert in_force.closed.keys() == {"2026-02"}
    assert in_force.closed["2026-02"].digest != in_force.current.digest


async def test_it_is_the_same_object_while_nothing_changes(folder: Path) -> None:
    control = MemoryControl()
    catalogues = AppliedCatalogues(control, folder)
    await close(control, "2026-02", await apply(control, catalogues, folder))

    first, second = await catalogues.in_force(), await catalogues.in_force()
    await close(control, "2026-03", (await catalogues.version()).name)

    assert first is second
    assert (await catalogues.in_force()).closed.keys() == {"2026-02", "2026-03"}


async def test_books_that_would_move_a_closed_period_are_not_applied(folder: Path) -> None:
    control = MemoryControl()
    catalogues = AppliedCatalogues(control, folder)
    frozen = await apply(control, catalogues, folder)
    await close(control, "2026-02", frozen)

    change(folder, "books.yaml", "timeZone: UTC", "timeZone: Europe/Berlin")

    with pytest.raises(InvalidConfig, match="would move the bounds of 2026-02, which is closed"):
        await apply(control, catalogues, folder, hours=1)
    assert (await catalogues.version()).name == frozen


async def test_a_version_that_was_applied_before_versions_had_names_still_counts(folder: Path) -> None:
    control = MemoryControl()
    documents = {name: document for name, document in to_documents(folder).items() if name in FILES}
    digest = "of an earlier release"
    await put_document(control, "catalogue", "current", {"digest": digest, "documents": documents, "appliedBy": "ada"})

    catalogues = AppliedCatalogues(control, folder)
    version = await catalogues.version()

    assert (await catalogues.terms()).budgets == version.terms.budgets == ()
    assert (await catalogues.stored_version(version.name)).catalogue.digest == (await catalogues.current()).digest


async def test_a_version_that_is_gone_is_an_error_and_no_other_price(folder: Path) -> None:
    control = MemoryControl()
    await close(control, "2026-02", "lost")

    with pytest.raises(StoreUnavailable, match="'lost' is not among the control documents"):
        await AppliedCatalogues(control, folder).in_force()
