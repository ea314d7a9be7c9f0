"""Checks that compiled expressions use only the types and members that API Management allows."""

import re
from functools import cache
from pathlib import Path

from stack.gateway.assembly import Assembly
from stack.gateway.errors import Fault
from stack.gateway.nodes import Expression
from stack.yaml_text import from_yaml

_DIGIT_SEPARATOR = re.compile(r"\b\d+(?:_\d+)+\b|\b0[xXbB][0-9a-fA-F]*_[0-9a-fA-F_]*")
_STRINGS = re.compile(r'@"(?:[^"]|"")*"|\$?"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])\'', re.DOTALL)
_COMMENTS = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)


@cache
def _allowed() -> tuple[dict[str, frozenset[str]], frozenset[str]]:
    document = from_yaml((Path(__file__).parent / "allowlist.yaml").read_text("utf-8"))
    types = {
        f"{namespace}.{name}": frozenset(members)
        for namespace, entries in document["types"].items()
        for name, members in entries.items()
    }
    return types, frozenset(document["compiled"])


def permits(kind: str, member: str) -> bool:
    """Whether expressions may use `member` of the type `kind`; an empty member is the type alone."""
    types, compiled = _allowed()
    outer = kind.split("/")[0]
    if outer in compiled or f"{outer.rpartition('.')[0]}.*" in types:
        return True
    members = types.get(outer)
    if members is None:
        return False
    plain = member.removeprefix("get_")
    return not member or "*" in members or member in members or plain in members


def allowlist_faults(assembly: Assembly, expressions: list[Expression]) -> list[Fault]:
    """The uses of types or members that the real gateway refuses."""
    faults = [
        _fault(expressions[number], kind, member) for number, kind, member in assembly.uses if not permits(kind, member)
    ]
    return sorted({*faults}, key=lambda fault: (fault.file, fault.line, fault.reason))


def without_strings(code: str, *, comments: bool = True) -> str:
    """C# without its string and character literals, and without comments; lines keep their numbers."""

    def lines(match: re.Match[str]) -> str:
        return "\n" * match.group().count("\n")

    code = _STRINGS.sub(lines, code)
    return _COMMENTS.sub(lines, code) if comments else code


def source_faults(expressions: list[Expression]) -> list[Fault]:
    """Code that Mono's compiler reads differently from the service's: digit separators."""
    faults = []
    for expression in expressions:
        code = without_strings(expression.code)
        for match in _DIGIT_SEPARATOR.finditer(code):
            line = expression.line + code.count("\n", 0, match.start())
            reason = f"write {match.group()} without digit separators: they are misread by Mono's compiler"
            faults.append(Fault(expression.file, line, reason))
    return faults


def _fault(expression: Expression, kind: str, member: str) -> Fault:
    plain = re.sub(r"^(get|set|op|add|remove)_", "", member).lstrip(".")
    seen = re.search(rf"\b{re.escape(plain or kind.rpartition('.')[2])}\b", expression.code)
    line = expression.line + (expression.code.count("\n", 0, seen.start()) if seen else 0)
    what = f"{kind}.{plain}" if plain and member != ".ctor" else kind
    return Fault(expression.file, line, f"{what} is not among the types and members that expressions may use")
