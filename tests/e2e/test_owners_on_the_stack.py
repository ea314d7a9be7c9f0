"""Owners over every real server: gateways of two regions, Event Grid, the Functions host, the index in Cosmos DB."""

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import openai
import pytest
from openai import OpenAI

from chargeback.bootstrap import open_container
from chargeback.settings import read_settings
from scripts.local.clear import clear_cosmos, clear_stores
from scripts.local.stack import Stack

pytestmark = pytest.mark.servers


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
