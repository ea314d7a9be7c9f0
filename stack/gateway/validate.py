"""Checks a policy tree against the element rules and turns its expressions into compilable ones."""

from dataclasses import dataclass, field

from stack.gateway.errors import Fault
from stack.gateway.nodes import Expression, Node, Value
from stack.gateway.schema import SECTIONS, AttributeRule, ElementRule, element_rules, rule_of


@dataclass(slots=True)
class Validation:
    """The faults and warnings of one document; `expressions` collects what is to be compiled."""

    faults: list[Fault] = field(default_factory=list)
    warnings: list[Fault] = field(default_factory=list)
    expressions: list[Expression] = field(default_factory=list)

    def policies(self, parent: Node, section: str | None) -> None:
        """Check the policies under `parent`; without a section any that some section allows."""
        self._no_text(parent)
        for node in parent.children:
            rule = element_rules().get(node.name)
            if rule is None or not rule.sections:
                self.faults.append(node.fault(f"<{node.name}> is not a policy that <{parent.name}> may hold"))
                continue
            self._place(node, rule, section)
            self._element(node, rule, section)

    def _place(self, node: Node, rule: ElementRule, section: str | None) -> None:
        if section is None or section in rule.sections:
            return
        if section in rule.doubtful:
            self.warnings.append(node.fault(f"<{node.name}> in <{section}>: the documentation disagrees with itself"))
            return
        allowed = ", ".join(rule.sections)
        self.faults.append(node.fault(f"<{node.name}> may not stand in <{section}>, only in {allowed}"))

    def _element(self, node: Node, rule: ElementRule, section: str | None) -> None:
        self._attributes(node, rule)
        if rule.holds_policies:
            self._held(node, rule)
            self.policies(node, section)
            return
        self._text(node, rule)
        self._children(node, rule)
        for child in node.children:
            part = rule_of(child.name, node.name) if child.name in rule.names else None
            if part is not None:
                self._element(child, part, section)

    def _held(self, node: Node, rule: ElementRule) -> None:
        if rule.holds:
            for child in node.children:
                if child.name not in rule.holds:
                    only = ", ".join(sorted(rule.holds))
                    self.faults.append(child.fault(f"<{node.name}> may hold only {only}, not <{child.name}>"))

    def _attributes(self, node: Node, rule: ElementRule) -> None:
        for name, kind in rule.attributes.items():
            if kind.required and name not in node.attributes:
                self.faults.append(node.fault(f"<{node.name}> needs the attribute {name}"))
        for name, value in node.attributes.items():
            known = rule.attributes.get(name)
            if known is None and name != "id":
                self.faults.append(node.fault(f"<{node.name}> has no attribute {name}", name))
            elif known is not None and isinstance(value, str):
                node.attributes[name] = self._value(node, name, known, value)

    def _value(self, node: Node, name: str, rule: AttributeRule, value: str) -> Value:
        where = node.lines.get(name, node.line)
        if not is_expression(value):
            complaint = rule.complaint(value)
            if complaint:
                self.faults.append(node.fault(f"<{node.name}> {name} {complaint}", name))
            return value
        if rule.returns is None:
            self.faults.append(node.fault(f"<{node.name}> {name} may not be an expression", name))
            return value
        return self._expression(Expression(value.strip(), rule.returns, node.file, where))

    def _text(self, node: Node, rule: ElementRule) -> None:
        text = node.text
        if not isinstance(text, str):
            return
        if rule.text is None:
            self._no_text(node)
        elif is_expression(text) and rule.text == "string":
            node.text = self._expression(Expression(text.strip(), "string", node.file, node.text_line))

    def _no_text(self, node: Node) -> None:
        if isinstance(node.text, str) and node.text.strip():
            reason = f"<{node.name}> may not hold text: {node.text.strip()[:40]!r}"
            self.faults.append(Fault(node.file, node.text_line or node.line, reason))

    def _expression(self, expression: Expression) -> Expression:
        self.expressions.append(expression)
        return expression

    def _children(self, node: Node, rule: ElementRule) -> None:
        order = [name for name, _ in rule.children]
        latest = 0
        for child in node.children:
            if child.name not in rule.names:
                self.faults.append(child.fault(f"<{child.name}> is not known under <{node.name}>"))
                continue
            place = order.index(child.name)
            if place < latest:
                reason = f"<{child.name}> must stand before <{order[latest]}> in <{node.name}>"
                self.faults.append(child.fault(reason))
            latest = max(latest, place)
        for name, many in rule.children:
            self._count(node, name, many)

    def _count(self, node: Node, name: str, many: str) -> None:
        found = [child for child in node.children if child.name == name]
        if many in "?1" and len(found) > 1:
            self.faults.append(found[1].fault(f"<{node.name}> takes only one <{name}>"))
        if many in "+1" and not found:
            self.faults.append(node.fault(f"<{node.name}> needs <{name}>"))


def is_expression(text: str) -> bool:
    """Whether a whole value is a C# expression."""
    text = text.strip()
    return (text.startswith("@(") and text.endswith(")")) or (text.startswith("@{") and text.endswith("}"))


def section_faults(root: Node) -> list[Fault]:
    """What is wrong with the sections of a `<policies>` document."""
    if root.name != "policies":
        return [root.fault(f"the root must be <policies>, not <{root.name}>")]
    faults: list[Fault] = []
    seen: set[str] = set()
    for child in root.children:
        if child.name not in SECTIONS:
            faults.append(child.fault(f"<{child.name}> is not a section; sections are {', '.join(SECTIONS)}"))
        elif child.name in seen:
            faults.append(child.fault(f"<policies> takes only one <{child.name}>"))
        seen.add(child.name)
        if child.name == "backend" and len(child.children) > 1:
            faults.append(child.children[1].fault("<backend> may contain only one direct child policy"))
    return faults


def forward_faults(root: Node) -> list[Fault]:
    """A call is forwarded once: several <forward-request> may stand only in different branches of a <choose>.

    The page of the policy forbade several of them until 2023 and says nothing of it today
    (https://learn.microsoft.com/azure/api-management/forward-request-policy); branches are in deployed policies.
    """
    if _forwards(root) < 2:
        return []
    second = [node for node in root.walk() if node.name == "forward-request"][1]
    return [second.fault("only one <forward-request> may be met on a call's way")]


def _forwards(node: Node) -> int:
    if node.name == "forward-request":
        return 1
    counts = [_forwards(child) for child in node.children]
    return max(counts, default=0) if node.name == "choose" else sum(counts)
