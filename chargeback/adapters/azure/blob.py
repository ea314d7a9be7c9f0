"""Connects to Blob storage within time limits, and turns Azure's errors into ours."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import AzureError
from azure.storage.blob.aio import BlobServiceClient

from chargeback.adapters.azure.transport import ClosingTransport
from chargeback.adapters.failures import first_line
from chargeback.domain.errors import StoreUnavailable

API_VERSION = "2025-11-05"
"""The newest service version that Azurite 3.35 knows; Azure keeps serving it."""


def connect(account_url: str, credential: AsyncTokenCredential) -> BlobServiceClient:
    """A client that gives up well within Event Grid's 30 s, so that the event is delivered again: after 17 s."""
    return BlobServiceClient(
        account_url,
        credential=credential,
        api_version=API_VERSION,
        retry_total=2,
        initial_backoff=0.5,
        increment_base=1,
        random_jitter_range=0.5,
        transport=ClosingTransport(connection_timeout=3, read_timeout=5),
    )


@asynccontextmanager
async def translated_blob_errors(what: str) -> AsyncIterator[None]:
    """Raise `StoreUnavailable` for whatever Azure raises, naming what was being done."""
    try:
        yield
    except AzureError as error:
        raise StoreUnavailable(f"Blob storage, {what}: {first_line(error)}") from error
