"""The app's roles on the ledger and on closed periods are enough for its work, and for no harm."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from azure.core.exceptions import HttpResponseError
from azure.storage.blob.aio import BlobServiceClient

from chargeback.adapters.blob import API_VERSION
from chargeback.adapters.blob_ledger import BlobLedger
from chargeback.adapters.blob_reports import BlobReports
from chargeback.bootstrap import Container
from chargeback.domain.errors import PeriodClosed, StoreUnavailable
from scripts.local.clear import clear_blobs
from scripts.local.stack import Stack
from tests.adapters.blob_permissions import As
from tests.builders import DAY

pytestmark = [pytest.mark.anyio, pytest.mark.servers]
LEDGER, CLOSED = "Chargeback Ledger Writer", "Chargeback Closed Period Writer"


@asynccontextmanager
async def service(container: Container, role: str) -> AsyncIterator[BlobServiceClient]:
    client = BlobServiceClient(
        container.settings.storage_account_url,
        container.credential,
        api_version=API_VERSION,
        retry_total=0,
        _additional_pipeline_policies=[As(role)],
    )
    async with client:
        yield client


@pytest.fixture
def empty(stack: Stack, container: Container) -> Container:
    clear_blobs(stack.site)
    return container


async def write(reports: BlobReports, path: str, content: bytes) -> None:
    async with reports.create(path, "text/csv", only_if_absent=True) as file:
        await file.write(content)


async def test_the_ledger_can_be_written_and_read_with_its_role(empty: Container) -> None:
    async with service(empty, LEDGER) as blobs:
        await BlobLedger(blobs, "ledger").append(DAY, [b'{"n":1}'])
        again = BlobLedger(blobs, "ledger")  # another instance
        await again.append(DAY, [b'{"n":2}'])
        await again.append(DAY, [b'{"n":3}'])

        events = [event async for block in again.blocks(DAY) for event in block.splitlines()]

        assert sorted(events) == [b'{"n":1}', b'{"n":2}', b'{"n":3}']
        assert await again.days() == [DAY]


@pytest.mark.parametrize("harm", ["create_append_blob", "delete_blob", "set_blob_metadata", "set_http_headers"])
async def test_the_ledger_cannot_be_emptied_or_changed_with_its_role(empty: Container, harm: str) -> None:
    async with service(empty, LEDGER) as blobs:
        ledger = BlobLedger(blobs, "ledger")
        await ledger.append(DAY, [b"{}"])
        events = blobs.get_container_client("ledger")
        (name,) = [name async for name in events.list_blob_names(name_starts_with=f"{DAY}/")]

        with pytest.raises(HttpResponseError, match="AuthorizationPermissionMismatch"):
            await getattr(events.get_blob_client(name), harm)()

        assert [block async for block in ledger.blocks(DAY)]


async def test_a_closed_period_can_be_filed_and_read_with_its_role(empty: Container) -> None:
    async with service(empty, CLOSED) as blobs:
        closed = BlobReports(blobs, "closed")
        await write(closed, "2026-10/a.csv", b"a" * 5_000_000)
        await write(closed, "2026-10/a.csv", b"a" * 5_000_000)

        assert await closed.paths("2026-10/") == ["2026-10/a.csv"]
        assert b"".join([part async for part in closed.read("2026-10/a.csv")]) == b"a" * 5_000_000
        with pytest.raises(PeriodClosed):
            await write(closed, "2026-10/a.csv", b"b")


async def test_a_closed_file_cannot_be_deleted_with_its_role(empty: Container) -> None:
    async with service(empty, CLOSED) as blobs:
        closed = BlobReports(blobs, "closed")
        await write(closed, "2026-10/a.csv", b"a")

        with pytest.raises((HttpResponseError, StoreUnavailable), match="AuthorizationPermissionMismatch"):
            await closed.remove("2026-10/a.csv")

        assert await closed.paths("2026-10/") == ["2026-10/a.csv"]
