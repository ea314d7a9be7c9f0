"""A budget over every real server: it is passed, warned of, refused, kept through a lost Redis, and raised again."""

import json
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import openai
import pytest
from openai import OpenAI

from scripts.showcase.trials import SUBSCRIPTION, centre_of, write_trials
from stack.clear import clear_redis, clear_stores
from stack.stack import Stack
from tests.support.command_line import output_of

pytestmark = pytest.mark.servers

CODE = "LAUNCH"
STEPS = ({"percent": 50, "do": "warn"}, {"percent": 100, "do": "block"})
WITHIN = 40.0
"""Seconds until what was decided has to have an effect: several times the bound, for a busy machine."""


@dataclass
class Served:
    """The servers between an application and the books, and the configuration that the functions have."""

    servers: Stack
    config: str

    def run(self, function: str) -> None:
        """Run a function now."""
        address = f"{self.servers.url('functions')}/admin/functions/{function}?wait=true"
        request = urllib.request.Request(address, b"{}", {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60):
            pass

    def team(self) -> OpenAI:
        """The team's client."""
        state = self.servers.site.state
        key = json.loads((state / "gateway-keys.json").read_text())[SUBSCRIPTION]
        url = json.loads((state / "gateway.json").read_text())["regions"]["swedencentral"]
        return OpenAI(
            base_url=f"{url}/openai/v1",
            api_key="unused",
            default_headers={"api-key": key, "x-billing-code": CODE},
            max_retries=0,
            http_client=openai.DefaultHttpxClient(trust_env=False),
        )

    def ask(self, method: str, path: str, who: str, body: object = None, **headers: str) -> dict[str, str]:
        """Ask the API as somebody of the local tenant; the headers of the answer."""
        token = self.servers.token_of(who)
        address = f"{self.servers.url('functions')}/api/v1/{path}"
        content = None if body is None else json.dumps(body).encode()
        headers |= {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        asking = urllib.request.Request(address, content, headers, method=method)
        with urllib.request.urlopen(asking, timeout=60) as answer:
            return {name.lower(): value for name, value in answer.headers.items()}


@pytest.fixture(scope="module")
def served(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    clear_stores(stack)
    config = str(write_trials(tmp_path_factory.mktemp("budget") / "config", {CODE: ("0.30", STEPS)}))
    parts = ["functions", "eventGrid", "accounts", "gateway"]
    with Stack(services=parts, beside=stack, extra_env={"CHARGEBACK_CONFIG_DIR": config}) as servers:
        yield Served(servers, config)


def asked(team: OpenAI, *, stream: bool = False) -> str:
    """What a call is told: `served`, the state of a budget that warns, or why it is refused."""
    options = {
        "model": "gpt-5.5",
        "messages": [{"role": "user", "content": "How long may we go on?"}],
        "max_completion_tokens": 100,
    }
    try:
        if stream:
            with team.chat.completions.with_streaming_response.create(stream=True, **options) as answer:  # type: ignore[call-overload]
                assert any("[DONE]" in line for line in answer.iter_lines())
        else:
            answer = team.chat.completions.with_raw_response.create(**options)  # type: ignore[call-overload]
    except openai.PermissionDeniedError as error:
        return f"{error.message} (retry: {error.response.headers['x-should-retry']})"
    return str(answer.headers.get("x-budget-state", "served")).partition(";")[0]


def until(team: OpenAI, wanted: str) -> list[str]:
    """What calls are told, every second one a stream, until one of them has a word in it."""
    told: list[str] = []
    ends = time.monotonic() + WITHIN
    while not told or wanted not in told[-1]:
        assert time.monotonic() < ends, told
        told.append(asked(team, stream=len(told) % 2 == 1))
        time.sleep(0.1)
    return told


def test_a_limit_holds_until_it_is_raised_whatever_redis_forgets(served: Served, stack: Stack) -> None:
    with served.team() as team:
        first = until(team, "budget")
        served.run("post_usage")
        clear_redis(stack.url("redis"))
        served.run("decide_budgets")  # asks for a posting, which replays the ledger: streams count again, too
        forgotten = until(team, "budget")
        day = f"{datetime.now(UTC) + timedelta(days=2):%Y-%m-%d}"
        raise_it = ("--amount", "5", "--until", day, "--reason", "launch")
        output_of("budgets", "override", CODE, *raise_it, CHARGEBACK_CONFIG_DIR=served.config)
        served.run("decide_budgets")
        raised = until(team, "served")

    assert [*dict.fromkeys(first)][:-1] == ["served", "warn"]
    for words in (CODE, "Ada", "0.30 USD", "(retry: false)"):
        assert words in first[-1]
    assert CODE in forgotten[-1]
    assert raised[-1] == "served"


def test_a_limit_that_an_owner_makes_over_http_holds_at_the_gateway_until_it_is_raised_there(served: Served) -> None:
    centre = centre_of(CODE)
    path = f"budgets/{centre.replace('/', ':')}"
    steps = [{"percent": 100, "do": "block"}]
    budget = {"id": centre, "costCentre": centre, "amount": "0.01", "every": "month", "steps": steps}

    with served.team() as team:
        served.ask("POST", "budgets", "owner", budget)
        refused = until(team, centre)
        tag = served.ask("GET", path, "owner")["etag"]
        served.ask("PUT", path, "owner", budget | {"amount": 1000}, **{"If-Match": tag})
        raised = until(team, "served")

    assert centre in refused[-1]
    assert raised[-1] == "served"
