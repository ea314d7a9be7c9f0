"""The policy cors: which origins may read an answer, and the preflight that a browser sends before a call.

The rules are those of https://learn.microsoft.com/azure/api-management/cors-policy.
"""

from collections.abc import Sequence

from multidict import CIMultiDict

from stack.gateway.call import Call
from stack.gateway.errors import ResponseReady
from stack.gateway.messages import Response
from stack.gateway.nodes import Node
from stack.gateway.run import policy

_SIMPLE = ("GET", "HEAD")


def asks_first(method: str, headers: CIMultiDict[str]) -> bool:
    """Whether a request is a browser's preflight."""
    return method == "OPTIONS" and "Origin" in headers and "Access-Control-Request-Method" in headers


def preflight(rules: Sequence[Node], headers: CIMultiDict[str]) -> Response | None:
    """The answer of `rules`, the cors policies directly under inbound; None when there is none to answer.

    No other policy runs, and what no rule allows is answered with an empty 200.
    """
    for node in rules:
        parts = _parts(node)
        methods = parts.get("allowed-methods", ["GET", "POST"])
        wanted = headers["Access-Control-Request-Method"]
        if _allows(parts, headers["Origin"]) and {"*", wanted} & set(methods):
            return Response(200, _promises(node, headers["Origin"], parts, methods))
        if _terminates(node):
            break
    return Response(200) if rules else None


@policy("cors")
async def cors(call: Call, node: Node) -> None:
    """Tell browsers whom the answer is for; a preflight never comes here, unless the API has an OPTIONS operation.

    A GET or HEAD of a foreign origin is ended, unless told otherwise; other methods go on without the headers.
    """
    origin = call.request.headers.get("Origin")
    if origin is None or call.request.method == "OPTIONS" or call.cors_done:
        return
    call.cors_done = True  # only the first policy is applied
    parts = _parts(node)
    if _allows(parts, origin):
        call.response_headers.extend(_granted(node, origin, parts))
    elif call.request.method in _SIMPLE and _terminates(node):
        call.response = Response(200)
        raise ResponseReady


def _parts(node: Node) -> dict[str, list[str]]:
    return {part.name: [str(child.text).strip() for child in part.children] for part in node.children}


def _allows(parts: dict[str, list[str]], origin: str) -> bool:
    return bool({"*", origin.rstrip("/")} & {allowed.rstrip("/") for allowed in parts["allowed-origins"]})


def _terminates(node: Node) -> bool:
    # The page's table says that the default is false, its section on empty answers that it is true.
    return node.attributes.get("terminate-unmatched-request", "true") == "true"


def _promises(node: Node, origin: str, parts: dict[str, list[str]], methods: list[str]) -> CIMultiDict[str]:
    headers = _granted(node, origin, parts)
    ages = (p.attributes.get("preflight-result-max-age") for p in node.children if p.name == "allowed-methods")
    headers["Access-Control-Allow-Methods"] = ",".join(methods)
    headers["Access-Control-Allow-Headers"] = ",".join(parts.get("allowed-headers", []))
    headers["Access-Control-Max-Age"] = str(next(ages, None) or 0)
    return headers


def _granted(node: Node, origin: str, parts: dict[str, list[str]]) -> CIMultiDict[str]:
    credentials = node.attributes.get("allow-credentials") == "true"
    everyone = "*" in parts["allowed-origins"] and not credentials
    headers = CIMultiDict({"Access-Control-Allow-Origin": "*" if everyone else origin})
    if credentials:
        headers["Access-Control-Allow-Credentials"] = "true"
    if parts.get("expose-headers"):
        headers["Access-Control-Expose-Headers"] = ",".join(parts["expose-headers"])
    return headers
