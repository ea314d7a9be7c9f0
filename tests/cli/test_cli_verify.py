"""A month that was downloaded is verified on the command line, without any setting of the product."""

import asyncio
from pathlib import Path

import pytest

from chargeback.adapters.memory.reports import MemoryReports
from tests.support.command_line import chargeback
from tests.support.evidenced_months import APRIL_5, MARCH, evidenced, ready_march


def written(reports: MemoryReports, folder: Path) -> Path:
    for path, content in reports.files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return folder


async def closed_march(folder: Path) -> MemoryReports:
    in_memory = await ready_march(evidenced(folder))
    await in_memory.closer.close_due(APRIL_5)
    return in_memory.closed


def test_a_downloaded_month_verifies_and_a_changed_one_says_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = written(asyncio.run(closed_march(tmp_path / "product")), tmp_path / "closed")
    for name in ("STORAGE_ACCOUNT_URL", "COSMOS_ENDPOINT", "REDIS_URL"):
        monkeypatch.delenv(name, raising=False)

    whole = verified(folder)
    evidence_alone = verified(folder / MARCH / "evidence")
    csv = folder / MARCH / f"chargeback-{MARCH}.csv"
    csv.write_bytes(csv.read_bytes().replace(b"product/search", b"product/xearch", 1))
    changed = verified(folder / MARCH)

    assert whole[0] == evidence_alone[0] == 0
    assert "rows and sums computed again are the bytes that were closed; 0 findings" in whole[1]
    assert "approved by Kim Ito" in whole[1]
    assert "product/search: " in evidence_alone[1]
    assert changed[0] == 3
    assert f"{csv.name}: line 2 is 2026-03,2026-03-10,product/xearch" in changed[1]


def verified(folder: Path) -> tuple[int, str]:
    code, out, errors = chargeback("periods", "verify", MARCH, "--from", str(folder))
    assert "Traceback" not in errors, errors
    return code, out
