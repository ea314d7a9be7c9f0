"""What the hooks do to stores, done to the stores of the local stack: the requests are such as real servers take."""

import asyncio
import os

from apply_config import outcome
from azure.identity import DefaultAzureCredential
from azure_rest import Azure
from smoke_test import posted_lines

from chargeback.bootstrap import open_container
from chargeback.domain.rating.usage_record import UsageRecord
from chargeback.domain.usage.lines import Line
from chargeback.domain.usage.meters import Meter
from chargeback.services.configuring.deployments import KIND, NAME
from chargeback.settings import read_settings
from stack.stack import Stack
from tests.support.control_documents import put_document

DAY = "2026-11-03"


def signed_in() -> Azure:
    credential = DefaultAzureCredential()
    return Azure(token=lambda scope: credential.get_token(scope).token)


def record(billing_code: str) -> UsageRecord:
    dimensions = {**dict.fromkeys(Line._fields, ""), "billing_code": billing_code, "state": "exact"}
    return UsageRecord(DAY, Line(**dimensions), {9: {Meter.REQUESTS: 1}}, "USD", "", "", ())


async def post(*records: UsageRecord) -> None:
    async with open_container(read_settings()) as container:
        await container.books.write(DAY, 0, None, ("epoch", "digest"), records)


def test_the_smoke_test_finds_its_line_among_others(clean_stores: Stack) -> None:
    asyncio.run(post(record("smoke-1"), record("VOICE")))

    azure, endpoint = signed_in(), os.environ["CHARGEBACK_COSMOS_ENDPOINT"]

    assert posted_lines(azure, endpoint, "chargeback", DAY, ["smoke-1", "smoke-9"]) == 1
    assert posted_lines(azure, endpoint, "chargeback", DAY, ["smoke-2"]) == 0
    assert posted_lines(azure, endpoint, "chargeback", "2026-11-04", ["smoke-1"]) == 0


def test_the_hook_reads_what_became_of_the_deployed_configuration(clean_stores: Stack) -> None:
    async def deployed() -> None:
        async with open_container(read_settings()) as container:
            record = {"digest": "d1", "state": "applied", "at": "now", "lines": ["in force: abc"], "moreLines": 0}
            await put_document(container.control, KIND, NAME, record)

    azure, endpoint = signed_in(), os.environ["CHARGEBACK_COSMOS_ENDPOINT"]
    assert outcome(azure, endpoint, "chargeback", "d1") is None
    asyncio.run(deployed())

    found = outcome(azure, endpoint, "chargeback", "d1")
    assert found is not None
    assert found["lines"] == ["in force: abc"]
    assert outcome(azure, endpoint, "chargeback", "d2") is None
