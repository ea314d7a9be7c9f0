"""The simulated accounts refuse what the service refuses: each rule with the page that says so."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from chargeback.adapters.config.folders import path_of
from stack.openai_backends.serve import serve
from tests.gateway.issuer_and_echo import token
from tests.gateway.small_policies import Clock
from tests.support.company import CONFIG
from tests.support.config_files import config_folder

HOME, AWAY = "oai-swedencentral", "oai-francecentral"
TWO_MEBIBYTES = 2 * 1024 * 1024
THINKER: dict[str, Any] = {"model": "gpt-5-mini", "store": False, "include": ["reasoning.encrypted_content"]}
HELLO: dict[str, Any] = {"messages": [{"role": "user", "content": "hello"}]}


class Talk:
    """Calls to the accounts, signed as the gateway signs them."""

    def __init__(self, running: Any, session: aiohttp.ClientSession, clock: Clock) -> None:
        self.running, self.session, self.clock = running, session, clock
        self.headers: dict[str, str] = {}

    async def __call__(
        self, account: str, method: str, path: str, document: Any = None, **options: Any
    ) -> tuple[int, Any]:
        """Status and body; the headers stay in `headers`."""
        url = self.running.origins[f"{account}.openai.azure.com"] + "/openai/v1" + path
        headers = {"Authorization": f"Bearer {token()}", **options.pop("headers", {})}
        async with self.session.request(method, url, json=document, headers=headers, **options) as answer:
            self.headers = dict(answer.headers)
            body = await answer.read()
            kind = answer.content_type
            return answer.status, await answer.json() if "json" in kind else body

    def fault(self, account: str, mode: str, **more: Any) -> None:
        """Make an account misbehave."""
        self.running.accounts[account].faults.command({"mode": mode, **more})


def talk(work: Callable[[Talk], Awaitable[None]], config: Path = CONFIG) -> None:
    """Run `work` against fresh accounts."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[Talk]:
        clock = Clock()
        async with serve(config, clock=clock) as running, aiohttp.ClientSession() as session:
            yield Talk(running, session, clock)

    async def run() -> None:
        async with opened() as call:
            await work(call)

    asyncio.run(run())


def code(answer: tuple[int, Any]) -> tuple[int, str | None]:
    """Status and error code."""
    return answer[0], answer[1]["error"]["code"]


def test_responses_name_the_deployment_and_put_the_snapshot_into_a_header() -> None:
    """github.com/openai/openai-python/issues/3271, measured there for both kinds of call."""

    async def work(call: Talk) -> None:
        _, response = await call(HOME, "POST", "/responses", {"model": "gpt-4o", "input": "hi"})
        served = call.headers["x-ms-served-model"]
        _, chat = await call(HOME, "POST", "/chat/completions", {"model": "gpt-4o", **HELLO})

        assert (response["model"], served) == ("gpt-4o", "gpt-4o-2024-11-20")
        assert (chat["model"], call.headers["x-ms-deployment-name"]) == ("gpt-4o-2024-11-20", "gpt-4o")
        assert "x-ms-served-model" not in call.headers

    talk(work)


def test_a_streamed_response_is_not_found_until_some_seconds_after_it_has_completed() -> None:
    """github.com/dotnet/extensions/issues/7704: 5.5 to 7 s in the median; GET is 404 and chaining 400."""

    async def work(call: Talk) -> None:
        await call(HOME, "POST", "/responses", {"model": "gpt-4o", "input": "hi", "stream": True})
        name = call.running.accounts[HOME].ledger[0]["responseId"]
        follow = {"model": "gpt-4o", "input": "on", "previous_response_id": name}

        early = await call(HOME, "GET", f"/responses/{name}"), await call(HOME, "POST", "/responses", follow)
        call.clock.now += 7
        late = await call(HOME, "GET", f"/responses/{name}"), await call(HOME, "POST", "/responses", follow)

        assert [code(each) for each in early] == [(404, "not_found"), (400, "previous_response_not_found")]
        assert [status for status, _ in late] == [200, 200]

    talk(work)


def test_a_response_that_was_not_streamed_is_found_at_once() -> None:
    async def work(call: Talk) -> None:
        _, response = await call(HOME, "POST", "/responses", {"model": "gpt-4o", "input": "hi"})

        assert (await call(HOME, "GET", f"/responses/{response['id']}"))[0] == 200

    talk(work)


def test_encrypted_reasoning_is_read_by_its_own_account_only() -> None:
    """github.com/openai/codex/issues/3573 and github.com/anomalyco/opencode/issues/29879, both on Azure."""

    async def work(call: Talk) -> None:
        _, first = await call(HOME, "POST", "/responses", {**THINKER, "input": "hi"})
        turn = {**THINKER, "input": [*first["output"], {"role": "user", "content": "go on"}]}

        assert (await call(HOME, "POST", "/responses", turn))[0] == 200
        assert code(await call(AWAY, "POST", "/responses", turn)) == (400, "invalid_encrypted_content")

    talk(work)


def test_an_item_id_is_known_to_its_own_account_only_and_only_if_it_was_stored() -> None:
    async def work(call: Talk) -> None:
        _, kept = await call(HOME, "POST", "/responses", {"model": "gpt-5-mini", "input": "hi"})
        _, lost = await call(HOME, "POST", "/responses", {"model": "gpt-5-mini", "input": "hi", "store": False})

        async def refer(account: str, item: dict[str, Any]) -> int:
            return (await call(account, "POST", "/responses", {"model": "gpt-5-mini", "input": [item]}))[0]

        reference = {"type": "item_reference", "id": kept["output"][1]["id"]}
        assert await refer(HOME, reference) == 200
        assert await refer(AWAY, reference) == 404
        assert await refer(HOME, kept["output"][0]) == 200
        assert await refer(HOME, lost["output"][0]) == 404

    talk(work)


def test_conversations_stores_containers_and_files_live_on_one_account() -> None:
    async def work(call: Talk) -> None:
        form = aiohttp.FormData({"purpose": "user_data"})
        form.add_field("file", b"text", filename="a.txt")
        _, file = await call(HOME, "POST", "/files", data=form)
        made = [
            (await call(HOME, "POST", f"/{kind}", {}))[1]["id"]
            for kind in ("conversations", "vector_stores", "containers")
        ]
        bodies = [
            {"conversation": made[0]},
            {"conversation": {"id": made[0]}},
            {"tools": [{"type": "file_search", "vector_store_ids": [made[1]]}]},
            {"tools": [{"type": "code_interpreter", "container": made[2]}]},
            {"tools": [{"type": "code_interpreter", "container": {"type": "auto", "file_ids": [file["id"]]}}]},
            {"input": [{"role": "user", "content": [{"type": "input_file", "file_id": file["id"]}]}]},
        ]

        for body in bodies:
            asked = {"model": "gpt-4o", "input": "hi", **body}
            assert (await call(HOME, "POST", "/responses", asked))[0] == 200, body
            assert (await call(AWAY, "POST", "/responses", asked))[0] == 404, body
        assert (await call(AWAY, "GET", f"/conversations/{made[0]}"))[0] == 404
        assert (await call(AWAY, "POST", "/batches", {"input_file_id": file["id"]}))[0] == 404

    talk(work)


def test_a_limit_belongs_to_one_deployment() -> None:
    """learn.microsoft.com/azure/ai-foundry/openai/how-to/quota: tokens per minute are given to a deployment."""

    async def work(call: Talk) -> None:
        call.fault(HOME, "429", deployment="gpt-4o", retryAfterMs=2500)

        busy = await call(HOME, "POST", "/chat/completions", {"model": "gpt-4o", **HELLO})

        assert (code(busy)[0], call.headers["Retry-After"], call.headers["retry-after-ms"]) == (429, "3", "2500")
        assert (await call(HOME, "POST", "/chat/completions", {"model": "gpt-4o-mini", **HELLO}))[0] == 200
        assert (await call(HOME, "GET", "/models"))[0] == 200

    talk(work)


def test_a_refused_flex_call_says_nothing_about_the_default_tier() -> None:
    """learn.microsoft.com/azure/foundry/openai/how-to/flex-processing: flex needs a Global Standard deployment."""

    async def work(call: Talk) -> None:
        call.fault("oai-eastus2", "429", serviceTier="flex")
        flex = {"model": "gpt-4o", **HELLO, "service_tier": "flex"}

        assert (await call("oai-eastus2", "POST", "/chat/completions", flex))[0] == 429
        _, plain = await call("oai-eastus2", "POST", "/chat/completions", {"model": "gpt-4o", **HELLO})
        _, answered = await call("oai-westus3", "POST", "/chat/completions", flex)

        assert (plain["service_tier"], answered["service_tier"]) == ("default", "flex")
        assert (await call(HOME, "POST", "/chat/completions", flex))[0] == 400

    talk(work)


def test_a_fault_may_befall_one_prompt_only() -> None:
    async def work(call: Talk) -> None:
        call.fault(HOME, "500", prompt="poison")

        def asked(word: str) -> dict[str, Any]:
            return {"model": "gpt-4o", "messages": [{"role": "user", "content": word}]}

        assert (await call(HOME, "POST", "/chat/completions", asked("poison")))[0] == 500
        assert (await call(HOME, "POST", "/chat/completions", asked("hello")))[0] == 200

    talk(work)


@pytest.mark.parametrize(
    ("mode", "answer"),
    [
        ("denied", (401, "PermissionDenied")),
        ("forbidden", (403, "403")),
        ("408", (408, "Timeout")),
        ("503", (503, "ServiceUnavailable")),
        ("filter", (400, "content_filter")),
    ],
)
def test_an_account_refuses_in_the_services_words(mode: str, answer: tuple[int, str]) -> None:
    async def work(call: Talk) -> None:
        call.fault(HOME, mode)

        assert code(await call(HOME, "POST", "/chat/completions", {"model": "gpt-4o", **HELLO})) == answer

    talk(work)


def provisioned(folder: Path, **more: Any) -> Path:
    """The repository's accounts, with a provisioned gpt-4.1 beside the others."""
    document = yaml.safe_load(path_of(CONFIG, "deployments.yaml").read_text())
    own = {"name": "gpt-4.1-ptu", "model": "gpt-4.1", "version": "2025-04-14", "type": "DataZoneProvisionedManaged"}
    document["deploymentSets"][HOME].append({**own, "capacity": 50, **more})
    path_of(config_folder(folder), "deployments.yaml").write_text(yaml.safe_dump(document))
    return folder


def test_a_provisioned_deployment_refuses_long_prompts_and_spills_where_it_is_told_to(tmp_path: Path) -> None:
    """learn.microsoft.com/azure/foundry/openai/how-to/spillover-traffic-management: 429, 400, 500 and 503 spill;
    gpt-4.1 takes 128 k provisioned; the request's header names the target unless the deployment does."""

    async def work(call: Talk) -> None:
        long = {"model": "gpt-4.1-ptu", "messages": [{"role": "user", "content": "word " * 130_000}]}
        to = {"x-ms-spillover-deployment": "gpt-4.1"}

        refused = await call(HOME, "POST", "/chat/completions", long)
        spilled, _ = await call(HOME, "POST", "/chat/completions", long, headers=to)

        assert code(refused) == (400, "context_length_exceeded")
        assert spilled == 200
        assert call.headers["x-ms-spillover-from-deployment"] == "gpt-4.1-ptu"
        assert (call.headers["x-ms-deployment-name"], call.headers["x-ms-spillover-error"]) == ("gpt-4.1", "400")
        assert call.running.accounts[HOME].ledger[-1]["deployment"] == "gpt-4.1"

    talk(work, provisioned(tmp_path))


def test_a_busy_provisioned_deployment_spills_streams_as_well(tmp_path: Path) -> None:
    async def work(call: Talk) -> None:
        call.fault(HOME, "429", deployment="gpt-4.1-ptu")

        status, _ = await call(HOME, "POST", "/chat/completions", {"model": "gpt-4.1-ptu", **HELLO, "stream": True})

        assert (status, call.headers["x-ms-spillover-error"]) == (200, "429")

    talk(work, provisioned(tmp_path, spillover="gpt-4.1"))


def test_a_stored_response_can_be_fetched_as_a_stream() -> None:
    async def work(call: Talk) -> None:
        begun = {"model": "gpt-4o", "input": "hi", "background": True, "stream": False}
        _, response = await call(HOME, "POST", "/responses", begun)

        _, events = await call(HOME, "GET", f"/responses/{response['id']}?stream=true")
        _, rest = await call(HOME, "GET", f"/responses/{response['id']}?stream=true&starting_after=1")

        assert events.startswith(b"event: response.created")
        assert b"event: response.completed" in events
        assert rest.startswith(b"event: response.output_item.added")

    talk(work)


def test_a_response_may_end_as_failed_or_incomplete() -> None:
    async def work(call: Talk) -> None:
        _, short = await call(HOME, "POST", "/responses", {"model": "gpt-4o", "input": "hi", "max_output_tokens": 2})
        _, failed = await call(HOME, "POST", "/responses", {"model": "gpt-4o", "input": "please fail"})

        assert (short["status"], short["incomplete_details"]) == ("incomplete", {"reason": "max_output_tokens"})
        assert (failed["status"], failed["error"]["code"]) == ("failed", "server_error")

    talk(work)


def test_hosted_tools_leave_items_that_usage_does_not_price() -> None:
    """learn.microsoft.com/azure/foundry/openai/how-to/responses: the header names the image deployment."""

    async def work(call: Talk) -> None:
        tools = [{"type": "code_interpreter", "container": {"type": "auto"}}, {"type": "web_search"}]
        draw = {"model": "gpt-4o", "input": "draw", "tools": [{"type": "image_generation", "quality": "high"}]}

        _, worked = await call(HOME, "POST", "/responses", {"model": "gpt-4o", "input": "hi", "tools": tools})
        status, _ = await call(HOME, "POST", "/responses", draw)
        named = {"x-ms-oai-image-generation-deployment": "gpt-image-1"}
        _, drawn = await call(HOME, "POST", "/responses", draw, headers=named)

        assert [item["type"] for item in worked["output"]] == ["code_interpreter_call", "web_search_call", "message"]
        assert status == 400
        assert (drawn["output"][0]["type"], drawn["output"][0]["quality"]) == ("image_generation_call", "high")

    talk(work)


def test_pictures_and_batches_of_embeddings_are_larger_than_a_small_gateway_buffers() -> None:
    """learn.microsoft.com/azure/api-management/service-limits: v2 tiers buffer 2 MiB of a body."""

    async def work(call: Talk) -> None:
        picture = {"model": "gpt-image-1", "prompt": "a cat", "quality": "high"}
        texts = {"model": "text-embedding-3-large", "input": ["text"] * 64}

        await call(HOME, "POST", "/images/generations", picture)
        assert int(call.headers["Content-Length"]) > TWO_MEBIBYTES
        await call(HOME, "POST", "/embeddings", texts)
        assert int(call.headers["Content-Length"]) > TWO_MEBIBYTES

    talk(work)


def test_a_path_is_understood_whatever_its_case_and_slashes() -> None:
    async def work(call: Talk) -> None:
        for path in ("//Chat/Completions", "/chat//completions", "/CHAT/COMPLETIONS"):
            assert (await call(HOME, "POST", path, {"model": "gpt-4o", **HELLO}))[0] == 200, path

    talk(work)
