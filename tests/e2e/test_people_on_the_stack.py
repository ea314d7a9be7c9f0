"""People over the real Functions host: tokens of the tenant reach the API whole, and the command line's do, too."""

import time
import uuid
from collections.abc import Iterator

import httpx
import pytest
from azure.identity import DefaultAzureCredential

from stack.identity.people import API, PEOPLE, SUPPORT_LEADS
from stack.identity.tokens import TENANT
from stack.stack import Stack

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def host(stack: Stack) -> Iterator[httpx.Client]:
    with (
        Stack(services=["functions"], beside=stack) as servers,
        httpx.Client(base_url=f"{servers.url('functions')}/api/v1", timeout=60, trust_env=False) as client,
    ):
        yield client


def me(host: httpx.Client, token: str) -> httpx.Response:
    return host.get("/me", headers={"Authorization": f"Bearer {token}"})


@pytest.mark.parametrize("who", PEOPLE)
def test_everybody_of_the_tenant_is_known(host: httpx.Client, stack: Stack, who: str) -> None:
    found = me(host, stack.token_of(who)).json()

    assert (found["id"], found["name"]) == (f"person:{TENANT}/{PEOPLE[who].object_id}", PEOPLE[who].name)
    assert found["costCentres"] == (["product/support"] if who == "owner" else [])


def test_a_token_with_as_many_groups_as_one_holds_arrives_whole(host: httpx.Client, stack: Stack) -> None:
    groups = [str(uuid.uuid4()) for _ in range(199)]

    answer = me(host, stack.token_of("owner", groups=[*groups, SUPPORT_LEADS]))

    assert answer.status_code == 200
    assert answer.json()["costCentres"] == ["product/support"]


def test_whoever_sits_at_a_terminal_is_known_by_the_credential_of_the_commands(
    host: httpx.Client, stack: Stack
) -> None:
    with stack.signed_in_as("finance"), DefaultAzureCredential() as credential:
        token = credential.get_token(f"api://{API}/.default").token

    assert me(host, token).json()["name"] == "Fiona Chen"


def test_strangers_and_old_tokens_are_refused(host: httpx.Client, stack: Stack) -> None:
    old, foreign = (
        stack.token_of("admin", **claims)
        for claims in ({"exp": int(time.time()) - 1}, {"aud": "https://other.example"})
    )

    answers = [host.get("/me"), me(host, old), me(host, foreign), me(host, "x" * 15_000)]

    assert [each.status_code for each in answers] == [401] * 4
    assert {each.headers["x-ms-error-code"] for each in answers} == {"Unauthenticated"}
