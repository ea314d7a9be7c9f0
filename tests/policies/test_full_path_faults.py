"""The full path with the real openai package where accounts fail, hang or are busy, and where events are lost."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from stack.gateway.readings import Readings
from tests.policies.engines import Engines, Loop
from tests.policies.one_region import EU, US
from tests.policies.whole_path import WholePath
from tests.support.conditions import wait_for

ASK: list[Any] = [{"role": "user", "content": "What is the capital of France, and why do you think so?"}]


@pytest.fixture
def whole_path(engines: tuple[Engines, Loop], tmp_path: Path) -> Iterator[WholePath]:
    """Both regions, four accounts, empty books."""
    whole_path = WholePath(engines[1], tmp_path)
    yield whole_path
    whole_path.close()


@pytest.mark.parametrize(
    ("mode", "more", "later"), [("429", {"retryAfterMs": 30_000}, 1), ("500", {}, 2), ("refuse", {}, 1)]
)
def test_a_region_that_fails_is_not_the_applications_to_handle(
    whole_path: WholePath, mode: str, more: dict[str, Any], later: int
) -> None:
    """A 500 may be the fault of the prompt, so it leaves the account where it is for the calls that follow."""
    whole_path.fault(EU[0], mode, **more)

    with whole_path.azure() as azure:
        answers = [azure.chat.completions.create(model="gpt-4o", messages=ASK) for _ in range(5)]

    events = whole_path.sent()
    assert all(answer.choices[0].message.content for answer in answers)
    assert [event["data"]["attempts"] for event in events] == [2, *[later] * 4]
    assert {event["data"]["backend"].split(".")[0] for event in events} == {EU[1]}
    assert whole_path.booked()["exact tokens"] == whole_path.billed()


def test_an_account_that_hangs_is_given_up_after_the_timeout(engines: tuple[Engines, Loop], tmp_path: Path) -> None:
    whole_path = WholePath(engines[1], tmp_path, answer_timeout="1")
    try:
        whole_path.fault(EU[0], "hang")

        with whole_path.azure() as azure:
            answer = azure.chat.completions.create(model="gpt-4o", messages=ASK)

        (event,) = whole_path.sent()
        assert answer.choices[0].message.content
        assert event["data"]["triedBackends"][0].startswith(EU[0])
    finally:
        whole_path.close()


@pytest.mark.parametrize(("mode", "patience", "status"), [("408", None, 503), ("hang", None, 504), ("hang", 2, None)])
def test_a_call_that_an_account_may_have_worked_on_waits_for_what_azure_bills(
    engines: tuple[Engines, Loop], tmp_path: Path, mode: str, patience: float | None, status: int | None
) -> None:
    """A time-out that the account tells, one that the gateway notices, and a client that does not wait so long."""
    whole_path = WholePath(engines[1], tmp_path, answer_timeout="1" if status else "20")
    try:
        for account in EU:
            whole_path.fault(account, mode)

        with whole_path.azure("legal") as azure, pytest.raises(openai.APIError) as caught:
            azure.with_options(timeout=patience or 30).chat.completions.create(
                model="gpt-4o", messages=ASK, max_tokens=9
            )

        event = _the_event(whole_path)
        data = event["data"]
        assert getattr(caught.value, "status_code", None) == status
        assert (event["type"], data["statusCode"]) == ("chargeback.usage.pending.v1", status or 499)
        assert data["backend"].split(".")[0] in EU
        assert (data["requestCharacters"], data["maxOutputTokens"]) == (len(ASK[0]["content"]), 9)
        assert whole_path.booked() == {"unsettled calls": 1}
    finally:
        whole_path.close()


def _the_event(whole_path: WholePath) -> dict[str, Any]:
    """The one event, also of a call whose client is gone before the gateway has noticed."""
    wait_for(lambda: bool(whole_path.sent()))
    (event,) = whole_path.sent()
    return event


def test_with_every_region_down_the_client_gets_an_error_it_understands(whole_path: WholePath) -> None:
    for account in (*EU, *US):
        whole_path.fault(account, "500")

    with whole_path.azure() as azure, pytest.raises(openai.InternalServerError) as caught:
        azure.chat.completions.create(model="gpt-4o", messages=ASK)

    assert caught.value.status_code == 503
    assert caught.value.code == "no_backend_available"
    (event,) = whole_path.sent()
    assert (event["type"], event["data"]["attempts"]) == ("chargeback.usage.rejected.v1", 4)


def test_with_every_region_busy_the_client_gets_a_rate_limit_and_comes_back_in_time(whole_path: WholePath) -> None:
    for account in (*EU, *US):
        whole_path.fault(account, "429", retryAfterMs=1200)

    with whole_path.azure() as azure:
        with pytest.raises(openai.RateLimitError) as caught:
            azure.chat.completions.create(model="gpt-4o", messages=ASK)
        for account in (*EU, *US):
            whole_path.fault(account, "ok")
        answer = azure.with_options(max_retries=2).chat.completions.create(model="gpt-4o", messages=ASK)

    assert 1200 <= int(caught.value.response.headers["retry-after-ms"]) <= 2000
    assert answer.choices[0].message.content


def test_a_stream_cut_by_the_backend_is_settled_from_the_log(whole_path: WholePath) -> None:
    whole_path.fault(EU[0], "cut")

    with whole_path.azure() as azure, pytest.raises(Exception, match=r"(?i)peer closed|incomplete|connection"):
        list(azure.chat.completions.create(model="gpt-4o", messages=ASK, stream=True))

    (event,) = whole_path.sent()
    settlement = whole_path.settle()
    assert event["type"] == "chargeback.usage.pending.v1"
    assert settlement.settled == 1
    assert whole_path.booked()["settled tokens"] > 0


def test_events_that_are_lost_on_their_way_are_recovered_from_the_log(whole_path: WholePath) -> None:
    whole_path.drop = {"embeddings"}
    with whole_path.azure() as azure:
        azure.chat.completions.create(model="gpt-4o", messages=ASK)
        azure.embeddings.create(model="text-embedding-3-large", input=["one", "two", "three"])
    whole_path.sent()

    soon = whole_path.settle(later=10)
    later = whole_path.settle(later=3000)
    again = whole_path.settle(later=3600)

    assert (soon.recovered, later.recovered, again.recovered) == (0, 1, 0)
    booked = whole_path.booked()
    assert booked["exact tokens"] + booked["settled tokens"] == whole_path.billed()


def test_calls_that_the_log_may_not_name_are_estimated_or_lost_and_never_called_exact(
    engines: tuple[Engines, Loop], tmp_path: Path
) -> None:
    """The page on the log names chat completions and Responses alone."""
    whole_path = WholePath(engines[1], tmp_path, Readings(logged="documented"))
    whole_path.drop = {"embeddings"}
    try:
        with whole_path.azure() as azure, whole_path.v1() as plain:
            list(plain.responses.create(model="gpt-4.1", input="hello", stream=True))
            listed: Any = [{"role": "user", "content": "hello"}]
            list(plain.responses.create(model="gpt-4.1", input=listed, stream=True))
            azure.embeddings.create(model="text-embedding-3-large", input=["one"])
        whole_path.sent()

        soon, late = whole_path.settle(), whole_path.settle(later=26 * 3600)

        booked = whole_path.booked()
        assert (soon.settled, late.recovered) == (1, 0)
        assert booked["exact calls"] == 0
        assert booked["settled calls"] == 1
        assert booked["unsettled calls"] + booked["estimated calls"] == 1
    finally:
        whole_path.close()
