"""Loads the policy documents and fragments and builds the effective policy of each scope."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from stack.gateway.errors import Fault, PolicyFault
from stack.gateway.nodes import Expression, Node, parse, parse_file
from stack.gateway.schema import SECTIONS, element_rules
from stack.gateway.validate import Validation, forward_faults, section_faults

_NAMED_VALUE = re.compile(r"\{\{([^{}]*)\}\}")
# The pages disagree: 256 or 512 KiB for a document, 32 or 512 KB for a fragment. The smaller ones are safe.
# https://learn.microsoft.com/azure/api-management/api-management-gateways-overview#gateway-runtime-limits
# https://learn.microsoft.com/azure/api-management/policy-fragments
_MAX_DOCUMENT, _MAX_FRAGMENT, _MAX_VALUE = 256 * 1024, 32 * 1024, 4096
BUILT_IN = "the service's own global policy"
# What a new API Management service has at its outermost scope.
_GLOBAL = b"""<policies><inbound /><backend><forward-request /></backend><outbound /><on-error /></policies>"""


@dataclass(slots=True)
class Policies:
    """The documents of a folder: the global policy, one per API and per product, and the fragments."""

    scopes: dict[str, Node]
    fragments: dict[str, Node]
    expressions: list[Expression] = field(default_factory=list)
    warnings: list[Fault] = field(default_factory=list)

    def effective(self, product: str | None, section: str, document: str = "api") -> list[Node]:
        """The policies that run in `section` of an API: `<base />` and fragments replaced by what they stand for."""
        names = ["global", f"product/{product}", document]
        chain = [self.scopes[name] for name in names if name in self.scopes]
        return self._expand(chain, section)

    def preflight_rules(self, document: str) -> list[Node]:
        """The cors policies that answer a preflight: direct children of inbound, from the outermost scope inwards."""

        def direct(names: list[str]) -> list[Node]:
            if not names:
                return []
            sections = [child for child in self.scopes[names[-1]].children if child.name == "inbound"]
            children = sections[0].children if sections else [Node("base", "", 0)]
            found: list[Node] = []
            for child in children:
                found += direct(names[:-1]) if child.name == "base" else [child] if child.name == "cors" else []
            return found

        return direct([name for name in ("global", document) if name in self.scopes])

    def _expand(self, chain: list[Node], section: str) -> list[Node]:
        if not chain:
            return []
        found = [child for child in chain[-1].children if child.name == section]
        # A section that a document leaves out is inherited; an empty one overrides.
        children = found[0].children if found else [Node("base", chain[-1].file, chain[-1].line)]
        return self._spread(children, chain[:-1], section)

    def _spread(self, children: list[Node], outer: list[Node], section: str) -> list[Node]:
        result: list[Node] = []
        for child in children:
            if child.name == "base":
                result += self._expand(outer, section)
            elif child.name == "include-fragment":
                result += self._spread(self.fragments[str(child.attributes["fragment-id"])].children, [], section)
            elif any(deep.name in ("base", "include-fragment") for deep in child.walk()):
                spread = self._spread(child.children, outer, section)
                result.append(
                    Node(
                        child.name,
                        child.file,
                        child.line,
                        child.attributes,
                        child.lines,
                        spread,
                        child.text,
                        child.text_line,
                    )
                )
            else:
                result.append(child)
        return result


def load(folder: Path, named_values: Mapping[str, str], generated: Mapping[str, str] | None = None) -> Policies:
    """Read and check every document under `folder`; `PolicyFault` names all that is wrong with them.

    `generated` are fragments that no file holds, by their id.
    """
    loader = _Loader(folder, named_values, generated or {})
    policies = loader.load()
    if loader.faults:
        raise PolicyFault(sorted(loader.faults, key=lambda fault: (fault.file, fault.line)))
    return policies


class _Loader:
    def __init__(self, folder: Path, named_values: Mapping[str, str], generated: Mapping[str, str]) -> None:
        self.folder, self.named_values, self.generated = folder, named_values, generated
        self.faults: list[Fault] = []
        self.check = Validation(self.faults)

    def load(self) -> Policies:
        fragments = self._read("fragments", _MAX_FRAGMENT)
        fragments |= {name: parse(text.encode(), f"{name} (generated)") for name, text in self.generated.items()}
        products = self._read("products", _MAX_DOCUMENT)
        scopes = {f"product/{name}": root for name, root in products.items()}
        scopes |= self._read(".", _MAX_DOCUMENT)
        scopes.setdefault("global", parse(_GLOBAL, BUILT_IN))
        if not (self.folder / "api.xml").exists():
            self.faults.append(Fault(self.folder.as_posix(), 1, "there is no api.xml"))
        self._value_lengths()
        for name, root in scopes.items():
            self._document(root)
            scope = name.partition("/")[0]
            self._scope(root, scope if scope in ("global", "product") else "api")
        for root in fragments.values():
            self._fragment(root)
        for root in scopes.values():
            self._inclusions(root, fragments)
        return Policies(scopes, fragments, self.check.expressions, self.check.warnings)

    def _read(self, part: str, limit: int) -> dict[str, Node]:
        documents: dict[str, Node] = {}
        for path in sorted((self.folder / part).glob("*.xml")):
            if path.stat().st_size > limit:
                reason = f"{path.stat().st_size} bytes are more than the {limit} that a document may have"
                self.faults.append(Fault(path.as_posix(), 1, reason))
            try:
                root = parse_file(path, self.folder.parent)
            except PolicyFault as error:
                self.faults += error.faults
                continue
            for node in root.walk():
                self._name_values(node)
            documents[path.stem] = root
        return documents

    def _name_values(self, node: Node) -> None:
        for name, value in node.attributes.items():
            node.attributes[name] = self._filled(str(value), node.file, node.lines.get(name, node.line))
        node.text = self._filled(str(node.text), node.file, node.text_line)

    def _filled(self, text: str, file: str, line: int) -> str:
        def value(match: re.Match[str]) -> str:
            name = match.group(1).strip()
            if name not in self.named_values:
                at = line + text.count("\n", len(text) - len(text.lstrip()), match.start())
                self.faults.append(Fault(file, at, f"named value {{{{{name}}}}} is not defined"))
                return match.group()
            return self.named_values[name]

        return _NAMED_VALUE.sub(value, text)

    def _value_lengths(self) -> None:
        for name, value in self.named_values.items():
            if len(value) > _MAX_VALUE:
                reason = f"named value {name} has {len(value)} characters; {_MAX_VALUE} are allowed"
                self.faults.append(Fault(self.folder.as_posix(), 1, reason))

    def _scope(self, root: Node, scope: str) -> None:
        for section in root.children:
            seen: set[str] = set()
            for node in section.walk():
                rule = element_rules().get(node.name)
                if rule and rule.scopes and scope not in rule.scopes:
                    allowed = ", ".join(sorted(rule.scopes))
                    self.faults.append(
                        node.fault(f"<{node.name}> may not stand in the scope {scope}, only in {allowed}")
                    )
                if rule and rule.once and node.name in seen:
                    self.faults.append(node.fault(f"<{node.name}> may stand once in <{section.name}>"))
                seen.add(node.name)

    def _document(self, root: Node) -> None:
        self.faults += section_faults(root)
        for section in root.children:
            if section.name in SECTIONS:
                self.check.policies(section, section.name)
        self.faults += forward_faults(root)
        self._limits(root)

    def _fragment(self, root: Node) -> None:
        if root.name != "fragment":
            self.faults.append(root.fault(f"the root of a fragment must be <fragment>, not <{root.name}>"))
        for node in root.walk():
            if node.name in (*SECTIONS, "policies"):
                self.faults.append(node.fault(f"a fragment may not contain the section <{node.name}>"))
            elif node.name in ("base", "include-fragment"):
                self.faults.append(node.fault(f"a fragment may not contain <{node.name}>"))
        root.children = [child for child in root.children if child.name not in (*SECTIONS, "policies")]
        self.faults += forward_faults(root)
        self.check.policies(root, None)
        self._limits(root)

    def _limits(self, root: Node) -> None:
        for node in root.walk():
            count = node.attributes.get("count") if node.name == "retry" else None
            if isinstance(count, str) and count.isdigit() and not 1 <= int(count) <= 50:
                self.faults.append(node.fault(f"<retry> count must be from 1 to 50, not {count}", "count"))
            if node.name.endswith("emit-token-metric") and len(node.children) > 5:
                self.faults.append(node.fault(f"<{node.name}> takes at most 5 dimensions"))
            if node.name == "set-body" and "template" in node.attributes:
                self.faults.append(node.fault("Liquid templates are not run here; write an expression", "template"))
            if node.name == "emit-metric" and len(node.children) > 10:
                self.faults.append(node.fault("<emit-metric> takes at most 10 dimensions"))

    def _inclusions(self, root: Node, fragments: dict[str, Node]) -> None:
        for section in root.children:
            for node in section.walk():
                if node.name == "include-fragment":
                    self._inclusion(node, section.name, fragments)

    def _inclusion(self, node: Node, section: str, fragments: dict[str, Node]) -> None:
        name = str(node.attributes.get("fragment-id", ""))
        if name not in fragments:
            self.faults.append(node.fault(f"there is no fragment {name!r}", "fragment-id"))
            return
        placed = Validation()
        placed.policies(fragments[name], section)
        for fault in placed.faults:
            reason = f"{fault.reason} (included from {node.file}:{node.line})"
            if "may not stand in" in fault.reason:
                self.faults.append(Fault(fault.file, fault.line, reason))
