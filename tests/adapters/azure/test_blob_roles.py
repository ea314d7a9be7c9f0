"""The app's roles on the ledger and on closed periods are enough for its work, and for no harm."""

from collections.abc import AsyncIterator, Iterator

import pytest
from azure.core.exceptions import HttpResponseError
from azure.storage.blob.aio import BlobServiceClient

from chargeback.adapters.azure.blob import API_VERSION
from chargeback.adapters.azure.ledger import BlobLedger
from chargeback.adapters.azure.reports import BlobReports
from chargeback.bootstrap import Container
from chargeback.domain.errors import PeriodClosed, StoreUnavailable
from stack.clear import clear_blobs
from stack.stack import Stack
from tests.support.builders import DAY

pytestmark = [pytest.mark.anyio, pytest.mark.servers]


@pytest.fixture(scope="module")
def guarded(stack: Stack) -> Iterator[Stack]:
    """The door before Azurite that knows the roles of infra/; this process is the functions."""
    with Stack(services=["blobRoles"], beside=stack) as servers:
        yield servers


@pytest.fixture
async def blobs(stack: Stack, guarded: Stack, container: Container) -> AsyncIterator[BlobServiceClient]:
    """A client of the empty account, with the functions' roles and no others."""
    clear_blobs(stack.site)
    url = guarded.env["CHARGEBACK_STORAGE_ACCOUNT_URL"]
    async with BlobServiceClient(url, container.credential, api_version=API_VERSION, retry_total=0) as client:
        yield client


async def write(reports: BlobReports, path: str, content: bytes) -> None:
    async with reports.create(path, "text/csv", only_if_absent=True) as file:
        await file.write(content)


async def test_the_ledger_can_be_written_and_read_with_its_role(blobs: BlobServiceClient) -> None:
    await BlobLedger(blobs, "ledger").append(DAY, [b'{"n":1}'])
    again = BlobLedger(blobs, "ledger")  # another instance
    await again.append(DAY, [b'{"n":2}'])
    await again.append(DAY, [b'{"n":3}'])

    events = [event async for block in again.blocks(DAY) for event in block.splitlines()]

    assert sorted(events) == [b'{"n":1}', b'{"n":2}', b'{"n":3}']
    assert await again.days() == [DAY]


@pytest.mark.parametrize("harm", ["create_append_blob", "delete_blob", "set_blob_metadata", "set_http_headers"])
async def test_the_ledger_cannot_be_emptied_or_changed_with_its_role(blobs: BlobServiceClient, harm: str) -> None:
    ledger = BlobLedger(blobs, "ledger")
    await ledger.append(DAY, [b"{}"])
    events = blobs.get_container_client("ledger")
    (name,) = [name async for name in events.list_blob_names(name_starts_with=f"{DAY}/")]

    with pytest.raises(HttpResponseError, match="AuthorizationPermissionMismatch"):
        await getattr(events.get_blob_client(name), harm)()

    assert [block async for block in ledger.blocks(DAY)]


@pytest.mark.parametrize("size", [0, 1, 9_000_000], ids=["empty", "one block", "blocks"])
async def test_a_closed_period_can_be_filed_twice_and_read_with_its_role_and_policy(
    blobs: BlobServiceClient, size: int
) -> None:
    closed = BlobReports(blobs, "closed")
    await write(closed, "2026-10/a.csv", b"a" * size)
    await write(closed, "2026-10/a.csv", b"a" * size)  # the run died before it could note that it had

    assert await closed.paths("2026-10/") == ["2026-10/a.csv"]
    assert b"".join([part async for part in closed.read("2026-10/a.csv")]) == b"a" * size
    with pytest.raises(PeriodClosed):
        await write(closed, "2026-10/a.csv", b"b" * 9_000_000)


async def test_a_closed_file_cannot_be_deleted_with_its_role(blobs: BlobServiceClient) -> None:
    closed = BlobReports(blobs, "closed")
    await write(closed, "2026-10/a.csv", b"a")

    with pytest.raises(StoreUnavailable, match=r"removing 2026-10/a\.csv: This request is not authorized"):
        await closed.remove("2026-10/a.csv")

    assert await closed.paths("2026-10/") == ["2026-10/a.csv"]
