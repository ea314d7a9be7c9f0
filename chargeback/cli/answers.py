"""What a command answers on standard output: lines for a person, or one JSON document for a script."""

from collections.abc import Iterable
from typing import TypeVar

import msgspec
import typer

S = TypeVar("S", bound=msgspec.Struct)


class Answer(msgspec.Struct, frozen=True, rename="camel"):
    """The base of every document that `--json` prints: camelCase names, amounts as strings beside their currency."""


def answer(document: Answer, lines: Iterable[str], *, as_json: bool) -> None:
    """Print the document or the lines."""
    if as_json:
        print_json(document)
    else:
        for line in lines:
            typer.echo(line)


def print_json(document: msgspec.Struct) -> None:
    """Print one JSON document."""
    typer.echo(msgspec.json.format(msgspec.json.encode(document), indent=2).decode())


def as_answer(found: object, kind: type[S]) -> S:
    """The document that has a service's result, attribute by attribute."""
    return msgspec.convert(found, kind, from_attributes=True)
