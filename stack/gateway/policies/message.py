"""Policies that change the request or response: headers, query, URI, body, method, status, find-and-replace."""

import re
from urllib.parse import urlsplit

from multidict import CIMultiDict

from stack.gateway.call import Call
from stack.gateway.errors import PolicyError
from stack.gateway.messages import Body, Response, query_pairs
from stack.gateway.nodes import Node
from stack.gateway.run import policy


def _at_request(call: Call) -> bool:
    return call.section in ("inbound", "backend")


def _response(call: Call) -> Response:
    if call.response is None:
        call.response = Response(200)
    return call.response


async def apply_headers(call: Call, node: Node, headers: CIMultiDict[str]) -> None:
    """Do what one set-header says to `headers`."""
    texts = [child.text for child in node.children if child.name == "value"]
    name, action, *found = await call.values(node.attributes["name"], node.attributes.get("exists-action"), *texts)
    values = ["" if value is None else str(value) for value in found]
    if action == "delete":
        headers.popall(name, None)
        return
    if action == "skip" and name in headers:
        return
    if action != "append":
        headers.popall(name, None)
    for value in values:
        headers.add(name, value)


@policy("set-header")
async def set_header(call: Call, node: Node) -> None:
    """Change a header of the request before the backend answered, of the response after."""
    at_request = _at_request(call)
    await apply_headers(call, node, call.request.headers if at_request else _response(call).headers)
    call.changed("request" if at_request else "response")


@policy("set-query-parameter")
async def set_query_parameter(call: Call, node: Node) -> None:
    """Change a query parameter of the request."""
    texts = [child.text for child in node.children if child.name == "value"]
    name, action, *values = await call.values(node.attributes["name"], node.attributes.get("exists-action"), *texts)
    query = call.request.query
    present = any(key.lower() == name.lower() for key, _ in query)
    if action == "skip" and present:
        return
    if action != "append":
        query[:] = [(key, value) for key, value in query if key.lower() != name.lower()]
    if action != "delete":
        query += [(name, "" if value is None else str(value)) for value in values]
    call.changed("request")


@policy("rewrite-uri")
async def rewrite_uri(call: Call, node: Node) -> None:
    """Give the request another path; unmatched query parameters stay unless told otherwise."""
    template = await call.text(node.attributes["template"])
    (keep,) = await call.flags(node, copy_unmatched_params=True)
    filled = re.sub(r"\{([^}]+)\}", lambda match: call.request.matched.get(match.group(1), match.group()), template)
    new = query_pairs(filled)
    names = {name for name, _ in new}
    call.request.path = urlsplit(filled).path
    call.request.query = new + [pair for pair in call.request.query if keep and pair[0] not in names]
    call.changed("request")


@policy("set-body")
async def set_body(call: Call, node: Node) -> None:
    """Replace the body; a request without one cannot get one.

    https://learn.microsoft.com/azure/api-management/set-body-policy#usage-notes
    """
    if _at_request(call) and call.request.body is None:
        raise PolicyError("set-body", "NoBody", "The request has no body that could be replaced.")
    body = Body((await call.text(node.text)).encode())
    if _at_request(call):
        call.request.body = body
        call.changed("request")
        return
    response = _response(call)
    response.discard()
    response.body, response.stream = body, None
    response.headers.popall("Content-Length", None)
    call.changed("response")


@policy("set-method")
async def set_method(call: Call, node: Node) -> None:
    """Replace the request's method."""
    call.request.method = (await call.text(node.text)).strip()
    call.changed("request")


@policy("set-status")
async def set_status(call: Call, node: Node) -> None:
    """Replace the response's status."""
    response = _response(call)
    code, response.reason = await call.attributes(node, "code", "reason")
    response.status = int(code)
    call.changed("response")


@policy("find-and-replace")
async def find_and_replace(call: Call, node: Node) -> None:
    """Replace a string in the body."""
    old, new = await call.attributes(node, "from", "to")
    if _at_request(call):
        if call.request.body:
            call.request.body = Body((await call.request.body.bytes()).replace(old.encode(), new.encode()))
        call.changed("request")
        return
    response = _response(call)
    response.body = Body((await response.body.bytes()).replace(old.encode(), new.encode()))
    response.stream = None
    response.headers.popall("Content-Length", None)
    call.changed("response")
