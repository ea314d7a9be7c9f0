"""Tokens of a text on the command line, offline."""

from typing import Annotated

import typer

from chargeback.cli.answers import Answer, answer, as_answer
from chargeback.cli.options import Json
from chargeback.cli.terminal import open_input

app = typer.Typer()


class CountedTokens(Answer, frozen=True):
    """The tokens of `count-tokens`; `guessed` where the model is unknown and its likeliest encoding was used."""

    model: str
    encoding: str
    tokens: int
    guessed: bool


@app.command("count-tokens")
def count_tokens(
    file: Annotated[str, typer.Argument(help="Text file; - reads standard input.")],
    model: Annotated[str, typer.Option(metavar="MODEL", help="The model whose tokens to count, such as gpt-4o.")],
    as_json: Json = False,
) -> None:
    """Count the tokens of a text, offline."""
    from chargeback.services.usage.count_tokens import count_tokens as count

    with open_input(file) as source:
        text = source.read().decode("utf-8", errors="replace")
    counted = count(model, text)
    guess = " (the model is not known; this is its likeliest encoding)" if counted.guessed else ""
    told = f"{counted.tokens} tokens of {counted.encoding}{guess}"
    answer(as_answer(counted, CountedTokens), [told], as_json=as_json)
