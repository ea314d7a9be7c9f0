"""Counts the tokens of a text for a model, offline: tiktoken with rank files that are part of the package."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import zstandard

from chargeback.services.running.work_folder import work_folder

if TYPE_CHECKING:
    import tiktoken

DEFAULT_ENCODING = "o200k_base"
"""What every chat model since GPT-4o uses; the guess for a model that tiktoken does not know."""

RANK_FILES = {
    "cl100k_base": "9b5ad71b2ce5302211f9c61530b329a4922fc6a4",
    "o200k_base": "fb374d419588a4632f3f557e76b4b70aebbca790",
    "o200k_harmony": "fb374d419588a4632f3f557e76b4b70aebbca790",
}
"""The file of each encoding that works offline, named by its address's SHA-1, as tiktoken looks it up."""

MAX_PIECE = 200_000
"""Characters that are encoded at once: tiktoken panics on half a million blanks in a row."""


@dataclass(frozen=True, slots=True)
class TokenCount:
    """The tokens of a text; `guessed` when the model is unknown and the default encoding stood in."""

    model: str
    encoding: str
    tokens: int
    guessed: bool


def count_tokens(model: str, text: str) -> TokenCount:
    """Count the tokens of a text; what looks like a special token counts as the ordinary text that it is.

    Only text: the tokens that roles, tools, pictures and reasoning add are not seen.
    """
    name, guessed = _encoding_name(model)
    encode = _encoding(name).encode_ordinary
    return TokenCount(model, name, sum(len(encode(piece)) for piece in _pieces(text)), guessed)


def _pieces(text: str) -> Iterator[str]:
    """The text cut before blanks, where a token begins anyway, so that only very long texts differ at all."""
    start = 0
    while len(text) - start > MAX_PIECE:
        cut = text.rfind(" ", start + 1, start + MAX_PIECE)
        end = cut if cut > start else start + MAX_PIECE
        yield text[start:end]
        start = end
    yield text[start:]


def _encoding_name(model: str) -> tuple[str, bool]:
    from tiktoken.model import (
        encoding_name_for_model,
    )  # here, because importing it takes as long as a cold start may

    try:
        name = encoding_name_for_model(model.strip().casefold())
    except KeyError:
        return DEFAULT_ENCODING, True
    return (name, False) if name in RANK_FILES else (DEFAULT_ENCODING, True)


@cache
def _encoding(name: str) -> "tiktoken.Encoding":
    import tiktoken

    with _cache_folder(RANK_FILES[name]):
        return tiktoken.get_encoding(name)


@contextmanager
def _cache_folder(file_name: str) -> Iterator[None]:
    """Let tiktoken find the unpacked file in its cache (it checks the SHA-256), and put things back after."""
    packed = files("chargeback").joinpath("data", "tiktoken", f"{file_name}.zst").read_bytes()
    before = os.environ.get("TIKTOKEN_CACHE_DIR")
    with work_folder("tokens") as folder:
        Path(folder, file_name).write_bytes(zstandard.decompress(packed))
        os.environ["TIKTOKEN_CACHE_DIR"] = folder
        try:
            yield
        finally:
            if before is None:
                del os.environ["TIKTOKEN_CACHE_DIR"]
            else:
                os.environ["TIKTOKEN_CACHE_DIR"] = before
