"""Stored objects over the whole path, with the openai package: two teams, lost caches, two regions, functions away."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import openai
import pytest

from chargeback.adapters.config.catalogue import load_catalogue
from chargeback.domain.usage.meters import Meter
from tests.policies.engines import Engines, Loop
from tests.policies.whole_path import WholePath

LINES = ("lines.jsonl", b'{"custom_id": "1"}\n')


@pytest.fixture
def whole_path(engines: tuple[Engines, Loop], tmp_path: Path) -> Iterator[WholePath]:
    """Both regions, four accounts, empty books, and the functions' own door."""
    whole_path = WholePath(engines[1], tmp_path)
    yield whole_path
    whole_path.close()


def refused(kind: type[openai.APIStatusError], call: Callable[[], Any]) -> str:
    with pytest.raises(kind) as refusal:
        call()
    return str(refusal.value.body["code"])  # type: ignore[index,call-overload]


def paid(whole_path: WholePath) -> dict[tuple[str, Meter], tuple[str, int, Decimal | None]]:
    """Who pays for which tokens of which operation, and how much."""
    records = whole_path.records(load_catalogue(whole_path.config))
    charges = [
        (record.line.operation, part.cost_centre, charge)
        for record in records
        for part in record.parts
        for charge in part.charges
        if charge.meter is not Meter.REQUESTS
    ]
    found = {(operation, charge.meter): (payer, charge.quantity, charge.cost) for operation, payer, charge in charges}
    assert len(found) == len(charges)
    return found


def test_a_stranger_reaches_nothing_that_a_team_made_and_the_team_everything_from_everywhere(
    whole_path: WholePath,
) -> None:
    with (
        whole_path.v1("search") as search,
        whole_path.v1("search", "eastus2") as abroad,
        whole_path.v1("support") as support,
    ):
        response = search.responses.create(model="gpt-4.1", input="hello", background=True)
        conversation = search.conversations.create()
        file = search.files.create(file=LINES, purpose="batch")
        batch = search.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h")
        strange: list[Callable[[], Any]] = [
            lambda: support.responses.retrieve(response.id),
            lambda: support.responses.cancel(response.id),
            lambda: support.responses.delete(response.id),
            lambda: support.responses.input_items.list(response.id),
            lambda: support.responses.create(model="gpt-4.1", input="x", previous_response_id=response.id),
            lambda: support.responses.create(model="gpt-4.1", input="x", conversation=conversation.id),
            lambda: support.conversations.retrieve(conversation.id),
            lambda: support.conversations.items.list(conversation.id),
            lambda: support.files.retrieve(file.id),
            lambda: support.files.content(file.id),
            lambda: support.files.delete(file.id),
            lambda: support.batches.retrieve(batch.id),
            lambda: support.batches.cancel(batch.id),
            lambda: support.batches.create(
                input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"
            ),
        ]
        with_cache = {refused(openai.NotFoundError, each) for each in strange}
        without = set()
        for each in strange:
            whole_path.forget()
            without.add(refused(openai.NotFoundError, each))
        lists = {
            refused(openai.PermissionDeniedError, each)
            for each in (support.files.list, support.batches.list, search.files.list, search.vector_stores.list)
        }

        read = []
        for client in (search, abroad, search):
            whole_path.forget()
            read.append(client.responses.retrieve(response.id).id)
            whole_path.forget()
            read.append(client.batches.retrieve(batch.id).id)
            whole_path.forget()
            read.append(client.files.retrieve(file.id).id)
            whole_path.forget()
            read.append(client.conversations.retrieve(conversation.id).id)

        def own_file() -> Any:
            return search.files.retrieve(file.id)

        whole_path.forget()
        whole_path.functions_away = True
        away = {refused(openai.InternalServerError, each) for each in (strange[0], own_file)}
        whole_path.functions_away = False
        used = [search.responses.retrieve(response.id).usage, search.batches.retrieve(batch.id).usage]
        deleted = [search.files.delete(file.id).deleted, search.conversations.delete(conversation.id).deleted]
        whole_path.forget()
        gone = {
            refused(openai.NotFoundError, each)
            for each in (own_file, lambda: search.conversations.retrieve(conversation.id))
        }

    events = [event["data"] for event in whole_path.sent()]
    made = {data["objectId"]: data["subscriptionId"] for data in events if "objectId" in data}
    assert with_cache == without == {"not_found"}
    assert lists == {"operation_not_offered"}
    assert read == [response.id, batch.id, file.id, conversation.id] * 3
    assert away == {"owner_unknown"}
    assert deleted == [True, True]
    assert gone == {"not_found"}
    assert {response.id, batch.id, file.id, conversation.id} <= made.keys()
    assert set(made.values()) == {"search"}
    assert not [data for data in events if data["subscriptionId"] == "support" and "usage" in data]
    assert whole_path.quarantined() == []
    # Who made something pays for it, whoever looked at it since: 2.20 and 8.80 a million in the EU's data zone.
    # Nobody deployed anything for batches here, so that this one has no price; it is not free.
    response_used, batch_used = used
    assert response_used
    assert batch_used
    assert paid(whole_path) == {
        ("responses", Meter.INPUT): ("product/search", response_used.input_tokens, Decimal("0.0000044")),
        ("responses", Meter.OUTPUT): ("product/search", response_used.output_tokens, Decimal("0.0002816")),
        ("batches", Meter.INPUT): ("product/search", batch_used.input_tokens, None),
        ("batches", Meter.OUTPUT): ("product/search", batch_used.output_tokens, None),
    }


def test_the_file_that_a_batch_left_is_read_by_its_team_alone_with_the_cache_lost(whole_path: WholePath) -> None:
    with whole_path.v1("search") as search, whole_path.v1("support") as support:
        file = search.files.create(file=LINES, purpose="batch")
        batch = search.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h")
        looks = [search.batches.retrieve(batch.id) for _ in range(3)]
        output = looks[-1].output_file_id
        assert output
        whole_path.forget()
        stranger = refused(openai.NotFoundError, lambda: support.files.content(output))
        whole_path.forget()
        content = search.files.content(output).content

    assert stranger == "not_found"
    assert content


def test_a_team_goes_on_from_a_streamed_response_and_nobody_goes_on_from_a_named_one(whole_path: WholePath) -> None:
    with whole_path.v1("search") as search, whole_path.v1("support") as support:
        events = list(search.responses.create(model="gpt-4.1", input="hello", stream=True))
        streamed = events[-1].response.id  # type: ignore[union-attr]
        whole_path.ahead = 10
        whole_path.forget()
        followed = search.responses.create(model="gpt-4.1", input="and?", previous_response_id=streamed)
        whole_path.forget()
        stranger = refused(
            openai.NotFoundError,
            lambda: support.responses.create(model="gpt-4.1", input="and?", previous_response_id=followed.id),
        )

    assert followed.previous_response_id == streamed
    assert stranger == "not_found"
