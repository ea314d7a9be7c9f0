"""Tokens of a string are counted as the provider counts them, without a network."""

import hashlib
import os
import socket
from importlib.resources import files

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from chargeback.services.usage.count_tokens import MAX_PIECE, RANK_FILES, TokenCount, _encoding, count_tokens

SHA256 = {
    "cl100k_base": "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
    "o200k_base": "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
}


@pytest.mark.parametrize("encoding", SHA256)
def test_the_rank_files_are_byte_for_byte_those_that_openai_publishes(encoding: str) -> None:
    packed = files("chargeback").joinpath("data", "tiktoken", f"{RANK_FILES[encoding]}.zst").read_bytes()

    assert hashlib.sha256(zstandard.decompress(packed)).hexdigest() == SHA256[encoding]
    address = f"https://openaipublic.blob.core.windows.net/encodings/{encoding}.tiktoken"
    assert hashlib.sha1(address.encode()).hexdigest() == RANK_FILES[encoding]


def test_counting_needs_no_network_and_leaves_the_environment_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError("no network in this test")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", "/nowhere")
    _encoding.cache_clear()

    counts = [count_tokens(model, "How many tokens is this?").tokens for model in ("gpt-4o", "gpt-4", "gpt-oss-120b")]

    assert counts == [6, 6, 6]
    assert os.environ["TIKTOKEN_CACHE_DIR"] == "/nowhere"


@pytest.mark.parametrize(
    ("model", "encoding", "guessed"),
    [
        ("gpt-4o", "o200k_base", False),
        ("GPT-4o-2024-11-20", "o200k_base", False),
        ("gpt-4.1-mini", "o200k_base", False),
        ("o4-mini", "o200k_base", False),
        ("gpt-5-mini-2025-08-07", "o200k_base", False),
        ("gpt-35-turbo", "cl100k_base", False),
        ("text-embedding-3-large", "cl100k_base", False),
        ("gpt-oss-120b", "o200k_harmony", False),
        ("my-model", "o200k_base", True),
        ("text-davinci-003", "o200k_base", True),
        ("", "o200k_base", True),
    ],
)
def test_the_model_decides_the_encoding_and_an_unknown_one_is_said_to_be_guessed(
    model: str, encoding: str, *, guessed: bool
) -> None:
    assert count_tokens(model, "Bücher") == TokenCount(model, encoding, 2 if encoding != "cl100k_base" else 3, guessed)


def test_a_special_token_in_the_text_of_a_user_is_ordinary_text() -> None:
    assert count_tokens("gpt-4o", "<|endoftext|>").tokens == 7


@given(st.text(max_size=200))
def test_any_text_has_at_most_a_token_for_each_of_its_bytes(text: str) -> None:
    tokens = count_tokens("gpt-4o", text).tokens

    assert bool(tokens) == bool(text)
    assert tokens <= len(text.encode())


@pytest.mark.parametrize("blank", [" ", "\t ", "\n"])
def test_a_million_blanks_are_counted_like_any_text(blank: str) -> None:
    assert 0 < count_tokens("gpt-4o", blank * 1_000_000).tokens < 1_000_000


def test_a_long_text_has_as_many_tokens_as_tiktoken_finds_in_one_go() -> None:
    text = "The quick brown fox jumps over 13 lazy dogs;\n\nnaïve café. " * (MAX_PIECE // 20)

    assert count_tokens("gpt-4o", text).tokens == len(_encoding("o200k_base").encode_ordinary(text))
