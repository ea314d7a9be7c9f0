"""Parses policy XML into a tree in which every element, attribute and expression knows its file and line."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers import expat

from stack.gateway.errors import Fault, PolicyFault

_ATTRIBUTE = re.compile(rb"""([\w:.-]+)\s*=\s*("[^"]*"|'[^']*')""")


@dataclass(eq=False, slots=True)
class Expression:
    """One C# expression; `number` is its place in the compiled assembly."""

    code: str
    returns: str
    file: str
    line: int
    number: int = -1

    @property
    def statements(self) -> bool:
        """Whether it is `@{…}` rather than `@(…)`."""
        return self.code.startswith("@{")

    @property
    def body(self) -> str:
        """The C# between the brackets."""
        return self.code[2:-1]


Value = str | Expression


@dataclass(eq=False, slots=True)
class Node:
    """One policy element."""

    name: str
    file: str
    line: int
    attributes: dict[str, Value] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    children: list["Node"] = field(default_factory=list)
    text: Value = ""
    text_line: int = 0

    def walk(self) -> Iterator["Node"]:
        """This element and everything below it, in document order."""
        yield self
        for child in self.children:
            yield from child.walk()

    def expressions(self) -> Iterator[Expression]:
        """The expressions of this element alone."""
        values = [*self.attributes.values(), self.text]
        yield from (value for value in values if isinstance(value, Expression))

    def fault(self, reason: str, attribute: str | None = None) -> Fault:
        """A defect at this element, or at one of its attributes."""
        return Fault(self.file, self.lines.get(attribute or "", self.line), reason)


class _Builder:
    def __init__(self, file: str, source: bytes) -> None:
        self.file, self.source = file, source
        self.root: Node | None = None
        self._open: list[Node] = []
        self.parser = expat.ParserCreate()
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        line, at = self.parser.CurrentLineNumber, self.parser.CurrentByteIndex
        node = Node(name, self.file, line, dict(attributes), self._lines(at, line, set(attributes)))
        if self._open:
            self._open[-1].children.append(node)
        else:
            self.root = node
        self._open.append(node)

    def _lines(self, at: int, line: int, names: set[str]) -> dict[str, int]:
        lines: dict[str, int] = {}
        if not names:
            return lines
        for match in _ATTRIBUTE.finditer(self.source, at):
            name = match.group(1).decode()
            if name not in names or name in lines:
                break
            lines[name] = line + self.source.count(b"\n", at, match.start())
        return lines

    def _end(self, _name: str) -> None:
        self._open.pop()

    def _text(self, text: str) -> None:
        node = self._open[-1]
        if text.strip() and not node.text_line:
            blank = text[: len(text) - len(text.lstrip())]
            node.text_line = self.parser.CurrentLineNumber + blank.count("\n")
        node.text = f"{node.text}{text}"


def parse(source: bytes, file: str) -> Node:
    """The tree of one document; `file` is the name that errors give."""
    builder = _Builder(file, source)
    try:
        builder.parser.Parse(source, True)
    except expat.ExpatError as error:
        reason = expat.errors.messages[error.code]
        raise PolicyFault([Fault(file, error.lineno, f"not well-formed XML: {reason}")]) from None
    assert builder.root is not None
    return builder.root


def parse_file(path: Path, base: Path) -> Node:
    """The tree of the document at `path`, named in errors relative to `base`."""
    name = path.relative_to(base).as_posix() if path.is_relative_to(base) else path.as_posix()
    return parse(path.read_bytes(), name)
