"""Files of settled days are replaced as a whole, and only by whoever saw the latest."""

import asyncio
from pathlib import Path

import pytest

from chargeback.domain.errors import Superseded
from chargeback.services.ports.settled import SettledFiles

pytestmark = pytest.mark.anyio

PATH = "records/v1/month=2026-03/utc_day=2026-03-20/records.parquet"


def local(folder: Path, content: bytes) -> Path:
    file = folder / "local"
    file.write_bytes(content)
    return file


async def content_of(files: SettledFiles, folder: Path, path: str = PATH) -> bytes | None:
    to = folder / "fetched"
    return to.read_bytes() if await files.fetch(path, to) else None


async def test_there_is_nothing_before_something_is_put(settled_files: SettledFiles, tmp_path: Path) -> None:
    assert await settled_files.token(PATH) is None
    assert await content_of(settled_files, tmp_path) is None
    assert await settled_files.tokens("records/") == {}


async def test_a_file_is_put_and_replaced(settled_files: SettledFiles, tmp_path: Path) -> None:
    first = await settled_files.put(PATH, local(tmp_path, b"first"), None)
    assert await content_of(settled_files, tmp_path) == b"first"

    second = await settled_files.put(PATH, local(tmp_path, b"second"), first)

    assert await content_of(settled_files, tmp_path) == b"second"
    assert second != first
    assert await settled_files.token(PATH) == second
    assert await settled_files.tokens("records/v1/") == {PATH: second}
    assert await settled_files.tokens("totals/") == {}


async def test_a_large_file_arrives_whole(settled_files: SettledFiles, tmp_path: Path) -> None:
    content = bytes(range(256)) * 20_000

    await settled_files.put(PATH, local(tmp_path, content), None)

    assert await content_of(settled_files, tmp_path) == content


async def test_whoever_saw_an_older_file_replaces_nothing(settled_files: SettledFiles, tmp_path: Path) -> None:
    first = await settled_files.put(PATH, local(tmp_path, b"first"), None)
    second = await settled_files.put(PATH, local(tmp_path, b"second"), first)

    for stale in (first, None):
        with pytest.raises(Superseded):
            await settled_files.put(PATH, local(tmp_path, b"third"), stale)

    assert await content_of(settled_files, tmp_path) == b"second"
    assert await settled_files.token(PATH) == second


async def test_a_file_that_is_gone_is_superseded_too(settled_files: SettledFiles, tmp_path: Path) -> None:
    with pytest.raises(Superseded):
        await settled_files.put(PATH, local(tmp_path, b"first"), "0x8DB0000000000000")

    assert await content_of(settled_files, tmp_path) is None


async def test_putting_the_same_again_after_a_lost_answer_succeeds(settled_files: SettledFiles, tmp_path: Path) -> None:
    first = await settled_files.put(PATH, local(tmp_path, b"first"), None)

    assert await settled_files.put(PATH, local(tmp_path, b"first"), None) == first


async def test_of_two_writers_at_once_one_is_superseded(settled_files: SettledFiles, tmp_path: Path) -> None:
    first = await settled_files.put(PATH, local(tmp_path, b"first"), None)
    contents = [tmp_path / str(number) for number in range(3)]
    for each in contents:
        each.write_text(each.name)

    outcomes = await asyncio.gather(
        *(settled_files.put(PATH, each, first) for each in contents), return_exceptions=True
    )

    assert sum(isinstance(each, Superseded) for each in outcomes) == 2
