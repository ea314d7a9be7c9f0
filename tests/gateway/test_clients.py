"""The `openai` clients work against the gateway and the simulated accounts."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import openai
import pytest

from tests.gateway.small_policies import SIGN_IN, SmallPolicies, document

PLAIN = document('<set-backend-service backend-id="oai-swedencentral" />' + SIGN_IN)
STRIP = '<set-header name="api-key" exists-action="delete" />'
KEYLESS = document('<set-backend-service backend-id="oai-swedencentral" />' + STRIP + SIGN_IN)
MESSAGES: list[Any] = [{"role": "user", "content": "hello"}]


def azure(small: SmallPolicies, version: str = "2024-10-21") -> openai.AsyncAzureOpenAI:
    _, url = small.run(small.gateway(KEYLESS))
    return openai.AsyncAzureOpenAI(azure_endpoint=url, api_key="key-of-search", api_version=version, max_retries=0)


def v1(small: SmallPolicies) -> openai.AsyncOpenAI:
    _, url = small.run(small.gateway(PLAIN))
    return openai.AsyncOpenAI(base_url=f"{url}/openai/v1", api_key="replaced", max_retries=0)


def billed(small: SmallPolicies) -> list[dict[str, Any]]:
    return small.accounts.accounts["oai-swedencentral"].ledger


def ask(small: SmallPolicies, client: openai.AsyncOpenAI, work: Coroutine[Any, Any, Any]) -> Any:
    async def once() -> Any:
        try:
            return await asyncio.wait_for(work, 20)
        finally:
            await client.close()

    return small.run(once())


async def chunks_of(work: Coroutine[Any, Any, Any]) -> list[Any]:
    return [chunk async for chunk in await work]


def test_chat_reports_the_tokens_that_were_billed(small: SmallPolicies) -> None:
    client = azure(small)

    answer = ask(small, client, client.chat.completions.create(model="o4-mini", messages=MESSAGES))

    assert answer.usage.model_dump(exclude_none=True) == billed(small)[0]["usage"]
    assert answer.usage.completion_tokens_details.reasoning_tokens == 64


def test_a_long_prompt_is_cached_the_second_time(small: SmallPolicies) -> None:
    long: list[Any] = [{"role": "user", "content": "word " * 2000}]
    cached = []

    for _ in range(2):
        client = azure(small)
        answer = ask(small, client, client.chat.completions.create(model="gpt-4o", messages=long))
        cached.append(answer.usage.prompt_tokens_details.cached_tokens)

    assert cached[0] == 0
    assert cached[1] >= 1024


def test_chat_streams(small: SmallPolicies) -> None:
    client = azure(small)
    options: Any = {"include_usage": True}
    work = client.chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True, stream_options=options)

    chunks = ask(small, client, chunks_of(work))

    assert chunks[-1].usage.total_tokens == billed(small)[0]["usage"]["total_tokens"]


def test_responses_stream_run_in_the_background_and_follow_one_another(small: SmallPolicies) -> None:
    async def run(client: openai.AsyncOpenAI) -> tuple[Any, ...]:
        first = await client.responses.create(model="gpt-5-mini", input="hello")
        events = await chunks_of(client.responses.create(model="gpt-5-mini", input="hi", stream=True))
        second = await client.responses.create(model="gpt-5-mini", input="on", previous_response_id=first.id)
        begun = await client.responses.create(model="gpt-5-mini", input="later", background=True)
        looks = [await client.responses.retrieve(begun.id) for _ in range(2)]
        return first, events, second, begun, looks

    client = v1(small)
    first, events, second, begun, looks = ask(small, client, run(client))

    assert first.usage.output_tokens_details.reasoning_tokens == 64
    assert events[-1].type == "response.completed"
    assert events[-1].response.usage.total_tokens == billed(small)[1]["usage"]["total_tokens"]
    assert second.previous_response_id == first.id
    assert (begun.status, begun.usage) == ("queued", None)
    assert [look.status for look in looks] == ["in_progress", "completed"]


def test_embeddings_images_and_audio(small: SmallPolicies) -> None:
    sound = ("speech.wav", b"\0" * 48000)

    async def run(client: openai.AsyncAzureOpenAI) -> tuple[Any, ...]:
        vectors = await client.embeddings.create(model="text-embedding-3-large", input=["a", "b"])
        image = await client.images.generate(model="gpt-image-1", prompt="a cat", quality="low")
        text = await client.audio.transcriptions.create(model="whisper", file=sound, response_format="text")
        tokens = await client.audio.transcriptions.create(model="gpt-4o-transcribe", file=sound)
        voice = await client.audio.speech.create(model="tts", input="hello", voice="alloy")
        return vectors, image, text, tokens, voice.content

    client = azure(small)
    vectors, image, text, tokens, voice = ask(small, client, run(client))

    assert len(vectors.data) == 2
    assert image.usage.output_tokens == 272
    assert text == "every call is written down once\n"
    assert tokens.usage.input_tokens == 30
    assert voice.startswith(b"ID3")
    assert [entry["operation"] for entry in billed(small)][-1] == "audio.speech"
    assert billed(small)[2]["audioSeconds"] == 3


def test_files_batches_and_fine_tuning(small: SmallPolicies) -> None:
    async def run(client: openai.AsyncOpenAI) -> tuple[Any, ...]:
        file = await client.files.create(file=("lines.jsonl", b"{}"), purpose="batch")
        batch = await client.batches.create(
            input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"
        )
        looks = [await client.batches.retrieve(batch.id) for _ in range(2)]
        job = await client.fine_tuning.jobs.create(model="gpt-4o", training_file=file.id)
        jobs = [await client.fine_tuning.jobs.retrieve(job.id) for _ in range(2)]
        return (await client.files.content(file.id)).content, looks, jobs

    client = v1(small)
    content, looks, jobs = ask(small, client, run(client))

    assert content == b"{}"
    assert [look.status for look in looks] == ["in_progress", "completed"]
    assert looks[1].usage.total_tokens == 200
    assert jobs[1].trained_tokens == 5000


def test_an_old_api_version_rejects_stream_options(small: SmallPolicies) -> None:
    client = azure(small, "2024-02-01")
    options: Any = {"include_usage": True}
    work = client.chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True, stream_options=options)

    with pytest.raises(openai.BadRequestError, match="stream_options"):
        ask(small, client, work)


def test_the_content_filter_and_an_unknown_deployment_are_client_errors(small: SmallPolicies) -> None:
    client = azure(small)
    with pytest.raises(openai.NotFoundError, match="does not exist"):
        ask(small, client, client.chat.completions.create(model="absent", messages=MESSAGES))

    small.fault("oai-swedencentral", "filter")
    client = azure(small)
    with pytest.raises(openai.BadRequestError, match="content management policy") as filtered:
        ask(small, client, client.chat.completions.create(model="gpt-4o", messages=MESSAGES))

    assert filtered.value.code == "content_filter"


def test_a_busy_account_says_when_to_come_back(small: SmallPolicies) -> None:
    small.fault("oai-swedencentral", "429", retryAfterMs=2500)
    client = azure(small)

    with pytest.raises(openai.RateLimitError) as busy:
        ask(small, client, client.chat.completions.create(model="gpt-4o", messages=MESSAGES))

    assert busy.value.response.headers["retry-after"] == "3"
    assert busy.value.response.headers["retry-after-ms"] == "2500"


def test_faults_come_by_chance_the_same_way_for_the_same_seed(small: SmallPolicies) -> None:
    def statuses() -> list[int]:
        small.fault("oai-swedencentral", "500", probability=0.5, seed=7)
        small.clock.now += 1000
        account = small.accounts.accounts["oai-swedencentral"]
        return [account.faults.strike().mode for _ in range(20)]

    assert statuses() == statuses()
    assert {"ok", "500"} == set(statuses())
