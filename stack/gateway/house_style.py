"""Which policy files are hard to read: those with a false header or with long lines."""

import re
from collections.abc import Iterator
from pathlib import Path

from stack.gateway.errors import Fault
from stack.gateway.nodes import Node, parse_file

LONGEST_LINE = 120
"""Characters, as in the Python of this repository."""

_HEADINGS = ("Purpose:", "Reads:", "Writes:", "Fails how:")
_READ = re.compile(r"""\bVariables(?:\[|\.ContainsKey\(|\.GetValueOrDefault(?:<[^()]*>)?\()"(\w+)\"""")


def style_faults(path: Path, base: Path) -> Iterator[Fault]:
    """Everything in one file that its readers would stumble over."""
    root = parse_file(path, base)
    source = path.read_text("utf-8")
    for number, line in enumerate(source.splitlines(), 1):
        if len(line) > LONGEST_LINE:
            yield Fault(root.file, number, f"the line has {len(line)} characters; break it at {LONGEST_LINE}")
    header = source.split("-->")[0]
    missing = [heading for heading in _HEADINGS if heading not in header]
    if missing:
        yield Fault(root.file, 1, f"the header comment lacks {', '.join(missing)}")
        return
    reads, writes = (_section(header, heading) for heading in ("Reads:", "Writes:"))
    for node in root.walk():
        for name in sorted(_written(node) - writes):
            yield node.fault(f"the header must list the variable {name!r} under Writes")
        for name in sorted(_read(node) - reads - writes):
            yield node.fault(f"the header must list the variable {name!r} under Reads")


def _section(header: str, heading: str) -> set[str]:
    """The words that stand between a heading and the next one."""
    rest = header.split(heading, 1)[1]
    ends = [rest.index(other) for other in _HEADINGS if other in rest]
    return set(re.findall(r"\w+", rest[: min(ends, default=len(rest))]))


def _written(node: Node) -> set[str]:
    """The variables that an element sets."""
    if node.name == "set-variable":
        return {str(node.attributes["name"])}
    return {str(value) for name, value in node.attributes.items() if name.endswith("variable-name")}


def _read(node: Node) -> set[str]:
    """The variables that an element's own expressions ask for."""
    return {name for value in [*node.attributes.values(), node.text] for name in _READ.findall(str(value))}
