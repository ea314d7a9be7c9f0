"""Compiles all expressions of the policies into one assembly; errors name the policy's file and line."""

import contextlib
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from stack.gateway.errors import Fault, PolicyFault
from stack.gateway.nodes import Expression

_SOURCES = Path(__file__).parent / "csharp"
_CONTEXT = ("Context.cs", "Extensions.cs", "Host.cs", "Call.cs", "Values.cs", "JsonText.cs")
_CSHARP_TYPES = {"string": "string", "bool": "bool", "int": "int", "object": "object"}
# What the service imports; Formatting is ambiguous and WebUtility unknown there as here.
_IMPORTS = (
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
)
# Read by our own class instead, which knows how deep the service's library reads.
_PARSED = re.compile(r"\b(JObject|JArray|JToken)\s*\.\s*Parse\s*\(")
_ERROR = re.compile(r"^(?P<file>[^(]+)\((?P<line>\d+),\d+\): error (?P<reason>CS\d+: .*)$", re.MULTILINE)
# Where Debian, and Mono's own packages, keep the two libraries.
_NEWTONSOFT = ("cli/Newtonsoft.Json-*/Newtonsoft.Json.dll", "mono/msbuild/*/bin/Newtonsoft.Json.dll")
_CECIL = ("mono-cecil/Mono.Cecil.dll", "cli/Mono.Cecil-*/Mono.Cecil.dll", "mono/gac/Mono.Cecil/*/Mono.Cecil.dll")
_DEBIAN = "mono-mcs mono-runtime libnewtonsoft-json5.0-cil libmono-cecil-cil"


class MonoMissing(Exception):
    """Mono or one of its libraries is not installed; the message says how to install it."""


def _library(libraries: Path, patterns: tuple[str, ...]) -> Path | None:
    return next((path for pattern in patterns for path in sorted(libraries.glob(pattern))), None)


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
        libraries = Path(mono).resolve().parents[1] / "lib" if mono else Path("/usr/lib")
        newtonsoft = _library(libraries, _NEWTONSOFT)
        cecil = _library(libraries, _CECIL)
        if not (mcs and mono and newtonsoft and cecil):
            raise MonoMissing(
                "The local gateway runs the policies' C# with Mono, which is not installed here. "
                f"On Debian or Ubuntu: sudo apt-get install --no-install-recommends {_DEBIAN}"
            )
        return cls(mcs, mono, newtonsoft, cecil)

    def compile(self, sources: list[Path], out: Path, *references: Path | str) -> str:
        """Run the compiler; the answer is its complaint, empty when it has none."""
        libraries = [f"-r:{reference}" for reference in ("System.Core", "System.Xml", "System.Xml.Linq", *references)]
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
    toolchain, folder = Toolchain.find(), cache or default_cache()
    for number, expression in enumerate(expressions):
        expression.number = number
    tools = _cached(folder, _own_sources(), lambda work: _build_tools(toolchain, work))
    source = _source(expressions)
    built = _cached(folder, tools.name + source, lambda work: _build(toolchain, tools, source, work))
    uses = tuple(_use(line) for line in (built / "uses.tsv").read_text("utf-8").splitlines())
    return Assembly(toolchain, tools / "Host.exe", built / "Expressions.dll", uses)


def _own_sources() -> str:
    return "\0".join(path.read_text("utf-8") for path in sorted(_SOURCES.glob("*.cs")))


def default_cache() -> Path:
    """Where compiled policies are kept between runs."""
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "chargeback-gateway"


def _cached(cache: Path, content: str, build: Callable[[Path], None]) -> Path:
    """The folder that holds what `build` makes of `content`; it appears whole or not at all."""
    folder = cache / hashlib.sha256(content.encode()).hexdigest()[:24]
    if folder.exists():
        return folder
    cache.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(dir=cache))
    try:
        build(work)
        with contextlib.suppress(OSError):  # another process was faster
            work.rename(folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return folder


def _build_tools(toolchain: Toolchain, work: Path) -> None:
    shutil.copy(toolchain.newtonsoft, work)
    shutil.copy(toolchain.cecil, work)
    sources = [_SOURCES / name for name in _CONTEXT]
    _own(toolchain.compile(sources, work / "Host.exe", toolchain.newtonsoft))
    _own(toolchain.compile([_SOURCES / "Inspect.cs"], work / "Inspect.exe", toolchain.cecil))
    _own(toolchain.compile([_SOURCES / "Regexes.cs"], work / "Regexes.exe"))


def _build(toolchain: Toolchain, tools: Path, source: str, work: Path) -> None:
    code, out = work / "Expressions.cs", work / "Expressions.dll"
    code.write_text(source, "utf-8")
    complaint = toolchain.compile([code], out, toolchain.newtonsoft, tools / "Host.exe", "System.Numerics")
    if complaint:
        raise PolicyFault(_faults(complaint.replace(f"{work}/", "")))
    inspect = [toolchain.mono, str(tools / "Inspect.exe"), str(out)]
    listed = subprocess.run(inspect, capture_output=True, text=True, check=False)
    if not listed.stdout.endswith("end\n"):
        raise RuntimeError(f"the compiled policies could not be read:\n{listed.stderr}")
    (work / "uses.tsv").write_text(listed.stdout.removesuffix("end\n"), "utf-8")


def _own(complaint: str) -> None:
    if complaint:
        raise RuntimeError(f"the gateway's own C# does not compile:\n{complaint}")


def _faults(complaint: str) -> list[Fault]:
    found = [Fault(match["file"], int(match["line"]), match["reason"]) for match in _ERROR.finditer(complaint)]
    if not found:
        raise RuntimeError(f"the C# compiler failed:\n{complaint}")
    return sorted(set(found), key=lambda fault: (fault.file, fault.line))


def _use(line: str) -> tuple[int, str, str]:
    name, kind, member = line.split("\t")
    return int(name[1:]), kind, member


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
    code = _PARSED.sub(r"JsonText.\1(", expression.body)
    body = code if expression.statements else f"return ({code}\n);"
    here = f'#line {expression.line} "{expression.file}"\n'
    return (
        f"#line hidden\npublic static class E{expression.number} {{\n"
        f"{here}public static {kind} Eval(IProxyRequestContext context) {{\n{here}{body}\n}} }}\n"
    )
