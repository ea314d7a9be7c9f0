"""The owners of stored objects, and the days that are still to be indexed: in memory as on the real stores."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chargeback.adapters.azure.objects import CosmosObjects
from chargeback.domain.events.stored_objects import StoredObject
from chargeback.services.ports.books import StoredObjects
from chargeback.services.ports.ledger import DayMarks

pytestmark = pytest.mark.anyio

FILE = StoredObject("file-1", "subscription/search", "standard", "oai-eastus2.openai.azure.com", "")
SOON = datetime.now(UTC) + timedelta(days=32)


async def test_an_object_is_found_by_its_id_and_others_are_left_out(objects: StoredObjects) -> None:
    response = replace(FILE, id="resp_1", deployment="gpt-4o", expires=SOON)

    await objects.add([FILE, response])

    found = await objects.find(["resp_1", "file-2", "file-1"])
    assert found.keys() == {"file-1", "resp_1"}
    assert (found["file-1"], found["resp_1"].deployment) == (FILE, "gpt-4o")


async def test_the_first_owner_stays_also_within_one_write(objects: StoredObjects) -> None:
    await objects.add([FILE])
    await objects.add([replace(FILE, owner="subscription/support"), replace(FILE, id="file-2")])

    assert (await objects.find(["file-1"]))["file-1"].owner == "subscription/search"
    assert (await objects.find(["file-2"]))["file-2"].owner == "subscription/search"


async def test_many_are_added_and_found_at_once(objects: StoredObjects) -> None:
    many = [replace(FILE, id=f"file-{number}") for number in range(200)]

    await objects.add(many)

    assert len(await objects.find([each.id for each in many])) == 200


async def test_marks_are_forgotten_unless_they_were_set_again(object_marks: DayMarks) -> None:
    await object_marks.mark("2026-03-20")
    before = await object_marks.all()
    await object_marks.mark("2026-03-20")
    await object_marks.unmark("2026-03-20", before["2026-03-20"])
    again = await object_marks.all()
    await object_marks.unmark("2026-03-20", again["2026-03-20"])
    await object_marks.unmark("2026-03-21", "never")

    assert list(again) == ["2026-03-20"]
    assert await object_marks.all() == {}


class Container:
    """Cosmos DB's client, at the boundary to the vendor: what it is told to keep."""

    def __init__(self) -> None:
        self.kept: list[dict[str, Any]] = []

    async def create_item(self, document: dict[str, Any]) -> None:
        self.kept.append(document)


async def test_a_response_leaves_when_the_service_has_deleted_it_and_a_late_one_never_comes() -> None:
    container, now = Container(), datetime(2026, 3, 20, tzinfo=UTC)
    objects = CosmosObjects(container, clock=lambda: now)  # type: ignore[arg-type]

    await objects.add(
        [FILE, replace(FILE, id="a", expires=now + timedelta(days=2)), replace(FILE, id="b", expires=now)]
    )

    assert [(each["id"], each.get("ttl")) for each in container.kept] == [("file-1", None), ("a", 172_800)]
