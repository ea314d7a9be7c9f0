"""The packages that applications use, with their defaults, against the gateway and its accounts."""

import asyncio
import json
import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from langchain_openai import AzureChatOpenAI, AzureOpenAIEmbeddings, ChatOpenAI
from openai import DefaultHttpxClient, OpenAI

from tests.policies.engines import ROOT, Engines, Loop
from tests.policies.one_region import EU, US
from tests.policies.whole_path import WholePath

SOUND = ("speech.wav", b"RIFF" + bytes(48_000), "audio/wav")
PICTURE = ("cat.png", b"\x89PNG\r\n\x1a\n" + bytes(64), "image/png")
HELLO: list[Any] = [{"role": "user", "content": "Hello!"}]


@pytest.fixture(scope="module")
def one_stage(engines: tuple[Engines, Loop], tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholePath]:
    """One gateway for all of these tests."""
    whole_path = WholePath(engines[1], tmp_path_factory.mktemp("stage"))
    yield whole_path
    whole_path.close()


@pytest.fixture
def whole_path(one_stage: WholePath) -> WholePath:
    """The gateway, with every account well and no event seen."""
    for account in one_stage.backends.accounts.values():
        account.faults.command({"mode": "ok"})
    one_stage.sent()
    one_stage.events.clear()
    return one_stage


def operations(whole_path: WholePath) -> list[str]:
    """What the events say was called."""
    return [event["data"]["operation"] for event in whole_path.sent()]


def test_the_openai_package_chats_and_responds(whole_path: WholePath) -> None:
    with whole_path.azure() as azure, whole_path.v1() as plain:
        chat = azure.chat.completions.create(model="gpt-5.4", messages=HELLO)
        chunks = list(plain.chat.completions.create(model="gpt-5.4", messages=HELLO, stream=True))
        first = plain.responses.create(model="gpt-5.4", input="Hello!")
        second = plain.responses.create(model="gpt-5.4", input="And?", previous_response_id=first.id)
        events = list(plain.responses.create(model="gpt-5.4", input="Hello!", stream=True))
        begun = plain.responses.create(model="gpt-5.4", input="Think!", background=True)
        looks = [plain.responses.retrieve(begun.id).status for _ in range(2)]

    assert chat.choices[0].message.content
    assert chunks[-1].usage
    assert second.previous_response_id == first.id
    assert events[-1].type == "response.completed"
    assert looks == ["in_progress", "completed"]
    assert operations(whole_path) == ["chat.completions"] * 2 + ["responses"] * 6


def test_the_openai_package_embeds_draws_listens_and_speaks(whole_path: WholePath) -> None:
    with whole_path.azure() as azure, whole_path.v1(region="eastus2") as plain:
        vectors = azure.embeddings.create(model="text-embedding-3-large", input=["one", "two"])
        drawn = azure.images.generate(model="gpt-image-2", prompt="a cat")
        edited = plain.images.edit(model="gpt-image-2", image=PICTURE, prompt="a dog")
        heard = plain.audio.transcriptions.create(model="gpt-4o-mini-transcribe", file=SOUND)
        spoken = plain.audio.speech.create(model="gpt-4o-mini-tts", input="Hello!", voice="alloy")

    assert [len(each.embedding) for each in vectors.data] == [3072, 3072]
    assert drawn.usage
    assert edited.usage
    assert heard.text
    assert spoken.content.startswith(b"ID3")
    assert operations(whole_path) == [
        *("embeddings", "images.generations", "images.edits"),
        *("audio.transcriptions", "audio.speech"),
    ]


def test_the_openai_package_keeps_files_and_runs_batches(whole_path: WholePath) -> None:
    with whole_path.v1() as plain:
        file = plain.files.create(file=("lines.jsonl", b"{}"), purpose="batch")
        batch = plain.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h")
        looks = [plain.batches.retrieve(batch.id).status for _ in range(2)]
        content = plain.files.content(file.id).content
        gone = plain.files.delete(file.id)
        models = [model.id for model in plain.models.list()]

    assert looks == ["in_progress", "completed"]
    assert content == b"{}"
    assert gone.deleted
    assert "gpt-5.4" in models
    assert operations(whole_path) == ["files", "batches", "batches", "batches", "files", "files", "models"]


def test_langchain_chats_streams_and_embeds(whole_path: WholePath) -> None:
    key, url = whole_path.running.keys["search"], whole_path.running.urls["swedencentral"]
    azure: Any = {"azure_endpoint": url, "api_key": key, "api_version": "2024-10-21"}
    sync, later = httpx.Client(trust_env=False), httpx.AsyncClient(trust_env=False)
    clients: Any = {"http_client": sync, "http_async_client": later}

    try:
        model = AzureChatOpenAI(azure_deployment="gpt-5.4", **azure, **clients)
        answer = model.invoke("Hello!")
        parts = list(model.stream("Hello!"))
        plain = ChatOpenAI(
            model="gpt-5.4",
            base_url=f"{url}/openai/v1/",
            api_key="unused",  # type: ignore[arg-type]
            default_headers={"api-key": key},
            use_responses_api=True,
            **clients,
        )
        responded = plain.invoke("Hello!")
        embeddings = AzureOpenAIEmbeddings(
            azure_deployment="text-embedding-3-large", check_embedding_ctx_length=False, **azure, **clients
        )
        vector = embeddings.embed_query("Hello!")
    finally:
        sync.close()
        asyncio.run(later.aclose())

    assert answer.usage_metadata
    assert answer.usage_metadata["total_tokens"] > 0
    assert "".join(part.text for part in parts)
    assert responded.text
    assert len(vector) == 3072
    assert operations(whole_path) == ["chat.completions", "chat.completions", "responses", "embeddings"]


def test_the_openai_package_for_node_does_the_same(whole_path: WholePath, tmp_path: Path) -> None:
    lines = tmp_path / "lines.jsonl"
    lines.write_text("{}")
    own = {
        "GATEWAY": whole_path.running.urls["swedencentral"],
        "GATEWAY_KEY": whole_path.running.keys["search"],
        "UPLOAD": str(lines),
    }

    done = subprocess.run(
        ["node", "tests/policies/node_client.mjs"],
        text=True,
        capture_output=True,
        env={**os.environ, **own},
        cwd=ROOT,
        timeout=60,
    )

    assert done.stderr == ""
    got = json.loads(done.stdout)
    assert got["chat"] > 0
    assert got["streamed"]
    assert (got["last"], got["vectors"], got["kept"]) == ("response.completed", [3072, 3072], 2)
    assert got["unsized"] == ["processed", 2]
    assert operations(whole_path) == [
        "chat.completions",
        "chat.completions",
        "responses",
        "embeddings",
        "files",
        "files",
    ]


def default_client(whole_path: WholePath, subscription: str = "search") -> OpenAI:
    """The v1 client as an application makes it: it repeats a failed call twice."""
    return OpenAI(
        base_url=f"{whole_path.running.urls['swedencentral']}/openai/v1",
        api_key="unused",
        default_headers={"api-key": whole_path.running.keys[subscription]},
        http_client=DefaultHttpxClient(trust_env=False),
    )


def statuses(whole_path: WholePath) -> list[int]:
    """What each call that reached the gateway was answered."""
    return [event["data"]["statusCode"] for event in whole_path.sent()]


def test_one_busy_account_is_not_the_clients_to_repeat(whole_path: WholePath) -> None:
    whole_path.fault(EU[0], "429", retryAfterMs=60_000)

    with default_client(whole_path) as client:
        client.responses.create(model="gpt-5.4", input="Hello!")

    assert statuses(whole_path) == [200]


def test_a_client_waits_out_a_429_of_every_account(whole_path: WholePath) -> None:
    """The package waits for `retry-after-ms`, if that is at most a minute (openai/_base_client.py)."""
    for account in (*EU, *US):
        whole_path.fault(account, "429", retryAfterMs=1100)

    def recover() -> None:
        for account in (*EU, *US):
            whole_path.fault(account, "ok")

    timer = threading.Timer(0.5, recover)
    timer.start()
    with default_client(whole_path) as client:
        answer = client.chat.completions.create(model="gpt-5.4", messages=HELLO)
    timer.join()

    assert answer.choices[0].message.content
    assert statuses(whole_path) == [429, 200]


def test_a_client_repeats_a_503_and_gives_up_with_the_gateways_words(whole_path: WholePath) -> None:
    """For a deployment that no test before has found busy: that would still be a 429."""
    for account in (*EU, *US):
        whole_path.fault(account, "503")
    client = default_client(whole_path).with_options(max_retries=0)

    with client, pytest.raises(openai.InternalServerError, match="No backend") as caught:
        client.chat.completions.create(model="gpt-4o", messages=HELLO)

    headers = caught.value.response.headers
    assert (caught.value.code, headers["x-should-retry"]) == ("no_backend_available", "true")
    assert int(headers["retry-after-ms"]) > 0


def test_a_client_that_goes_on_from_a_stream_repeats_the_409_until_the_response_can_be_seen(
    whole_path: WholePath,
) -> None:
    """The service shows a streamed response after some seconds (github.com/dotnet/extensions/issues/7704)."""
    with default_client(whole_path) as client:
        *_, last = client.responses.create(model="gpt-5.4", input="Hello!", stream=True)
        timer = threading.Timer(1, lambda: setattr(whole_path, "ahead", whole_path.ahead + 60))
        timer.start()
        second = client.responses.create(model="gpt-5.4", input="And?", previous_response_id=last.response.id)
    timer.join()

    assert second.previous_response_id == last.response.id
    assert statuses(whole_path) == [200, 409, 200]


def test_a_client_does_not_repeat_what_will_not_change(whole_path: WholePath) -> None:
    with default_client(whole_path) as client:
        for call in (
            lambda: client.post("/realtime/client_secrets", cast_to=dict[str, Any], body={}),
            lambda: client.responses.create(model="no-such-model", input="Hello!"),
        ):
            with pytest.raises(openai.APIStatusError) as caught:
                call()
            assert caught.value.response.headers["x-should-retry"] == "false"

    assert len(statuses(whole_path)) == 2
