"""Works out Bicep expressions: what a deployment decides from its configuration alone, before Azure is asked.

Bicep's compiler is the authority (compiler.py); this reader covers only what infra/ uses.

The grammar of tree-sitter-bicep reads `a.x == b.y` as `(a.x == b).y`, so expressions have a parser of their own.
"""

import functools
import re
from collections import ChainMap
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from stack.bicep.functions import FUNCTIONS, LOADERS, OPERATORS, shown

Scope = Mapping[str, Any]
Meaning = Callable[[Scope], Any]
TOKEN = re.compile(
    r"(?P<skip>[ \t\r]+|//[^\n]*)|(?P<number>\d+)|(?P<name>[A-Za-z_]\w*)|(?P<string>')"
    r"|(?P<sign>=>|==|!=|\?\?|&&|\|\||<=|>=|\.\?|[-+*/%<>?:.,()\[\]{}!\n])"
)
LEVELS = (("??",), ("||",), ("&&",), ("==", "!="), ("<", ">", "<=", ">="), ("+", "-"), ("*", "/", "%"))


def evaluate(source: str, scope: Scope) -> Any:
    """The value of an expression. Raises `KeyError` for a function or a name that only Azure knows."""
    parser = _Parser(list(_tokens(source)))
    meaning = parser.expression()
    parser.skip_lines()
    parser.take("end")
    return meaning(scope)


def _tokens(source: str) -> Iterator[tuple[str, Any]]:
    at = 0
    while at < len(source):
        match = TOKEN.match(source, at)
        assert match, f"not a token: {source[at : at + 30]!r}"
        at = match.end()
        if match.lastgroup == "string":
            parts, at = _string_parts(source, at)
            yield "string", parts
        elif match.lastgroup == "sign":
            yield match[0], match[0]
        elif match.lastgroup != "skip":
            yield str(match.lastgroup), match[0]
    yield "end", None


def _string_parts(source: str, at: int) -> tuple[list[str | list[tuple[str, Any]]], int]:
    """The parts of a string, text or interpolated tokens, and the place after the closing quote."""
    parts: list[str | list[tuple[str, Any]]] = [""]
    while source[at] != "'":
        if source.startswith("${", at):
            end = _closing_brace(source, at + 2)
            parts += [list(_tokens(source[at + 2 : end])), ""]
            at = end + 1
            continue
        at += source[at] == "\\"
        parts[-1] = f"{parts[-1]}{source[at]}"
        at += 1
    return parts, at + 1


def _closing_brace(source: str, at: int) -> int:
    depth = 0
    while depth or source[at] != "}":
        if source[at] == "'":
            at = _string_parts(source, at + 1)[1]
            continue
        depth += {"{": 1, "}": -1}.get(source[at], 0)
        at += 1
    return at


class _Parser:
    def __init__(self, tokens: list[tuple[str, Any]]) -> None:
        self.tokens, self.at = tokens, 0

    @property
    def next(self) -> str:
        return self.tokens[self.at][0]

    def take(self, kind: str) -> Any:
        assert self.next == kind, f"{kind!r} expected, {self.tokens[self.at : self.at + 4]} found"
        self.at += 1
        return self.tokens[self.at - 1][1]

    def skip_lines(self) -> None:
        while self.next in ("\n", ","):
            self.at += 1

    def follows(self, *kinds: str) -> bool:
        """Whether these tokens come next, line ends between them left out."""
        rest = [kind for kind, _ in self.tokens[self.at : self.at + 8] if kind != "\n"]
        return tuple(rest[: len(kinds)]) == kinds

    def expression(self) -> Meaning:
        condition = self.binary(0)
        if not self.follows("?"):
            return condition
        self.skip_lines()
        self.take("?")
        yes = self.expression()
        self.skip_lines()
        self.take(":")
        no = self.expression()
        return lambda scope: yes(scope) if condition(scope) else no(scope)

    def binary(self, level: int) -> Meaning:
        if level == len(LEVELS):
            return self.unary()
        left = self.binary(level + 1)
        while self.next in LEVELS[level]:
            left = _operation(self.take(self.next), left, self.binary(level + 1))
        return left

    def unary(self) -> Meaning:
        self.skip_lines()
        if self.next == "!":
            self.take("!")
            operand = self.unary()
            return lambda scope: not operand(scope)
        return self.postfix(self.primary())

    def postfix(self, owner: Meaning) -> Meaning:
        while self.next in (".", ".?", "[", "!"):
            owner = self.access(owner, self.take(self.next))
        return owner

    def access(self, owner: Meaning, sign: str) -> Meaning:
        if sign == "!":
            return owner
        if sign == "[":
            index = self.expression()
            self.take("]")
            return lambda scope: owner(scope)[index(scope)]
        name = self.take("name")
        if sign == ".?":
            return lambda scope: owner(scope).get(name)
        return lambda scope: owner(scope)[name]

    def primary(self) -> Meaning:
        kind, value = self.tokens[self.at]
        if kind == "(":
            return self.parenthesis()
        self.at += 1
        if kind == "number":
            return lambda _: int(value)
        if kind == "string":
            return _string(value)
        if kind == "[":
            self.skip_lines()
            return self.loop() if self.tokens[self.at] == ("name", "for") else self.array()
        if kind == "{":
            return self.object()
        assert kind == "name", f"unexpected {value!r}"
        if self.next == "=>":
            return self.function([value])
        if self.next == "(":
            self.take("(")
            return _call(value, self.until(")"))
        return {"true": lambda _: True, "false": lambda _: False, "null": lambda _: None}.get(
            value, lambda scope: scope[value]
        )

    def parenthesis(self) -> Meaning:
        self.take("(")
        if self.follows("name", ",") or self.follows("name", ")", "=>"):
            names = [self.take("name")]
            while self.next == ",":
                self.take(",")
                names.append(self.take("name"))
            self.take(")")
            return self.function(names)
        inner = self.expression()
        self.skip_lines()
        self.take(")")
        return inner

    def function(self, names: list[str]) -> Meaning:
        self.take("=>")
        body = self.expression()
        return lambda scope: lambda *values: body(ChainMap(dict(zip(names, values, strict=True)), scope))  # type: ignore[arg-type]

    def until(self, end: str) -> list[Meaning]:
        found = []
        self.skip_lines()
        while self.next != end:
            found.append(self.expression())
            self.skip_lines()
        self.take(end)
        return found

    def array(self) -> Meaning:
        items = self.until("]")
        return lambda scope: [item(scope) for item in items]

    def object(self) -> Meaning:
        found: list[tuple[Meaning, Meaning]] = []
        self.skip_lines()
        while self.next != "}":
            kind, value = self.tokens[self.at]
            self.at += 1
            key = _string(value) if kind == "string" else functools.partial(lambda name, _: name, value)
            self.take(":")
            found.append((key, self.expression()))
            self.skip_lines()
        self.take("}")
        return lambda scope: {key(scope): value(scope) for key, value in found}

    def loop(self) -> Meaning:
        self.take("name")
        names = [self.take("name")] if self.next == "name" else self.pair()
        assert self.take("name") == "in"
        items = self.expression()
        self.take(":")
        body = self.expression()
        self.skip_lines()
        self.take("]")
        return lambda scope: [
            body(ChainMap(dict(zip(names, (item, i), strict=False)), scope))  # type: ignore[arg-type]
            for i, item in enumerate(items(scope))
        ]

    def pair(self) -> list[str]:
        self.take("(")
        first = self.take("name")
        self.take(",")
        second = self.take("name")
        self.take(")")
        return [first, second]


def _string(parts: list[Any]) -> Meaning:
    meanings = [part if isinstance(part, str) else _Parser(part).expression() for part in parts]
    return lambda scope: "".join(part if isinstance(part, str) else shown(part(scope)) for part in meanings)


def _call(name: str, arguments: list[Meaning]) -> Meaning:
    def call(scope: Scope) -> Any:
        values = [argument(scope) for argument in arguments]
        if name in LOADERS:
            return LOADERS[name]((scope["dir"] / values[0]).read_text("utf-8"))
        return (FUNCTIONS.get(name) or scope[name])(*values)

    return call


def _operation(sign: str, left: Meaning, right: Meaning) -> Meaning:
    return lambda scope: OPERATORS[sign](left(scope), lambda: right(scope))
