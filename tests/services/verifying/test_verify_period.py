"""A closed month is computed again from its evidence alone, and whatever was changed in it is found."""

from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path

import duckdb
import msgspec
import pytest

from chargeback import __version__
from chargeback.adapters.folder_reports import FolderReports
from chargeback.adapters.memory.reports import MemoryReports
from chargeback.domain.reports.evidence import BLOCK_BYTES, Blocks, EvidenceFile, EvidenceIndex, EvidenceRecord
from chargeback.domain.reports.manifest import Manifest, PublishedFile
from chargeback.services.verifying.compare_files import differing_files, differing_rows
from tests.services.closing.test_killed_closing import Fuse, fused
from tests.support.closing_product import ClosingProduct, Killed
from tests.support.evidenced_months import (
    APRIL,
    APRIL_5,
    EXPORT,
    LATE_EXPORT,
    MARCH,
    both_months,
    evidenced,
    manifest_of,
    ready_march,
    tampered,
    verify,
)

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def closed(tmp_path_factory: pytest.TempPathFactory) -> ClosingProduct:
    return await both_months(tmp_path_factory.mktemp("months"))


async def test_a_month_is_the_same_bytes_when_it_is_computed_from_its_folder_alone(closed: ClosingProduct) -> None:
    for month in (MARCH, APRIL):
        alone = MemoryReports()
        alone.files = {path: content for path, content in closed.closed.files.items() if path.startswith(month)}
        known, _ = await closed.periods.get(month)

        found = await verify(alone, month, known.manifest)

        assert found.findings == []
        assert found.is_recomputed
        assert {each.cost_centre for each in found.sums} == {"product", "product/search", "research", "unallocated"}
        assert found.files == len(alone.files)
    kinds = {row.what for row in manifest_of(closed, APRIL).deeds}
    assert manifest_of(closed, APRIL).corrections
    assert kinds == {"approved", "changed the configuration", "closed", "corrected", "overrode", "trued up"}


async def test_every_changed_removed_or_inserted_byte_is_found_in_its_file(closed: ClosingProduct) -> None:
    index = msgspec.json.decode(closed.closed.files[f"{APRIL}/evidence/index.json"], type=EvidenceIndex)
    kinds = {file.path.split("/")[2].partition(".")[0] for file in index.files}

    assert kinds == {"usage", "configuration", "billed", "invoice", "prices", "exchange-rates", "record"}
    for file in index.files:
        content = closed.closed.files[file.path]
        place = len(content) * 2 // 3
        block = place // BLOCK_BYTES * BLOCK_BYTES
        for change, said in (
            (content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :], "the first change"),
            (content[:place] + content[place + 1 :], "1 bytes fewer than it had; the first change"),
            (content[:place] + b"\xff" + content[place:], "1 bytes more than it had; the first change"),
        ):
            reports = tampered(closed, file.path, lambda _, change=change: change)
            ((path, what),) = [each async for each in differing_files(reports, reports.files, index.files)]
            assert path == file.path
            assert what.startswith(f"{said} lies within bytes {block} to ")


async def test_what_is_missing_inserted_or_changed_in_the_lists_themselves_is_named(closed: ClosingProduct) -> None:
    known, _ = await closed.periods.get(MARCH)
    gone = f"{MARCH}/evidence/usage/utc_day=2026-03-10/records.parquet"
    copy = tampered(
        closed, f"{MARCH}/evidence/index.json", lambda content: content.replace(b'"version": 1', b'"version":  1')
    )
    copy.files[f"{MARCH}/manifest.json"] = copy.files[f"{MARCH}/manifest.json"].replace(b"Kim Ito", b"Ann Lee")
    copy.files[f"{MARCH}/evidence/usage/utc_day=2026-03-09/records.parquet"] = b"planted"
    del copy.files[gone]

    found = {finding.path: finding.what for finding in (await verify(copy, MARCH, known.manifest)).findings}

    assert found[f"{MARCH}/manifest.json"].endswith(f"the period was closed with {known.manifest}")
    assert "it was closed with" in found[f"{MARCH}/evidence/index.json"]
    assert found[gone] == "is missing"
    planted = f"{MARCH}/evidence/usage/utc_day=2026-03-09/records.parquet"
    assert found[planted] == "was inserted: neither the manifest nor the index names it"


async def test_a_month_that_differs_says_which_version_closed_it_unless_it_is_this_one(
    closed: ClosingProduct, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = msgspec.json.decode(closed.closed.files[f"{MARCH}/evidence/index.json"], type=EvidenceIndex)
    (csv,) = [each for each in index.results if each.path.endswith(f"chargeback-{MARCH}.csv")]
    copy = tampered(
        closed,
        f"{MARCH}/evidence/index.json",
        lambda content: content.replace(csv.sha256.encode(), sha256(b"as it was then").hexdigest().encode()),
    )
    said = f"it was closed by version {__version__} of this product, and 9.9.9 may write further columns"

    same = await verify(copy, MARCH, "")
    monkeypatch.setattr("chargeback.services.verifying.verify_period.__version__", "9.9.9")
    later = await verify(copy, MARCH, "")

    assert not same.is_recomputed
    assert said not in {finding.what for finding in same.findings}
    assert said in {finding.what for finding in later.findings}


async def test_a_journal_is_compared_with_its_record(closed: ClosingProduct) -> None:
    path = f"{MARCH}/postings-{MARCH}.csv"
    of_record = sha256(b"written").hexdigest()
    copy = MemoryReports()
    copy.files = {f"{MARCH}/manifest.json": manifest_of(closed, MARCH).to_json()}

    async def named(content: bytes | None, journal: str | None) -> list[str]:
        copy.files = {name: held for name, held in copy.files.items() if name != path}
        if content is not None:
            copy.files[path] = content
        return [one.what for one in (await verify(copy, MARCH, "", journal)).findings if one.path == path]

    assert await named(b"written", of_record) == await named(b"written", None) == await named(None, "") == []
    assert (await named(b"changed", of_record))[0].endswith(f"it was written with {of_record}")
    assert await named(None, of_record) == ["is missing; `chargeback postings make` writes the same one again"]
    assert await named(b"planted", "") == ["was inserted: no journal of the period is on record"]


async def test_a_row_of_the_csv_that_was_changed_removed_or_inserted_is_named(closed: ClosingProduct) -> None:
    path = f"{MARCH}/chargeback-{MARCH}.csv"
    lines = closed.closed.files[path].split(b"\r\n")
    found, due = [*lines[:1], *lines[2:4], lines[4].replace(b"product", b"produkt"), b"planted", *lines[5:]], lines

    rows = await differing_rows(pieces(found), pieces(due))

    assert rows[0].startswith("before line 2 a row was removed: 2026-03,2026-03-10")
    assert rows[1].startswith("line 4 is ")
    assert "and has to be 2026-03" in rows[1]
    assert rows[2] == "line 5 was inserted: planted"
    assert len(rows) == 3


async def pieces(lines: list[bytes]) -> AsyncIterator[bytes]:
    yield b"\r\n".join(lines)


async def test_an_amount_that_is_changed_with_every_digest_is_found_by_rating_again(
    closed: ClosingProduct, tmp_path: Path
) -> None:
    usage = f"{MARCH}/evidence/usage/utc_day=2026-03-10/records.parquet"
    before, after = tmp_path / "before.parquet", tmp_path / "after.parquet"
    before.write_bytes(closed.closed.files[usage])
    duckdb.sql(
        f"COPY (SELECT * REPLACE (CASE WHEN meter = 'input_tokens' THEN cost + 1 ELSE cost END AS cost)"
        f" FROM '{before}') TO '{after}'"
    )
    forged = forge(closed, usage, after.read_bytes())

    found = await verify(forged, MARCH)

    assert not found.is_recomputed
    said = [f"{finding.path}: {finding.what}" for finding in found.findings]
    (line,) = [each for each in said if "2026-03-10, line " in each]
    assert "product/search search: " in line
    assert "3.80" in line, line
    assert any("product/search: " in each and "is due" in each for each in said)
    assert all("SHA-256" not in finding.what or finding.path.endswith(".csv") for finding in found.findings)


def forge(closed: ClosingProduct, path: str, content: bytes) -> MemoryReports:
    """The file in place of the closed one, with index and manifest made to fit."""
    copy = tampered(closed, path, lambda _: content)
    index = msgspec.json.decode(copy.files[f"{MARCH}/evidence/index.json"], type=EvidenceIndex)
    blocks = Blocks()
    blocks.add(content)
    fitting = EvidenceFile(path, len(content), sha256(content).hexdigest(), blocks.digits())
    index.files[:] = [fitting if file.path == path else file for file in index.files]
    manifest = msgspec.json.decode(copy.files[f"{MARCH}/manifest.json"], type=Manifest)
    copy.files[f"{MARCH}/evidence/index.json"] = msgspec.json.encode(index)
    for changed in (path, f"{MARCH}/evidence/index.json"):
        made = copy.files[changed]
        fit = PublishedFile(changed, 1, len(made), sha256(made).hexdigest())
        manifest.files[:] = [fit if file.path == changed else file for file in manifest.files]
    copy.files[f"{MARCH}/manifest.json"] = manifest.to_json()
    return copy


async def test_a_month_that_was_closed_before_evidence_was_kept_says_so(closed: ClosingProduct) -> None:
    copy = MemoryReports()
    manifest = manifest_of(closed, MARCH)
    manifest.files[:] = [file for file in manifest.files if "/evidence/" not in file.path]
    copy.files = {file.path: closed.closed.files[file.path] for file in manifest.files}
    copy.files[f"{MARCH}/manifest.json"] = manifest.to_json()

    found = await verify(copy, MARCH)

    assert not found.has_evidence
    assert [finding.what for finding in found.findings] == [
        "was closed before evidence was kept, so nobody can recompute it"
    ]


async def test_the_record_has_the_export_that_was_used_the_approval_and_every_deed(closed: ClosingProduct) -> None:
    record = msgspec.json.decode(closed.closed.files[f"{APRIL}/evidence/record.json"], type=EvidenceRecord)

    used, of_march = record.invoices
    assert (of_march.run, of_march.sha256) == ("run-0", LATE_EXPORT)
    assert closed.closed.files[of_march.path] == b"the rows of March"
    assert (used.run, used.sha256, used.invoice_ids) == ("run-1", EXPORT, ["E0700ABC"])
    assert closed.closed.files[used.path] == f"reconciliation/export-{EXPORT}-{APRIL}.parquet".encode()
    assert record.approval is not None
    assert record.approval["by"] == "Kim Ito"
    (overrode,) = [deed for deed in record.deeds if deed.what == "overrode"]
    assert (overrode.by, overrode.reason) == ("ann", "agreed with finance")
    assert "unpriced" in overrode.about[0]
    (configured,) = [deed for deed in record.deeds if deed.what == "changed the configuration"]
    assert configured.by == "Pia Roe"
    prices = closed.closed.files[f"{MARCH}/evidence/prices.csv"].decode()
    assert "the page, of 2" in prices
    rates = closed.closed.files[f"{APRIL}/evidence/exchange-rates.csv"].decode().splitlines()
    assert rates[1:] == ["USD,EUR,0.8,2026-04-30,the bank in April"]


async def test_only_the_evidence_is_enough(closed: ClosingProduct, tmp_path: Path) -> None:
    for path, content in closed.closed.files.items():
        if path.startswith(f"{MARCH}/evidence/"):
            (tmp_path / path.removeprefix(f"{MARCH}/evidence/")).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path.removeprefix(f"{MARCH}/evidence/")).write_bytes(content)

    found = await verify(FolderReports(tmp_path, f"{MARCH}/evidence/"), MARCH)

    assert found.findings == []
    assert found.is_recomputed


async def test_a_closing_with_evidence_that_is_killed_again_and_again_ends_with_the_same_bytes(tmp_path: Path) -> None:
    fuse = Fuse()
    right = await ready_march(evidenced(tmp_path / "right", wrap=fused(fuse)))
    fuse.steps = 0
    await right.closer.close_due(APRIL_5)
    steps = fuse.steps

    fuse = Fuse()
    in_memory = await ready_march(evidenced(tmp_path / "killed", wrap=fused(fuse)))
    for at in (steps // 4, steps // 2, 3):  # the last one while it is filed
        fuse.steps, fuse.at = 0, at
        with pytest.raises(Killed):
            await in_memory.closer.close_due(APRIL_5)
        assert f"{MARCH}/manifest.json" not in in_memory.closed.files
    fuse.at = None

    await in_memory.closer.close_due(APRIL_5)

    assert in_memory.closed.files == right.closed.files
    assert [path for path in in_memory.reports.files if path.startswith(MARCH)] == []
