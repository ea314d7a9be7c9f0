"""Serves the HTTP functions of the host, with requests and responses in the shapes that azure-functions expects."""

import logging
import re
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from aiohttp import web
from azure.functions import HttpResponse
from azure.functions.http import HttpRequest, HttpResponseConverter
from multidict import CIMultiDict

from stack.functions_host.cookies import cookie_lines
from stack.functions_host.index import AppError, Function

log = logging.getLogger("functions_host")
Invoke = Callable[[Function, Any], Awaitable[Any]]
PARAMETER = re.compile(r"\{(\*?)(\w+)(?::(\w+))?(\??)\}")
CONSTRAINTS = {None: "[^/]+", "int": r"-?\d+", "alpha": "[A-Za-z]+", "guid": "[0-9a-fA-F-]{36}"}
# The host computes these itself; passing them on would contradict the body it sends.
HOP = {"content-length", "transfer-encoding", "connection"}


def http_routes(functions: Iterable[Function], invoke: Invoke, prefix: str) -> list[web.RouteDef]:
    """Return a route for each method and path of the HTTP functions, catch-alls last."""
    found = []
    for function in functions:
        if function.type == "httpTrigger":
            path = str(function.trigger.get("route") or function.name)
            for template in _templates(prefix, path):
                handler = _handler(function, invoke)
                found += [_route(method, template, handler) for method in _methods(function)]
    return sorted(found, key=lambda route: ("{" in route.path, ":.*}" in route.path))


def _route(method: str, template: str, handler: Any) -> web.RouteDef:
    # aiohttp answers HEAD wherever it answers GET; the host does so only where the function says so.
    return web.route(method, template, handler, **({"allow_head": False} if method == "GET" else {}))


def _methods(function: Function) -> list[str]:
    methods = function.trigger.get("methods")
    return [str(method).upper() for method in methods] if methods else ["*"]


def _templates(prefix: str, route: str) -> list[str]:
    whole = "/" + "/".join(part for part in (prefix, route.strip("/")) if part)
    paths = [whole]
    if optional := re.search(r"/\{\w+(:\w+)?\?\}$", whole):
        paths.append(whole[: optional.start()] or "/")
    return [PARAMETER.sub(_parameter, path) for path in paths]


def _parameter(match: re.Match[str]) -> str:
    star, name, constraint, _optional = match.groups()
    if constraint not in CONSTRAINTS:
        raise AppError(f"route constraint {constraint!r} is not supported by this host")
    return f"{{{name}:.*}}" if star else f"{{{name}:{CONSTRAINTS[constraint]}}}"


def _handler(function: Function, invoke: Invoke) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(request: web.Request) -> web.Response:
        try:
            return to_response(await invoke(function, await from_request(request)))
        except Exception as error:
            log.error("%s failed", function.name, exc_info=error)
            return web.Response(status=500)

    return handle


async def from_request(request: web.Request) -> HttpRequest:
    """Return the request as a function sees it; ASGI apps rebuild their query from `url`."""
    return HttpRequest(
        method=request.method,
        url=f"{request.scheme}://{request.host}{request.raw_path}",
        headers=request.headers,
        params=request.query,
        route_params=request.match_info,
        body_type="bytes",
        body=await request.read(),
    )


def to_response(answer: Any) -> web.Response:
    """Return what goes over the wire for a function's answer, once the library has taken it apart."""
    if answer is None:
        return web.Response(status=204)
    if isinstance(answer, str):
        return web.Response(text=answer)
    if not isinstance(answer, HttpResponse):
        raise TypeError(f"an HTTP function returned {type(answer).__name__}, not HttpResponse or str")
    message = HttpResponseConverter.encode(answer, expected_type=None).value
    kept = [(name, datum.value) for name, datum in message["headers"].items() if name.lower() not in HOP]
    headers = CIMultiDict(kept)
    for line in cookie_lines(message["cookies"]):
        headers.add("Set-Cookie", line)
    return web.Response(status=int(message["status_code"].value), body=message["body"].value, headers=headers)
