"""A request that is sent again is answered again, and carried out once."""

from datetime import UTC, datetime, timedelta

import pytest

from chargeback.adapters.memory.stores import MemoryControl
from chargeback.domain.errors import Conflict
from chargeback.services.requests.repeatable import (
    REQUEST_LEASE,
    KeptAnswer,
    RepeatableRequests,
    UnderWay,
    request_name,
)

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 10, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
DONE = KeptAnswer(201, {"ETag": '"1"'}, '{"id":"made"}')


async def test_the_first_answer_is_given_again() -> None:
    requests = RepeatableRequests(MemoryControl())

    first = await requests.begin("one", "make it", NOW)
    await requests.end("one", DONE)
    await requests.end("one", KeptAnswer(500, {}, ""))
    again = await requests.begin("one", "make it", NOW + 9 * SECOND)

    assert (first.at, first.answer) == (NOW, None)
    assert (again.at, again.answer) == (NOW, DONE)


async def test_a_key_is_for_one_request() -> None:
    requests = RepeatableRequests(MemoryControl())
    await requests.begin("one", "make it", NOW)

    with pytest.raises(Conflict, match="another request"):
        await requests.begin("one", "make two", NOW)
    await requests.end("one", DONE)
    with pytest.raises(Conflict, match="another request"):
        await requests.begin("one", "make two", NOW)


async def test_two_instances_do_not_do_it_at_once() -> None:
    control = MemoryControl()
    await RepeatableRequests(control).begin("one", "make it", NOW)

    with pytest.raises(UnderWay):
        await RepeatableRequests(control).begin("one", "make it", NOW + SECOND)


async def test_after_a_kill_it_is_done_at_the_time_of_the_first_try() -> None:
    control = MemoryControl()
    await RepeatableRequests(control).begin("one", "make it", NOW)

    again = await RepeatableRequests(control).begin("one", "make it", NOW + REQUEST_LEASE)

    assert (again.at, again.answer) == (NOW, None)


async def test_what_was_refused_is_tried_again_at_once() -> None:
    requests = RepeatableRequests(MemoryControl())
    await requests.begin("one", "make it", NOW)
    await requests.end("one", None)

    assert (await requests.begin("one", "make it", NOW + SECOND)).answer is None


def test_callers_share_no_key() -> None:
    names = {request_name("ann", "1"), request_name("bob", "1"), request_name("ann", "2"), request_name("ann1", "")}

    assert len(names) == 4
