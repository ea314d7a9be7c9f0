"""The operation by which the functions, and nobody else, say what budgets decided."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest

from chargeback.adapters.azure.gateways import GatewayRegions
from chargeback.domain.budgets.budget import Scope, ScopeKind
from stack.gateway.named_values import DEFAULTS
from stack.gateway.readings import READINGS
from tests.policies.conftest import MakeRegion
from tests.policies.one_region import EU, FUNCTIONS, OneRegion, decided
from tests.policies.scripted_backends import USAGE, chunk, sse
from tests.support.conditions import wait_for
from tests.support.decisions import state
from tests.support.decisions import text as made

MOST = 256 * 1024
REFUSED = "subscription/search:action=refuse|budget=search"
STREAMS = 200
OWN = {"aud": DEFAULTS["owners-audience"], "appid": FUNCTIONS}


def known(one_region: OneRegion, product: str = "standard") -> str | None:
    entry = one_region.gateway.cache.get(f"decisions/{product}")
    return entry and entry[1]["v"]


def test_what_is_sent_decides_the_next_call_of_that_product_alone(one_region: OneRegion) -> None:
    before = one_region.chat()

    answer = one_region.put(decided(REFUSED))

    assert (before.status_code, answer.status_code, answer.content) == (200, 204, b"")
    assert one_region.chat().json()["error"]["code"] == "budget_exceeded"
    assert one_region.chat("key-support").status_code == 200
    assert [event["data"]["operation"] for event in one_region.events()] == ["chat.completions"] * 3


def test_the_app_and_the_gateway_understand_each_other(one_region: OneRegion) -> None:
    class Identity:
        async def get_token(self, scope: str) -> Any:
            assert scope == f"{OWN['aud']}/.default"
            return SimpleNamespace(token=one_region.token(**OWN))

    async def push(text: str) -> None:
        endpoints = {"swedencentral": f"http://127.0.0.1:{one_region.port}/budgets/decisions"}
        store = GatewayRegions(endpoints, OWN["aud"], Identity())  # type: ignore[arg-type]
        try:
            await store.put("swedencentral", "standard", text)
        finally:
            await store.close()

    sent = made(state(Scope(ScopeKind.SUBSCRIPTION, "search"), owner="ada@example.com"), now=datetime.now(UTC))
    one_region.run(push(sent))
    one_region.run(push(decided(age=10)))

    assert known(one_region) == sent
    assert "Ask ada@example.com for more." in one_region.chat().json()["error"]["message"]


def test_it_is_kept_for_ten_minutes(one_region: OneRegion) -> None:
    one_region.put(decided())

    assert 590 < one_region.gateway.cache["decisions/standard"][0] - time.monotonic() <= 600


def test_an_older_string_never_replaces_a_newer_one(one_region: OneRegion) -> None:
    newer, older = decided(REFUSED), decided(age=5)
    one_region.put(newer)

    answer = one_region.put(older)

    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "newer_decisions_known")
    assert known(one_region) == newer
    assert one_region.put(newer).status_code == 204


@pytest.mark.parametrize(
    "claims",
    [
        {**OWN, "aud": "https://cognitiveservices.azure.com"},
        {**OWN, "appid": "app-1"},
        {**OWN, "appid": DEFAULTS["owners-client-id"].replace("0", "1")},
        {**OWN, "tid": "99999999-2222-3333-4444-555555555555"},
        {**OWN, "exp": 1_700_000_000},
        {**OWN, "signer": 2},
    ],
)
def test_nobody_but_the_functions_may_say_anything(one_region: OneRegion, claims: dict[str, object]) -> None:
    answer = one_region.put(decided(REFUSED), token=one_region.token(**claims))  # type: ignore[arg-type]

    assert answer.status_code == 401
    assert known(one_region) is None


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer x.y.z", "Basic Zm9vOmJhcg=="])
def test_without_a_token_nobody_may(one_region: OneRegion, authorization: str) -> None:
    answer = one_region.put(decided(REFUSED), Authorization=authorization)

    assert answer.status_code == 401
    assert known(one_region) is None


def test_a_subscription_key_is_no_token(one_region: OneRegion) -> None:
    answer = one_region.put(decided(REFUSED), Authorization="", **{"api-key": "key-search"})

    assert answer.status_code == 401


@pytest.mark.parametrize(
    "text",
    [
        "",
        "at=1;",
        "at=1760000000000",
        decided("subscription/search"),
        decided("subscription/search:budget=x"),
        decided("subscription/search:action=warn:action=refuse"),
        decided("subscription/s\u00e9arch:action=warn"),
        decided('all:action=warn|owner="x"'),
        decided("all:action=warn|owner=a b"),
        decided("all:action=warn\r\nx: y"),
        decided("all:action=warn").removesuffix(";"),
        decided(";"),
        "{}",
        b"\xff\xfe",
        decided(age=3600),
        decided(age=-3600),
    ],
)
def test_what_is_not_a_current_string_of_decisions_is_refused(one_region: OneRegion, text: str) -> None:
    one_region.put(before := decided("all:action=warn", age=1))

    answer = one_region.put(text)

    assert answer.status_code in (400, 413)
    assert known(one_region) == before


def test_a_body_that_is_too_large_or_does_not_say_its_size_is_refused(one_region: OneRegion) -> None:
    entry = "user/someone:action=warn"
    fits = decided(*[entry] * ((MOST - 17) // (len(entry) + 1)))
    pieces = (piece.encode() for piece in [fits])
    address = f"http://127.0.0.1:{one_region.port}/budgets/decisions/standard"

    chunked = one_region.client.put(
        address, content=pieces, headers={"Authorization": f"Bearer {one_region.token(**OWN)}"}
    )  # type: ignore[arg-type]

    assert (chunked.status_code, one_region.put(fits + entry + ";").status_code) == (413, 413)
    assert known(one_region) is None
    assert one_region.put(fits).status_code == 204
    assert len(known(one_region) or "") > MOST - 100


@pytest.mark.parametrize("name", ["a%2Fb", "a%20b", "x" * 81, "%C3%A9"])
def test_only_a_product_can_be_named(one_region: OneRegion, name: str) -> None:
    assert one_region.put(decided(REFUSED), name).status_code in (400, 404)
    assert one_region.gateway.cache == {}


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "decisions/standard"), ("POST", "decisions/standard"), ("PUT", "decisions"), ("PUT", "decisions/a/b")],
)
def test_the_api_has_no_other_operation(one_region: OneRegion, method: str, path: str) -> None:
    address = f"http://127.0.0.1:{one_region.port}/budgets/{path}"

    assert one_region.client.request(method, address, content=b"x").status_code == 404


@pytest.mark.parametrize("reading", READINGS)
def test_a_cache_that_is_lost_and_a_string_that_got_old_open_what_was_refused(
    make_region: MakeRegion, reading: str
) -> None:
    one_region = make_region(readings=READINGS[reading])
    one_region.put(decided(REFUSED, age=120))
    refused = one_region.chat().status_code
    one_region.forget()
    lost = one_region.chat().status_code
    one_region.put(decided(REFUSED, age=179.5))
    time.sleep(1)

    assert (refused, lost, one_region.chat().status_code) == (403, 200, 200)


@pytest.mark.parametrize("reading", ["plain"], indirect=True)
def test_streams_that_run_go_on_while_decisions_change_and_get_lost(make_region: MakeRegion) -> None:
    one_region = make_region()
    pieces = sse(*[chunk("word")] * 60, chunk(usage=USAGE))
    held = asyncio.Event()
    one_region.script(*EU, type="text/event-stream", pieces=pieces, held=held)

    async def go_on() -> None:
        held.set()

    ask = partial(one_region.chat, "key-search", stream=True)

    with ThreadPoolExecutor(STREAMS + 8) as pool:
        running = [pool.submit(ask) for _ in range(STREAMS)]
        wait_for(lambda: len(one_region.seen) == STREAMS)
        one_region.put(decided(REFUSED))
        wait_for(lambda: known(one_region) is not None)
        said = [each.result() for each in [pool.submit(ask) for _ in range(8)]]
        one_region.forget()
        after = pool.submit(ask)
        wait_for(lambda: len(one_region.seen) == STREAMS + 1)
        still_running = sum(not each.done() for each in running)
        one_region.run(go_on())
        streams = [each.result() for each in [*running, after]]

    assert still_running == STREAMS
    assert {answer.status_code for answer in said} == {403}
    assert {(answer.status_code, answer.content) for answer in streams} == {(200, b"".join(pieces))}
