"""No writes of an owner change a budget of others, or tell that there is one.

Two products differ in a budget that finance made elsewhere. Whatever an owner sends to both, the answers are the same,
and so is what finance made.
"""

import asyncio
from typing import Any

import httpx
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.examples import few
from tests.support.people import as_person, client_of
from tests.support.whole_api import fresh, memory_container, whole_api

FOREIGN: dict[str, Any] = {
    "id": "research/secret",
    "costCentre": "research",
    "amount": 777,
    "shadow": True,
    "steps": [{"percent": 80, "do": "warn"}],
}
PATH = "/api/v1/budgets/research:secret"

NAMES = st.sampled_from(["research/secret", "research", "product/search/mine", "product/search", "product", "nothing"])
CENTRES = st.sampled_from(["research", "product/search", "product", "", "nothing"])
PEOPLE = st.sampled_from(["owner", "user", "nobody", "operator"])
BODIES = st.fixed_dictionaries(
    {"id": NAMES, "costCentre": CENTRES, "amount": st.sampled_from([5, "7.5", -1]), "reason": st.just("r")},
    optional={"steps": st.just(FOREIGN["steps"]), "every": st.sampled_from(["month", "never"])},
)
OVERRIDES = st.fixed_dictionaries({"amount": st.just("9"), "until": st.just("2999-01-01"), "reason": st.just("r")})
WRITES = st.one_of(
    st.tuples(st.just("POST"), st.sampled_from(["budgets", "budget/rules"]), NAMES, BODIES),
    st.tuples(st.just("PUT"), st.sampled_from(["budgets/{}", "budget/rules/{}"]), NAMES, BODIES),
    st.tuples(st.just("DELETE"), st.just("budgets/{}"), NAMES, st.none()),
    st.tuples(st.just("POST"), st.just("budgets/{}/overrides"), NAMES, OVERRIDES),
)
KEYS = st.sampled_from(["", "key-of-finance", "another"])
TAGS = st.sampled_from(["", "*", "known"])


async def made_by_finance(client: httpx.AsyncClient) -> str:
    headers = as_person("finance") | {"Repeatability-Request-ID": "key-of-finance"}
    made = await client.post("/api/v1/budgets", json=FOREIGN, headers=headers)
    assert made.status_code == 201, made.text
    return str(made.headers["etag"])


CONTAINERS = [memory_container("sweden") for _ in range(2)]
APIS = [whole_api(each) for each in CONTAINERS]


@settings(max_examples=few(25))
@given(st.lists(st.tuples(PEOPLE, WRITES, KEYS, TAGS), min_size=1, max_size=6))
def test_no_write_changes_or_tells_of_a_budget_of_others(steps: list[Any]) -> None:
    asyncio.run(_no_write_tells(steps))


async def _no_write_tells(steps: list[Any]) -> None:
    for container in CONTAINERS:
        fresh(container, "sweden")
    async with client_of(APIS[0]) as here, client_of(APIS[1]) as beside:
        tag = await made_by_finance(beside)
        before = (await beside.get(PATH, headers=as_person("finance"))).json()
        for who, (method, path, name, body), key, match in steps:
            url = f"/api/v1/{path.format(name.replace('/', ':'))}"
            headers = as_person(who) | ({"Repeatability-Request-ID": key} if key else {})
            headers |= {"If-Match": tag if match == "known" else match} if match else {}
            answers = [await each.request(method, url, json=body, headers=headers) for each in (here, beside)]
            first, second = [(each.status_code, _without_times(each)) for each in answers]
            assert first == second, (who, method, url, body)
        assert (await beside.get(PATH, headers=as_person("finance"))).json() == before


def _without_times(answer: httpx.Response) -> Any:
    content = answer.json() if answer.content else {}
    return {name: value for name, value in content.items() if name not in {"changedAt", "at", "madeAt"}}


def test_nobody_gives_a_budget_an_id_for_which_the_owner_of_another_cost_centre_may_ask() -> None:
    async def made(name: str, centre: str) -> int:
        async with client_of(APIS[0]) as client:
            body = FOREIGN | {"id": name, "costCentre": centre}
            return (await client.post("/api/v1/budgets", json=body, headers=as_person("finance"))).status_code

    async def run() -> list[int]:
        fresh(CONTAINERS[0], "sweden")
        asked = [("product/search/a", "research"), ("product/a", "product/search"), ("product/search/a", "product")]
        return [await made(*each) for each in [*asked, ("product/search/a", "product/search"), ("a", "research")]]

    assert asyncio.run(run()) == [400, 400, 400, 201, 201]
