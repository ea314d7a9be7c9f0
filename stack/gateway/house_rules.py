"""Which policy documents our own rules forbid, in addition to what the real gateway refuses."""

import re
from collections.abc import Iterator
from pathlib import Path

from stack.gateway.allowlist import without_strings
from stack.gateway.documents import BUILT_IN, Policies
from stack.gateway.errors import Fault
from stack.gateway.house_style import style_faults
from stack.gateway.nodes import Expression, Node
from stack.gateway.policies.cache import LOSABLE, losable

USAGE_TOPIC = "usage-topic-endpoint"
_LONGEST_FORWARD = 240
_CONSUMING = re.compile(r"\bAs\s*<[^()]*>\s*\(\s*(?!preserveContent\s*:\s*true|true\b)")
_KEY = re.compile(r"\bSubscription\s*\??\.\s*(?:Primary|Secondary)?Key\b")
_KEY_HEADER = re.compile(r"Ocp-Apim-Subscription-Key", re.IGNORECASE)
_RESPONSE_BODY = re.compile(r"\bcontext\s*\.\s*Response\s*\??\.\s*Body\b")
_STREAM = re.compile(r"stream", re.IGNORECASE)


def house_faults(policies: Policies, folder: Path) -> list[Fault]:
    """Everything in the documents that our own rules forbid."""
    documents = (*policies.scopes.values(), *policies.fragments.values())
    roots = [root for root in documents if root.file != BUILT_IN]
    faults = [fault for root in roots for node in root.walk() for fault in _element(node)]
    faults += _outbound_bodies(policies)
    faults += _usage_events(policies, folder)
    faults += _cached_values(policies)
    faults += _browsers(policies)
    faults += [fault for path in sorted(folder.rglob("*.xml")) for fault in style_faults(path, folder.parent)]
    return faults


def _element(node: Node) -> Iterator[Fault]:
    for expression in node.expressions():
        code = without_strings(expression.code, comments=False)
        if _CONSUMING.search(code):
            yield _at(expression, "a body is read without preserveContent: true, so the next reader finds it empty")
        if _KEY.search(code):
            yield _at(expression, "a subscription key may not be read: it could leave the gateway")
        if expression is not node.text and "//" in code:
            yield _at(expression, "no // comments in attributes: the parser makes their line ends spaces")
    if node.name in ("set-body", "log-to-eventhub"):
        text = node.text.code if isinstance(node.text, Expression) else node.text
        if _KEY_HEADER.search(text):
            yield node.fault(f"<{node.name}> may not name the subscription key's header")
    if node.name == "forward-request":
        yield from _forward(node)
    if node.name == "retry":
        yield from _retried(node)


def _forward(node: Node) -> Iterator[Fault]:
    patience = node.attributes.get("timeout", "")
    if isinstance(patience, str) and (not patience.isdigit() or int(patience) > _LONGEST_FORWARD):
        reason = f"<forward-request> needs a timeout of at most {_LONGEST_FORWARD} s, before the load balancer gives up"
        yield node.fault(reason, "timeout")


def _retried(node: Node) -> Iterator[Fault]:
    forwards = [inner for inner in node.walk() if inner.name == "forward-request"]
    if forwards and all(inner.attributes.get("buffer-request-body") != "true" for inner in forwards):
        yield forwards[0].fault('<forward-request> in <retry> needs buffer-request-body="true"')


def _outbound_bodies(policies: Policies) -> Iterator[Fault]:
    seen: set[int] = set()
    products: list[str | None] = [name.removeprefix("product/") for name in policies.scopes if "/" in name]
    for product in [None, *products]:
        for node in policies.effective(product, "outbound"):
            for expression in _unguarded(node):
                if id(expression) not in seen:
                    seen.add(id(expression))
                    reason = "the response body is read in outbound without asking whether it is a stream"
                    yield _at(expression, reason)


def _unguarded(node: Node) -> Iterator[Expression]:
    condition = node.attributes.get("condition")
    if isinstance(condition, Expression) and node.name == "when" and _STREAM.search(condition.code):
        return
    for expression in node.expressions():
        if _RESPONSE_BODY.search(expression.code) and not _STREAM.search(expression.code):
            yield expression
    for child in node.children:
        yield from _unguarded(child)


def _usage_events(policies: Policies, folder: Path) -> Iterator[Fault]:
    sources = {path.stem: path.read_text("utf-8") for path in (folder / "fragments").glob("*.xml")}
    emitting = {name for name, text in sources.items() if f"{{{{{USAGE_TOPIC}}}}}" in text}
    root = policies.scopes["api"]
    for name in ("outbound", "on-error"):
        included = {
            str(node.attributes["fragment-id"])
            for section in root.children
            if section.name == name
            for node in section.walk()
            if node.name == "include-fragment"
        }
        if not included & emitting:
            yield root.fault(f"<{name}> must include the fragment that sends the usage event")


def _cached_values(policies: Policies) -> Iterator[Fault]:
    """Beyond one lookup and one store a section, and beyond lookups in fragments, policies must be able to do without.

    https://learn.microsoft.com/azure/api-management/cache-lookup-value-policy and cache-store-value-policy, usage
    notes: each once in a section; a lookup not in a fragment. Samples that are deployed do otherwise.
    """
    for root in policies.scopes.values():
        for section in root.children:
            here = [(node, False) for node in section.walk()]
            names = [str(node.attributes["fragment-id"]) for node, _ in here if node.name == "include-fragment"]
            there = [(node, True) for name in names for node in policies.fragments[name].walk()]
            for kind in ("cache-lookup-value", "cache-store-value"):
                bound = [pair for pair in here + there if pair[0].name == kind and not losable(pair[0])]
                for place, (node, fragment) in enumerate(bound):
                    if place > 0 or (fragment and kind == "cache-lookup-value"):
                        reason = f"<{kind}> may stand once in <{section.name}>, and a lookup in no fragment: give it"
                        yield node.fault(f'{reason} an id that begins with "{LOSABLE}" if the policies can do without')


def _browsers(policies: Policies) -> Iterator[Fault]:
    """cors stands first and directly in inbound, and says what becomes of foreign origins: its page gives two defaults.

    https://learn.microsoft.com/azure/api-management/cors-policy#common-configuration-issues
    """
    allowed = {id(node) for root in policies.scopes.values() for node in _first(root)}
    for root in (*policies.scopes.values(), *policies.fragments.values()):
        for node in root.walk():
            if node.name == "cors" and id(node) not in allowed:
                yield node.fault("<cors> must be the first policy of <inbound>, after <base />, and in no fragment")
            if node.name == "cors" and "terminate-unmatched-request" not in node.attributes:
                yield node.fault("<cors> must say terminate-unmatched-request", "terminate-unmatched-request")


def _first(root: Node) -> list[Node]:
    found = [child for section in root.children if section.name == "inbound" for child in section.children]
    return [child for child in found if child.name != "base"][:1]


def _at(expression: Expression, reason: str) -> Fault:
    return Fault(expression.file, expression.line, reason)
