"""Streams pass through unbuffered; cuts and departures are passed on; the log has their tokens."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest

from stack.gateway.log_tables import CALL_TABLE, LLM_TABLE
from tests.gateway.small_policies import SIGN_IN, SmallPolicies, document

POOL = '<set-backend-service backend-id="oai-swedencentral" />' + SIGN_IN
STREAM = document(POOL)
BUFFERED = document(POOL, backend='<forward-request timeout="5" buffer-response="true" />')
READ = document(
    POOL,
    outbound="""<set-header name="X-Length"><value>@(
    context.Response.Body.As&lt;string&gt;(preserveContent: true).Length.ToString())</value></set-header>""",
)
LEFT = document(
    POOL,
    on_error="""<send-one-way-request><set-url>https://echo.test/left</set-url><set-method>POST</set-method>
    <set-body>@(context.LastError.Reason)</set-body></send-one-way-request>""",
)
CHAT = "/openai/v1/chat/completions"
ASKED = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hello"}], "stream": True}


async def until(holds: Callable[[], bool]) -> None:
    """Let the other side of the loop work until something holds."""
    while not holds():  # noqa: ASYNC110 - what is waited for happens on a server, which has no event to set
        await asyncio.sleep(0.01)


def events(body: bytes) -> list[Any]:
    lines = [line[6:] for line in body.decode().splitlines() if line.startswith("data: {")]
    return [json.loads(line) for line in lines]


def test_the_first_token_arrives_before_the_backend_has_finished(small: SmallPolicies) -> None:
    small.fault("oai-swedencentral", "ok", hold=True)

    async def read() -> tuple[bytes, bytes]:
        _, url = await small.gateway(STREAM)
        async with small.session.post(url + CHAT, json=ASKED) as answer:
            early = b""
            while b'"content":"' not in early.replace(b'"content":""', b""):
                early += await answer.content.readany()
            small.accounts.accounts["oai-swedencentral"].faults.released.set()
            return early, await answer.read()

    early, rest = small.run(asyncio.wait_for(read(), 20))

    assert b"[DONE]" not in early
    assert rest.endswith(b"data: [DONE]\n\n")


def test_a_buffered_stream_is_withheld_until_it_ends_or_8_kb_are_here(small: SmallPolicies) -> None:
    """https://learn.microsoft.com/azure/api-management/forward-request-policy, buffer-response: only chunks wait."""
    small.fault("oai-swedencentral", "ok", hold=True)

    async def ask() -> bool:
        _, url = await small.gateway(BUFFERED)
        async with small.session.post(url + CHAT, json=ASKED) as answer:
            reading = asyncio.ensure_future(answer.read())
            await until(lambda: bool(small.accounts.accounts["oai-swedencentral"].ledger))
            await asyncio.sleep(0.05)
            early = answer.content.total_bytes > 0
            small.accounts.accounts["oai-swedencentral"].faults.released.set()
            assert (await reading).endswith(b"[DONE]\n\n")
        return early

    assert small.run(asyncio.wait_for(ask(), 20)) is False


def test_a_stream_that_an_expression_read_arrives_whole(small: SmallPolicies) -> None:
    answer = small.call(READ, "POST", CHAT, json=ASKED)

    assert int(answer.headers["X-Length"]) == len(answer.body)


def test_a_stream_begins_with_filter_results_and_ends_with_the_usage_that_was_asked_for(
    small: SmallPolicies,
) -> None:
    wanted = {**ASKED, "stream_options": {"include_usage": True}}

    chunks = events(small.call(STREAM, "POST", CHAT, json=wanted).body)

    assert chunks[0]["choices"] == []
    assert "prompt_filter_results" in chunks[0]
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"] == small.accounts.accounts["oai-swedencentral"].ledger[0]["usage"]


def test_a_cut_stream_is_a_cut_for_the_client(small: SmallPolicies) -> None:
    small.fault("oai-swedencentral", "cut")

    with pytest.raises(aiohttp.ClientError):
        small.call(STREAM, "POST", CHAT, json=ASKED)


def test_a_client_that_leaves_a_stream_ends_the_backend_call(small: SmallPolicies) -> None:
    small.fault("oai-swedencentral", "ok", hold=True)
    gateway, url = small.run(small.gateway(STREAM))
    rows = gateway.log.rows[CALL_TABLE]
    before = len(rows)

    async def leave() -> None:
        async with small.session.post(url + CHAT, json=ASKED) as answer:
            await answer.content.readany()
            answer.close()
        await until(lambda: len(rows) > before)

    small.run(asyncio.wait_for(leave(), 20))

    assert rows[-1]["ResponseCode"] == 200


def test_a_client_that_leaves_before_the_answer_is_told_to_on_error(small: SmallPolicies) -> None:
    small.fault("oai-swedencentral", "hang")

    async def leave() -> None:
        _, url = await small.gateway(LEFT)
        asking = asyncio.ensure_future(small.session.post(url + CHAT, json=ASKED))
        await asyncio.sleep(0.2)
        asking.cancel()
        await until(lambda: bool(small.seen))

    small.run(asyncio.wait_for(leave(), 20))

    assert small.seen[0]["body"] == "ClientConnectionFailure"


def test_streams_are_logged_with_counts_whether_or_not_the_client_asked(small: SmallPolicies) -> None:
    gateway, _ = small.run(small.gateway(STREAM))
    rows = gateway.log.rows[LLM_TABLE]
    wanted = {**ASKED, "stream_options": {"include_usage": True}}

    small.call(STREAM, "POST", CHAT, json=wanted)
    small.call(STREAM, "POST", CHAT, json=ASKED)

    exact, estimated = rows[-2:]
    billed = [entry["usage"] for entry in small.accounts.accounts["oai-swedencentral"].ledger]
    assert exact["TotalTokens"] == billed[0]["total_tokens"]
    assert exact["IsStreamCompletion"] is True
    assert estimated["PromptTokens"] > 0
    assert estimated["CompletionTokens"] > 0
    assert {exact["DeploymentName"], estimated["DeploymentName"]} == {"gpt-4o"}


def test_a_logged_call_is_found_by_the_id_of_both_tables(small: SmallPolicies) -> None:
    gateway, _ = small.run(small.gateway(STREAM))

    small.chat(STREAM)

    tables = gateway.log.rows
    call, tokens = tables[CALL_TABLE][-1], tables[LLM_TABLE][-1]
    assert call["CorrelationId"] == tokens["CorrelationId"]
    assert call["BackendUrl"].startswith("https://oai-swedencentral.openai.azure.com/openai/")
