"""Owners over every real server: gateways of two regions, Event Grid, the Functions host, the index in Cosmos DB."""

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import openai
import pytest
from openai import OpenAI

from chargeback.bootstrap import open_container
from chargeback.domain.usage.meters import UNITS
from chargeback.settings import read_settings
from stack.clear import clear_cosmos, clear_stores
from stack.stack import Stack

pytestmark = pytest.mark.servers
MODEL = "gpt-5.4"


@pytest.fixture(scope="module")
def whole(stack: Stack) -> Iterator[Stack]:
    """Everything between an application and the books."""
    clear_stores(stack)
    with Stack(services=["functions", "eventGrid", "accounts", "gateway"], beside=stack) as servers:
        yield servers


def client(servers: Stack, team: str, region: str, *, retries: int = 0) -> OpenAI:
    key = json.loads((servers.site.state / "gateway-keys.json").read_text())[team]
    url = json.loads((servers.site.state / "gateway.json").read_text())["regions"][region]
    return OpenAI(
        base_url=f"{url}/openai/v1",
        api_key="unused",
        default_headers={"api-key": key},
        max_retries=retries,
        http_client=openai.DefaultHttpxClient(trust_env=False),
    )


def refused(kind: type[openai.APIStatusError], call: Callable[[], Any]) -> str:
    with pytest.raises(kind) as refusal:
        call()
    return str(refusal.value.body["code"])  # type: ignore[index,call-overload]


async def rebuild() -> None:
    async with open_container(read_settings()) as container:
        for day in await container.ledger.days():
            await container.object_index.rebuild(day)


def test_an_object_belongs_to_its_team_in_every_region_and_after_its_index_was_lost(whole: Stack, stack: Stack) -> None:
    with (
        client(whole, "search", "swedencentral") as search,
        client(whole, "search", "eastus2", retries=8) as abroad,
        client(whole, "support", "eastus2") as support,
    ):
        first, second = search.conversations.create().id, search.conversations.create().id

        # The other region's cache knows nothing; its client waits for the event as the 409 tells it.
        read = [abroad.conversations.retrieve(name).id for name in (first, second)]
        stranger = refused(openai.NotFoundError, lambda: support.conversations.retrieve(first))
        third = search.conversations.create().id
        time.sleep(1)
        whole.kill("functions")
        away = refused(openai.InternalServerError, lambda: support.conversations.retrieve(third))
        clear_cosmos(stack.site)
        whole.start("functions")
        lost = refused(openai.ConflictError, lambda: support.conversations.retrieve(third))
        asyncio.run(rebuild())
        again = abroad.conversations.retrieve(third).id

    assert read == [first, second]
    assert again == third
    assert (stranger, away, lost) == ("not_found", "owner_unknown", "not_known_yet")


async def known(ids: set[str]) -> None:
    """Wait until the index knows the objects.

    A response without a known owner may have been streamed: whoever has its id reaches it in an open product.
    """
    async with open_container(read_settings()) as container:
        for _ in range(120):
            if set(await container.object_index.find(ids)) == ids:
                return
            await asyncio.sleep(0.5)
    pytest.fail("the index does not know the objects after a minute")


LINES = ("lines.jsonl", b'{"custom_id": "1"}\n')


async def paid() -> dict[tuple[str, str], int]:
    """(subscription, operation) → tokens in the books, after a posting of what has arrived."""
    sums: dict[tuple[str, str], int] = {}
    async with open_container(read_settings()) as container:
        for posted in await container.poster.post(datetime.now(UTC)):
            async for page in container.books.records(posted.day):
                for record in page:
                    key = record.line.subscription, record.line.operation
                    tokens = sum(charge.quantity for charge in record.charges if UNITS[charge.meter] == "tokens")
                    sums[key] = sums.get(key, 0) + tokens
    return {key: tokens for key, tokens in sums.items() if tokens}


def test_a_team_pays_for_what_it_made_however_often_another_asks_for_it(whole: Stack) -> None:
    with (
        client(whole, "search", "swedencentral", retries=8) as search,
        client(whole, "search", "eastus2", retries=8) as abroad,
        client(whole, "support", "eastus2") as support,
    ):
        response = search.responses.create(model=MODEL, input="hello", background=True)
        file = search.files.create(file=LINES, purpose="batch")
        batch = search.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h")
        asyncio.run(known({response.id, file.id, batch.id}))
        strange: list[Callable[[], Any]] = [
            lambda: support.responses.retrieve(response.id),
            lambda: support.responses.delete(response.id),
            lambda: support.files.content(file.id),
            lambda: support.batches.retrieve(batch.id),
        ]
        codes = {refused(openai.NotFoundError, each) for each in strange}
        lists = refused(openai.PermissionDeniedError, support.files.list)
        looks = [abroad.responses.retrieve(response.id) for _ in range(4)]
        jobs = [abroad.batches.retrieve(batch.id) for _ in range(4)]
        content = abroad.files.content(file.id).content

    used = (looks[-1].usage, jobs[-1].usage)
    expected = {
        ("search", "responses"): used[0] and used[0].total_tokens,
        ("search", "batches"): used[1] and used[1].total_tokens,
    }
    books: dict[tuple[str, str], int] = {}
    for _ in range(30):
        books = asyncio.run(paid())
        if books == expected:
            break
        time.sleep(0.5)
    assert (codes, lists, content) == ({"not_found"}, "operation_not_offered", LINES[1])
    assert books == expected
