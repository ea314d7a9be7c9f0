"""Compiles every expression of the policies, once, into one assembly; errors name the policy's file and line."""

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from scripts.local.gateway.errors import Fault, PolicyFault
from scripts.local.gateway.nodes import Expression

_SOURCES = Path(__file__).parent / "csharp"
_CONTEXT = ("Context.cs", "Extensions.cs", "Host.cs", "Call.cs", "Values.cs")
_CSHARP_TYPES = {"string": "string", "bool": "bool", "int": "int", "object": "object"}
# What the service imports; Formatting is ambiguous and WebUtility unknown there as here.
_IMPORTS = [
    "System",
    "System.Collections.Generic",
    "System.Linq",
    "System.Text",
    "System.Text.RegularExpressions",
    "System.Xml",
    "System.Xml.Linq",
    "System.Security.Cryptography",
    "System.Security.Cryptography.X509Certificates",
    "Newtonsoft.Json",
    "Newtonsoft.Json.Linq",
    "Gateway",
]
_ERROR = re.compile(r"^(?P<file>[^(]+)\((?P<line>\d+),\d+\): error (?P<reason>CS\d+: .*)$", re.MULTILINE)
_DEBIAN = "mono-mcs mono-runtime libnewtonsoft-json5.0-cil libmono-cecil-cil"


class MonoMissing(Exception):  # noqa: N818 - the word that says it
    """Mono or one of its libraries is not installed; the message says how to install it."""


@dataclass(frozen=True, slots=True)
class Toolchain:
    """Where Mono's compiler, its runtime and the two libraries are."""

    mcs: str
    mono: str
    newtonsoft: Path
    cecil: Path

    @classmethod
    def find(cls) -> "Toolchain":
        """The installed toolchain, or `MonoMissing`."""
        mcs, mono = shutil.which("mcs"), shutil.which("mono")
        newtonsoft = next(
            iter(sorted(Path("/usr/lib/cli").glob("Newtonsoft.Json-*/Newtonsoft.Json.dll"))), None
        )
        cecil = next(iter(sorted(Path("/usr/lib").glob("**/mono-cecil/Mono.Cecil.dll"))), None)
        if not (mcs and mono and newtonsoft and cecil):
            raise MonoMissing(
                "The local gateway runs the policies' C# with Mono, which is not installed here. "
                f"On Debian or Ubuntu: sudo apt-get install --no-install-recommends {_DEBIAN}"
            )
        return cls(mcs, mono, newtonsoft, cecil)

    def compile(self, sources: list[Path], out: Path, *references: Path | str) -> str:
        """Run the compiler; the answer is its complaint, empty when it has none."""
        libraries = [
            f"-r:{reference}" for reference in ("System.Core", "System.Xml", "System.Xml.Linq", *references)
        ]
        kind = "library" if out.suffix == ".dll" else "exe"
        command = [
            self.mcs,
            "-nologo",
            "-warn:0",
            f"-out:{out}",
            f"-target:{kind}",
            *libraries,
            *map(str, sources),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return "" if done.returncode == 0 else done.stderr + done.stdout


@dataclass(frozen=True, slots=True)
class Assembly:
    """The compiled expressions and the host that runs them."""

    toolchain: Toolchain
    host: Path
    expressions: Path
    uses: tuple[tuple[int, str, str], ...]
    """What each expression names, as (number, type, member)."""


def compile_expressions(expressions: list[Expression], cache: Path | None = None) -> Assembly:
    """Number and compile `expressions`; a cached assembly of the same content is taken as it is."""
    toolchain = Toolchain.find()
    for number, expression in enumerate(expressions):
        expression.number = number
    source = _source(expressions)
    parts = [*(_SOURCES.glob("*.cs"))]
    digest = _digest(source, *(path.read_text("utf-8") for path in sorted(parts)))
    folder = (cache or default_cache()) / digest
    if not (folder / "uses.tsv").exists():
        _build(toolchain, source, folder)
    uses = tuple(_use(line) for line in (folder / "uses.tsv").read_text("utf-8").splitlines())
    return Assembly(toolchain, folder / "Host.exe", folder / "Expressions.dll", uses)


def default_cache() -> Path:
    """Where compiled policies are kept between runs."""
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "chargeback-gateway"


def _build(toolchain: Toolchain, source: str, folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(dir=folder.parent))
    try:
        shutil.copy(toolchain.newtonsoft, work)
        shutil.copy(toolchain.cecil, work)
        host, inspect = work / "Host.exe", work / "Inspect.exe"
        _own(toolchain.compile([_SOURCES / name for name in _CONTEXT], host, toolchain.newtonsoft))
        _own(toolchain.compile([_SOURCES / "Inspect.cs"], inspect, toolchain.cecil))
        (work / "Expressions.cs").write_text(source, "utf-8")
        complaint = toolchain.compile(
            [work / "Expressions.cs"], work / "Expressions.dll", toolchain.newtonsoft, host, "System.Numerics"
        )
        if complaint:
            raise PolicyFault(_faults(complaint.replace(f"{work}/", "")))
        listed = subprocess.run(
            [toolchain.mono, str(inspect), str(work / "Expressions.dll")],
            capture_output=True,
            text=True,
            check=False,
        )
        (work / "uses.tsv").write_text(listed.stdout, "utf-8")
        if not folder.exists():
            work.rename(folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _own(complaint: str) -> None:
    if complaint:
        raise RuntimeError(f"the gateway's own C# does not compile:\n{complaint}")


def _faults(complaint: str) -> list[Fault]:
    found = [
        Fault(match["file"], int(match["line"]), match["reason"]) for match in _ERROR.finditer(complaint)
    ]
    if not found:
        raise RuntimeError(f"the C# compiler failed:\n{complaint}")
    return sorted(set(found), key=lambda fault: (fault.file, fault.line))


def _use(line: str) -> tuple[int, str, str]:
    name, kind, member = line.split("\t")
    return int(name[1:]), kind, member


def _digest(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:24]


def _source(expressions: Iterable[Expression]) -> str:
    imports = "".join(f"using {name};\n" for name in _IMPORTS)
    classes = [_class(expression) for expression in expressions]
    table = "".join(f"  context => E{number}.Eval(context),\n" for number in range(len(classes)))
    return (
        f"{imports}namespace Policies {{\n{''.join(classes)}#line hidden\n"
        "public static class Table {\n public static readonly Func<IProxyRequestContext, object>[] All = {\n"
        f"{table} }};\n}}\n}}\n"
    )


def _class(expression: Expression) -> str:
    # A directive gives the compiler the policy's own file and line for what follows it.
    kind = _CSHARP_TYPES[expression.returns]
    body = expression.body if expression.statements else f"return ({expression.body}\n);"
    return (
        f"#line hidden\npublic static class E{expression.number} {{\n"
        f"public static {kind} Eval(IProxyRequestContext context) {{\n"
        f'#line {expression.line} "{expression.file}"\n{body}\n}} }}\n'
    )
