"""The pipeline is away for a while: what the gateway's own log keeps puts the books right, to the last token."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.policies.engines import Engines, Loop
from tests.policies.whole_path import WholePath

ASK: list[Any] = [{"role": "user", "content": "What is the capital of France, and why do you think so?"}]


@pytest.fixture
def whole_path(engines: tuple[Engines, Loop], tmp_path: Path) -> Iterator[WholePath]:
    """Both regions, four accounts, empty books."""
    whole_path = WholePath(engines[1], tmp_path)
    yield whole_path
    whole_path.close()


def make_calls_of_every_kind(whole_path: WholePath) -> None:
    """A chat, a stream, vectors, a picture, sound, speech, a batch until it has ended, a response in the background."""
    line = b'{"custom_id":"1","method":"POST","url":"/v1/chat/completions","body":{"model":"gpt-4o","messages":[]}}\n'
    with (
        whole_path.azure(default_headers={"X-Username": "ann", "X-Billing-Code": "VOICE"}) as azure,
        whole_path.v1() as plain,
    ):
        azure.chat.completions.create(model="gpt-4o", messages=ASK)
        list(azure.chat.completions.create(model="gpt-4o", messages=ASK, stream=True))
        azure.embeddings.create(model="text-embedding-3-large", input=["one", "two"])
        azure.images.generate(model="gpt-image-1", prompt="a cat")
        azure.audio.transcriptions.create(model="gpt-4o-transcribe", file=("a.wav", b"RIFF" + bytes(4000), "audio/wav"))
        azure.audio.speech.create(model="tts", voice="alloy", input="Grüezi mitenand")
        file = plain.files.create(file=("b.jsonl", line), purpose="batch")
        batch = plain.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h")
        begun = plain.responses.create(model="gpt-4.1", input="think", background=True)
        for _ in range(5):
            plain.batches.retrieve(batch.id)
            plain.responses.retrieve(begun.id)


def test_after_an_outage_of_the_pipeline_the_books_are_as_without_it(
    engines: tuple[Engines, Loop], whole_path: WholePath, tmp_path: Path
) -> None:
    """Not one event arrived; `settle --since` takes each from the log, and a second run takes none."""
    (tmp_path / "calm").mkdir()
    calm = WholePath(engines[1], tmp_path / "calm")
    try:
        make_calls_of_every_kind(calm)
        calm.sent()
        calm.settle(later=4000)
        expected = calm.account()
    finally:
        calm.close()
    whole_path.away = True
    make_calls_of_every_kind(whole_path)
    whole_path.sent()
    since = datetime.now(UTC) - timedelta(hours=1)

    first = whole_path.settle(later=4000, since=since)
    second = whole_path.settle(later=4600, since=since)

    assert whole_path.events == []
    assert (first.recovered, first.settled) == (len(whole_path.lost), 1)
    assert (second.recovered, second.settled) == (0, 0)
    assert whole_path.account() == expected
    assert any("VOICE" in line for line in expected)
    whole_path.deliver_lost()
    assert whole_path.account() == expected, "an event that comes after all changes nothing"
