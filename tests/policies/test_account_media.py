"""Accounting of pictures, vectors and sound: by their usage, or by what can be measured of them."""

import pytest

from tests.policies.conftest import MakeRegion
from tests.policies.one_region import OneRegion


def test_pictures_without_usage_carry_their_number_size_and_quality(one_region: OneRegion) -> None:
    one_region.script(
        "oai-swedencentral", body={"created": 1, "data": [{"url": "https://x/1"}, {"url": "https://x/2"}]}
    )
    body = {"prompt": "a cat", "n": 2, "size": "1792x1024", "quality": "hd"}

    one_region.client.post(
        "/deployments/gpt-image-1/images/generations?api-version=2024-10-21",
        json=body,
        headers={"api-key": "key-search"},
    )

    data = one_region.event()["data"]
    assert data["operation"] == "images.generations"
    assert data["quantities"] == {"images": 2, "size": "1792x1024", "quality": "hd"}


def test_pictures_with_usage_carry_it_however_large_they_are(make_region: MakeRegion) -> None:
    one_region = make_region(sku="Premium")  # what a smaller tier makes of them: test_sizes.py
    usage = {"input_tokens": 10, "output_tokens": 4160, "total_tokens": 4170}
    one_region.script("oai-swedencentral", body={"created": 1, "data": [{"b64_json": "A" * 3_000_000}], "usage": usage})

    one_region.client.post(
        "/v1/images/generations",
        json={"model": "gpt-image-1", "prompt": "cat"},
        headers={"api-key": "key-search"},
    )

    data = one_region.event()["data"]
    assert data["usage"] == usage
    assert data["deployment"] == "gpt-image-1"
    assert "quantities" not in data


def test_embeddings_carry_usage_behind_their_vectors(one_region: OneRegion) -> None:
    vectors = [{"object": "embedding", "index": n, "embedding": [0.1] * 500} for n in range(20)]
    usage = {"prompt_tokens": 40, "total_tokens": 40}
    one_region.script(
        "oai-swedencentral",
        body={"object": "list", "data": vectors, "model": "text-embedding-3-large", "usage": usage},
    )

    one_region.client.post(
        "/deployments/text-embedding-3-large/embeddings?api-version=2024-10-21",
        json={"input": ["a"] * 20},
        headers={"api-key": "key-search"},
    )

    data = one_region.event()["data"]
    assert (data["usage"], data["model"]) == (usage, "text-embedding-3-large")


def test_speech_is_measured_in_characters(one_region: OneRegion) -> None:
    one_region.script("oai-swedencentral", body=b"ID3", type="audio/mpeg")

    one_region.client.post(
        "/deployments/tts/audio/speech?api-version=2024-10-21",
        json={"input": "Grüezi 👋", "voice": "alloy"},
        headers={"api-key": "key-search"},
    )

    data = one_region.event()["data"]
    assert data["operation"] == "audio.speech"
    assert data["quantities"] == {"characters": 8}


@pytest.mark.parametrize(("kind", "seconds"), [("audio/wav", 0.5), ("audio/pcm", 0.5), ("audio/mpeg", None)])
def test_speech_whose_bytes_tell_its_length_says_how_long_it_is(
    one_region: OneRegion, kind: str, seconds: float | None
) -> None:
    one_region.script("oai-swedencentral", body=bytes(24_000), type=kind)

    one_region.client.post(
        "/deployments/tts/audio/speech?api-version=2024-10-21",
        json={"input": "hi", "voice": "alloy"},
        headers={"api-key": "key-search"},
    )

    assert one_region.event()["data"].get("quantities", {}).get("audioSeconds") == seconds


@pytest.mark.parametrize(
    ("body", "kind", "expected"),
    [
        (
            {"text": "hi", "usage": {"type": "duration", "seconds": 9}},
            "application/json",
            {"usage": {"type": "duration", "seconds": 9}},
        ),
        (
            {"text": "hi", "duration": 8.47, "segments": []},
            "application/json",
            {"quantities": {"audioSeconds": 8.47}},
        ),
        (b"hi", "text/plain", {}),
    ],
)
def test_a_transcription_is_measured_where_its_answer_tells(
    one_region: OneRegion, body: object, kind: str, expected: dict
) -> None:  # type: ignore[type-arg]
    one_region.script("oai-swedencentral", body=body, type=kind)

    one_region.client.post(
        "/v1/audio/transcriptions",
        data={"model": "whisper", "response_format": "json"},
        files={"file": ("a.mp3", b"\x00\xff" * 100_000, "audio/mpeg")},
        headers={"api-key": "key-search"},
    )

    data = one_region.event()["data"]
    assert data["operation"] == "audio.transcriptions"
    assert data["deployment"] == "whisper"
    assert {key: data[key] for key in ("usage", "quantities") if key in data} == expected
