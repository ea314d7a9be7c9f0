"""Refuses regular expressions that a body could make slow: those with nested repeats, and those slow when tried."""

import base64
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from re import _constants as sre  # type: ignore[attr-defined] # the parser of the standard library has no public name
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

from stack.gateway.assembly import Assembly
from stack.gateway.errors import Fault
from stack.gateway.nodes import Expression

_CALL = re.compile(r"\bRegex\s*\.\s*(IsMatch|Matches|Match|Replace|Split)\s*\(|\bnew\s+Regex\s*\(")
_LITERAL = re.compile(r'@"(?:[^"]|"")*"|"(?:\\.|[^"\\])*"', re.DOTALL)
_SUM = re.compile(rf"(?:{_LITERAL.pattern})(?:\s*\+\s*(?:{_LITERAL.pattern}))*", re.DOTALL)
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|x[0-9a-fA-F]{1,4}|.)", re.DOTALL)
_PLAIN = {"n": "\n", "r": "\r", "t": "\t", "0": "\0"}
_REPEATS = (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT)
_HOSTILE_BYTES = 64 * 1024
_ENDS = ("\0", "\n\0")
"""What follows the hostile text, so that hardly anything matches to its end."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """One regular expression of a policy."""

    text: str
    expression: Expression
    line: int

    def fault(self, reason: str) -> Fault:
        """A defect of this pattern."""
        return Fault(self.expression.file, self.line, f"the regular expression {self.text!r} {reason}")


@dataclass(frozen=True, slots=True)
class _Hostile:
    pattern: Pattern
    before: str
    again: str
    end: str


def _as_python(text: str) -> str:
    """The pattern of .NET as Python writes it: named groups, and the very end of the string."""
    ends = re.sub(r"\\(.)", lambda escape: r"\Z" if escape[1] == "z" else escape[0], text, flags=re.DOTALL)
    return re.sub(r"\(\?<(?=[A-Za-z_])", "(?P<", ends)


def regex_faults(assembly: Assembly, expressions: list[Expression]) -> list[Fault]:
    """Patterns that cannot be checked, that nest repeats, or that need more than seconds for 64 KB made for them."""
    faults: list[Fault] = []
    patterns = [pattern for expression in expressions for pattern in _patterns(expression, faults)]
    trials: list[_Hostile] = []
    for pattern in patterns:
        try:
            tree = parser.parse(_as_python(pattern.text))
        except re.error as error:
            faults.append(pattern.fault(f"cannot be checked: {error}"))
            continue
        if _nests(tree, repeated=False):
            faults.append(pattern.fault("repeats without end inside a repeat: a body can make it take for ever"))
        else:
            trials += [_Hostile(pattern, *pair, end) for pair in sorted(set(_hostile(tree))) for end in _ENDS]
    return sorted({*faults, *_slow(assembly, trials)}, key=lambda fault: (fault.file, fault.line, fault.reason))


def _patterns(expression: Expression, faults: list[Fault]) -> Iterator[Pattern]:
    code = expression.code
    for call in _CALL.finditer(code):
        arguments = _arguments(code, call.end())
        place = 0 if call.group(1) is None else 1
        text = _literal(arguments[place], code) if len(arguments) > place else None
        line = expression.line + code.count("\n", 0, call.start())
        if text is None:
            reason = "a regular expression must be a literal, or a variable that is one, so that it can be checked"
            faults.append(Fault(expression.file, line, reason))
        else:
            yield Pattern(text, expression, line)


def _arguments(code: str, start: int) -> list[str]:
    """The arguments of a call whose opening bracket ends at `start`."""
    found: list[str] = []
    depth, at, begin = 0, start, start
    while at < len(code):
        if literal := _LITERAL.match(code, at):
            at = literal.end()
            continue
        letter = code[at]
        if letter in ")]}" and depth == 0:
            return [*found, code[begin:at]]
        if letter == "," and depth == 0:
            found.append(code[begin:at])
            begin = at + 1
        depth += (letter in "([{") - (letter in ")]}")
        at += 1
    return found


def _literal(argument: str, code: str) -> str | None:
    """The string of an argument that is a literal, a sum of literals, or a variable that is declared as one."""
    argument = argument.strip()
    if argument.isidentifier():
        declared = re.search(rf"\b(?:var|string)\s+{argument}\s*=\s*", code)
        sum_ = _SUM.match(code, declared.end()) if declared else None
    else:
        sum_ = _SUM.fullmatch(argument)
    return "".join(map(_decoded, _LITERAL.findall(sum_.group()))) if sum_ else None


def _decoded(literal: str) -> str:
    if literal.startswith("@"):
        return literal[2:-1].replace('""', '"')

    def plain(match: re.Match[str]) -> str:
        code = match.group(1)
        return chr(int(code[1:], 16)) if code[0] in "ux" and len(code) > 1 else _PLAIN.get(code, code)

    return _ESCAPE.sub(plain, literal[1:-1])


def _nests(tree: Any, *, repeated: bool) -> bool:
    for kind, value in tree:
        if kind in _REPEATS:
            _, most, inner = value
            if (repeated and most == sre.MAXREPEAT) or _nests(inner, repeated=repeated or most > 1):
                return True
        elif any(_nests(inner, repeated=repeated) for inner in _inner(kind, value)):
            return True
    return False


def _inner(kind: Any, value: Any) -> list[Any]:
    if kind is sre.SUBPATTERN:
        return [value[3]]
    if kind is sre.BRANCH:
        return list(value[1])
    if kind in (sre.ASSERT, sre.ASSERT_NOT):
        return [value[1]]
    if kind is sre.ATOMIC_GROUP:
        return [value]
    return []


def _hostile(tree: Any, before: str = "") -> Iterator[tuple[str, str]]:
    """What comes before each repeat and what it repeats, also with the beginning repeated, and the whole."""
    whole = before
    for kind, value in tree:
        if kind in _REPEATS:
            again = _sample(value[2]) or "a"
            yield whole, again
            yield "", whole + again
            yield from _hostile(value[2], whole)
        for inner in _inner(kind, value):
            yield from _hostile(inner, whole)
        whole += _sample([(kind, value)])
    if not before and whole:
        yield "", whole


def _sample(tree: Any) -> str:
    return "".join(_letters(kind, value) for kind, value in tree)


def _letters(kind: Any, value: Any) -> str:
    if kind is sre.LITERAL:
        return chr(value)
    if kind is sre.NOT_LITERAL:
        return "b" if value == ord("a") else "a"
    if kind is sre.ANY:
        return "a"
    if kind is sre.IN:
        return str(_member(value))
    if kind in _REPEATS:
        return _sample(value[2]) * int(max(1, value[0]))
    if kind is sre.BRANCH:
        return _sample(value[1][0])
    return "" if kind in (sre.ASSERT, sre.ASSERT_NOT) else "".join(map(_sample, _inner(kind, value)))


def _member(items: Any) -> str:
    """A character of a set: tried rather than worked out."""
    own = [chr(value if kind is sre.LITERAL else value[0]) for kind, value in items if kind in (sre.LITERAL, sre.RANGE)]
    negated = items[0][0] is sre.NEGATE
    letters = [*"a1 .!\r\n", *own] if negated else [*own, *"a1 .!\r\n"]
    return next((letter for letter in letters if _holds(items, letter)), "a")


def _holds(items: Any, letter: str) -> bool:
    negated, within = False, False
    for kind, value in items:
        if kind is sre.NEGATE:
            negated = True
        elif kind is sre.LITERAL:
            within |= ord(letter) == value
        elif kind is sre.RANGE:
            within |= value[0] <= ord(letter) <= value[1]
        elif kind is sre.CATEGORY:
            within |= bool(re.match(_CATEGORIES[value], letter))
    return within != negated


_CATEGORIES = {
    sre.CATEGORY_DIGIT: r"\d",
    sre.CATEGORY_NOT_DIGIT: r"\D",
    sre.CATEGORY_SPACE: r"\s",
    sre.CATEGORY_NOT_SPACE: r"\S",
    sre.CATEGORY_WORD: r"\w",
    sre.CATEGORY_NOT_WORD: r"\W",
}


def _slow(assembly: Assembly, trials: list[_Hostile]) -> list[Fault]:
    """The patterns that Mono could not finish on text made for them."""
    lines = [
        "\t".join(
            base64.b64encode(text.encode()).decode()
            for text in (trial.pattern.text, trial.before, trial.again, trial.end, str(_HOSTILE_BYTES))
        )
        for trial in trials
    ]
    command = [assembly.toolchain.mono, str(assembly.host.with_name("Regexes.exe"))]
    done = subprocess.run(command, input="\n".join(lines) + "\n", capture_output=True, text=True, check=False)
    answers = done.stdout.splitlines()
    if answers[-1:] != ["end"] or len(answers) != len(trials) + 1:
        raise RuntimeError(f"the regular expressions could not be tried:\n{done.stderr}")
    found = {
        trial.pattern: f"is slow on {_HOSTILE_BYTES // 1024} KB of {trial.again!r} after {trial.before!r}: {answer}"
        for trial, answer in zip(trials, answers, strict=False)
        if answer != "fast"
    }
    return [pattern.fault(reason) for pattern, reason in found.items()]
