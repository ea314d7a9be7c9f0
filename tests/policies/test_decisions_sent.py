"""The operation by which the functions, and nobody else, say what budgets decided."""

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
from tests.policies.conftest import MakeWorld
from tests.policies.one_region import EU, FUNCTIONS, USAGE, World, chunk, decided, sse
from tests.support.decisions import state
from tests.support.decisions import text as made

MOST = 256 * 1024
REFUSED = "subscription/search:action=refuse|budget=search"
STREAMS = 200
OWN = {"aud": DEFAULTS["owners-audience"], "appid": FUNCTIONS}


def known(world: World, product: str = "standard") -> str | None:
    entry = world.gateway.cache.get(f"decisions/{product}")
    return entry and entry[1]["v"]


def test_what_is_sent_decides_the_next_call_of_that_product_alone(world: World) -> None:
    before = world.chat()

    answer = world.put(decided(REFUSED))

    assert (before.status_code, answer.status_code, answer.content) == (200, 204, b"")
    assert world.chat().json()["error"]["code"] == "budget_exceeded"
    assert world.chat("key-support").status_code == 200
    assert [event["data"]["operation"] for event in world.events()] == ["chat.completions"] * 3


def test_the_app_and_the_gateway_understand_each_other(world: World) -> None:
    class Identity:
        async def get_token(self, scope: str) -> Any:
            assert scope == f"{OWN['aud']}/.default"
            return SimpleNamespace(token=world.token(**OWN))

    async def push(text: str) -> None:
        endpoints = {"swedencentral": f"http://127.0.0.1:{world.port}/budgets/decisions"}
        store = GatewayRegions(endpoints, OWN["aud"], Identity())  # type: ignore[arg-type]
        try:
            await store.put("swedencentral", "standard", text)
        finally:
            await store.close()

    sent = made(state(Scope(ScopeKind.SUBSCRIPTION, "search"), owner="ada@example.com"), now=datetime.now(UTC))
    world.run(push(sent))
    world.run(push(decided(age=10)))

    assert known(world) == sent
    assert "Ask ada@example.com for more." in world.chat().json()["error"]["message"]


def test_it_is_kept_for_ten_minutes(world: World) -> None:
    world.put(decided())

    assert 590 < world.gateway.cache["decisions/standard"][0] - time.monotonic() <= 600


def test_an_older_string_never_replaces_a_newer_one(world: World) -> None:
    newer, older = decided(REFUSED), decided(age=5)
    world.put(newer)

    answer = world.put(older)

    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "newer_decisions_known")
    assert known(world) == newer
    assert world.put(newer).status_code == 204


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
def test_nobody_but_the_functions_may_say_anything(world: World, claims: dict[str, object]) -> None:
    answer = world.put(decided(REFUSED), token=world.token(**claims))  # type: ignore[arg-type]

    assert answer.status_code == 401
    assert known(world) is None


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer x.y.z", "Basic Zm9vOmJhcg=="])
def test_without_a_token_nobody_may(world: World, authorization: str) -> None:
    answer = world.put(decided(REFUSED), Authorization=authorization)

    assert answer.status_code == 401
    assert known(world) is None


def test_a_subscription_key_is_no_token(world: World) -> None:
    answer = world.put(decided(REFUSED), Authorization="", **{"api-key": "key-search"})

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
def test_what_is_not_a_current_string_of_decisions_is_refused(world: World, text: str) -> None:
    world.put(before := decided("all:action=warn", age=1))

    answer = world.put(text)

    assert answer.status_code in (400, 413)
    assert known(world) == before


def test_a_body_that_is_too_large_or_does_not_say_its_size_is_refused(world: World) -> None:
    entry = "user/someone:action=warn"
    fits = decided(*[entry] * ((MOST - 17) // (len(entry) + 1)))
    pieces = (piece.encode() for piece in [fits])
    address = f"http://127.0.0.1:{world.port}/budgets/decisions/standard"

    chunked = world.client.put(address, content=pieces, headers={"Authorization": f"Bearer {world.token(**OWN)}"})  # type: ignore[arg-type]

    assert (chunked.status_code, world.put(fits + entry + ";").status_code) == (413, 413)
    assert known(world) is None
    assert world.put(fits).status_code == 204
    assert len(known(world) or "") > MOST - 100


@pytest.mark.parametrize("name", ["a%2Fb", "a%20b", "x" * 81, "%C3%A9"])
def test_only_a_product_can_be_named(world: World, name: str) -> None:
    assert world.put(decided(REFUSED), name).status_code in (400, 404)
    assert world.gateway.cache == {}


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "decisions/standard"), ("POST", "decisions/standard"), ("PUT", "decisions"), ("PUT", "decisions/a/b")],
)
def test_the_api_has_no_other_operation(world: World, method: str, path: str) -> None:
    address = f"http://127.0.0.1:{world.port}/budgets/{path}"

    assert world.client.request(method, address, content=b"x").status_code == 404


@pytest.mark.parametrize("reading", READINGS)
def test_a_cache_that_is_lost_and_a_string_that_got_old_open_what_was_refused(
    make_world: MakeWorld, reading: str
) -> None:
    world = make_world(readings=READINGS[reading])
    world.put(decided(REFUSED, age=175))
    refused = world.chat().status_code
    world.forget()
    lost = world.chat().status_code
    world.put(decided(REFUSED, age=179.5))
    time.sleep(1)

    assert (refused, lost, world.chat().status_code) == (403, 200, 200)


@pytest.mark.parametrize("reading", ["plain"], indirect=True)
def test_streams_that_run_go_on_while_decisions_change_and_get_lost(make_world: MakeWorld) -> None:
    world = make_world()
    pieces = sse(*[chunk("word")] * 60, chunk(usage=USAGE))
    world.script(*EU, type="text/event-stream", pieces=pieces, pause=0.5)
    ask = partial(world.chat, "key-search", stream=True)

    with ThreadPoolExecutor(STREAMS + 8) as pool:
        running = [pool.submit(ask) for _ in range(STREAMS)]
        world.wait(lambda: len(world.seen) == STREAMS, 20)
        world.put(decided(REFUSED))
        world.wait(lambda: known(world) is not None)
        said = [each.result() for each in [pool.submit(ask) for _ in range(8)]]
        world.forget()
        after = pool.submit(ask)
        world.wait(lambda: len(world.seen) == STREAMS + 1)
        still_running = sum(not each.done() for each in running)
        for account in EU:
            world.answers[account][0].pause = 0
        streams = [each.result() for each in [*running, after]]

    assert still_running == STREAMS
    assert {answer.status_code for answer in said} == {403}
    assert {(answer.status_code, answer.content) for answer in streams} == {(200, b"".join(pieces))}
