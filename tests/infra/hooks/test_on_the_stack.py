"""What the hooks do to stores, done to the stores of the local stack: the requests are such as real servers take."""

import asyncio
import os
from pathlib import Path

from azure.identity import DefaultAzureCredential
from azure.storage.blob import BlobServiceClient
from azure_rest import Azure
from post_provision import upload_configuration
from smoke_test import posted_lines

from chargeback.bootstrap import open_container
from chargeback.domain.lines import Line
from chargeback.domain.meters import Meter
from chargeback.domain.records import UsageRecord
from chargeback.settings import read_settings
from scripts.local.stack import Stack

DAY = "2026-11-03"


def signed_in() -> Azure:
    credential = DefaultAzureCredential()
    return Azure(token=lambda scope: credential.get_token(scope).token)


def record(billing_code: str) -> UsageRecord:
    dimensions = {**dict.fromkeys(Line._fields, ""), "billing_code": billing_code}
    return UsageRecord(DAY, Line(**dimensions), {9: {Meter.REQUESTS: 1}}, "USD", "", "", ())


async def post(*records: UsageRecord) -> None:
    async with open_container(read_settings()) as container:
        await container.books.write(DAY, 0, None, ("epoch", "digest"), records)


def test_the_smoke_test_finds_its_line_among_others(clean_stores: Stack) -> None:
    asyncio.run(post(record("smoke-1"), record("VOICE")))

    azure, endpoint = signed_in(), os.environ["COSMOS_ENDPOINT"]

    assert posted_lines(azure, endpoint, "chargeback", DAY, ["smoke-1", "smoke-9"]) == 1
    assert posted_lines(azure, endpoint, "chargeback", DAY, ["smoke-2"]) == 0
    assert posted_lines(azure, endpoint, "chargeback", "2026-11-04", ["smoke-1"]) == 0


def test_the_configuration_arrives_in_blob_storage_and_may_be_sent_again(clean_stores: Stack, tmp_path: Path) -> None:
    (tmp_path / "gateway.yaml").write_text("geographies: []\n")
    url = os.environ["STORAGE_ACCOUNT_URL"]

    for _ in range(2):
        upload_configuration(signed_in(), url, tmp_path, seconds=1)

    with BlobServiceClient(url, DefaultAzureCredential()) as blobs:
        stored = blobs.get_blob_client("config", "gateway.yaml").download_blob().readall()
    assert stored == b"geographies: []\n"
