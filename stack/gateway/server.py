"""Serves HTTP for one gateway region: takes a client's request through the policies and sends the answer."""

import asyncio
import contextlib
from typing import Any

import aiohttp
from aiohttp import web
from multidict import CIMultiDict

from stack.gateway.call import Call, Caller, error_response
from stack.gateway.config import Api
from stack.gateway.errors import PolicyError
from stack.gateway.gateway import Gateway
from stack.gateway.log_calls import log_call
from stack.gateway.messages import Body, Request, Response, end_to_end, query_pairs, reason_phrase
from stack.gateway.operations import below, canonical
from stack.gateway.policies.cors import asks_first, preflight
from stack.gateway.policies.llm import request_document
from stack.gateway.readings import is_small
from stack.gateway.run import run_call
from stack.gateway.tokens import Counts, Tee, llm_operation

HEALTH_PATH = "/status-0123456789abcdef"
_MAX_BODY = 512 * 1024 * 1024
_LONGEST_SEGMENT, _LONGEST_QUERY = 1024, 2048
# https://learn.microsoft.com/azure/api-management/api-management-error-handling-policies#predefined-errors-for-built-in-steps
_KEY_MISSING = ("missing", "NotFound", "Make sure to include subscription key when making requests to this API.")
_KEY_WRONG = ("invalid", "Invalid", "Make sure to provide a valid key for an active subscription.")


def application(gateway: Gateway) -> web.Application:
    """The web application of one region."""
    app = web.Application(client_max_size=_MAX_BODY)
    app.router.add_get(HEALTH_PATH, _health)
    app.router.add_route("*", "/{path:.*}", _Listener(gateway).handle)
    return app


async def _health(_request: web.Request) -> web.Response:
    return web.Response(text="Service Operational", headers={"X-Service": "chargeback-local"})


class _Listener:
    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway

    async def handle(self, incoming: web.Request) -> web.StreamResponse:
        """Take one call through the policies."""
        config = self.gateway.config
        path = canonical(incoming.rel_url.raw_path, tidy=config.readings.slashes == "tidied")
        addressed = ((api, below(f"/{api.definition['path']}", path)) for api in config.apis)
        api, rest = next(((api, rest) for api, rest in addressed if rest is not None), (None, None))
        operation = None if api is None or rest is None else _operation(api, incoming.method, rest)
        if api is None or rest is None or operation is None:
            return await self._unmatched(incoming, api)
        if early := _refused_early(incoming, small=is_small(config.sku)):
            return early
        state, matched = operation
        request = self._request(incoming, f"/{api.definition['path']}", rest, matched)
        caller, refused = self._identify(request, api)
        call = Call(self.gateway, api, request, caller, state)
        try:
            await run_call(call, refused)
        except asyncio.CancelledError:
            self.gateway.spawn(self._abandoned(call))
            raise
        try:
            return await self._answer(call, incoming)
        finally:
            self._end(call)

    async def _unmatched(self, incoming: web.Request, api: Api | None) -> web.StreamResponse:
        """A preflight where no operation takes OPTIONS is answered by `cors` alone; all else is not found."""
        headers = CIMultiDict(incoming.headers)
        if api and asks_first(incoming.method, headers):
            answer = preflight(self.gateway.policies.preflight_rules(api.document), headers)
            if answer:
                return await _plain(answer)
        missing = PolicyError("configuration", "OperationNotFound", "Resource not found", 404)
        return await _plain(error_response(missing, ""))

    def _end(self, call: Call) -> None:
        self.gateway.cache.update(call.stored)
        if call.response:
            call.response.discard()
        self.gateway.mono.end(call.request_id)

    async def _abandoned(self, call: Call) -> None:
        """The client left before it had an answer: `on-error` runs, though nobody will read what it says."""
        message = "The client closed the connection."
        try:
            await run_call(call, PolicyError("forward-request", "ClientConnectionFailure", message, 499))
            log_call(call, None, None)
        finally:
            self._end(call)

    def _request(self, incoming: web.Request, prefix: str, path: str, matched: dict[str, str]) -> Request:
        async def read() -> bytes:
            try:
                return await incoming.read()
            except (web.RequestPayloadError, web.HTTPRequestEntityTooLarge) as error:
                raise OSError(str(error)) from error

        body = Body(read=read) if incoming.can_read_body else None
        return Request(
            method=incoming.method,
            base=f"https://{self.gateway.config.service}.azure-api.net{prefix}",
            path=path,
            query=query_pairs(str(incoming.rel_url)),
            headers=CIMultiDict(incoming.headers),
            original_url=str(incoming.url),
            ip_address=incoming.remote or "127.0.0.1",
            body=body,
            matched=matched,
        )

    def _identify(self, request: Request, api: Api) -> tuple[Caller, PolicyError | None]:
        config, told = self.gateway.config, api.definition
        in_query = (value for name, value in request.query if name == told["subscriptionKeyQuery"])
        key = request.headers.get(told["subscriptionKeyHeader"]) or next(in_query, None)
        if key is None and not told["subscriptionRequired"]:
            return Caller(), None
        name = config.keys.get(key or "")
        if key is None or name is None:
            what, reason, advice = _KEY_MISSING if key is None else _KEY_WRONG
            message = f"Access denied due to {what} subscription key. {advice}"
            return Caller(), PolicyError("authorization", f"SubscriptionKey{reason}", message, 401)
        entry = config.subscriptions[name]
        product = config.products[entry["product"]]
        names = {"Id": name, "Name": entry["name"], "CreatedDate": "2026-01-01T00:00:00Z"}
        published = {"Id": product["id"], "Name": product["name"], "State": "Published"}
        return Caller(
            subscription={**names, "Key": key, "PrimaryKey": key, "SecondaryKey": ""},
            product={**published, "SubscriptionRequired": True},
        ), None

    async def _answer(self, call: Call, incoming: web.Request) -> web.StreamResponse:
        response = call.response or Response(200)
        call.response = response
        document = await request_document(call) if llm_operation(call.request.path) else None
        tee = Tee(response.headers.get("Content-Type", ""), document)
        # Limits and metrics by tokens want the counts of a JSON answer before its headers leave.
        counted_first = tee.json and bool(call.after)
        if response.stream is not None and not response.body.buffered and not counted_first:
            return await self._stream(call, response, incoming, tee, document)
        try:
            tee.feed(await response.body.bytes())
        except OSError:
            _cut(incoming)
        finally:
            self._account(call, tee, document)
        return await _plain(response, call.response_headers)

    async def _stream(
        self, call: Call, response: Response, incoming: web.Request, tee: Tee, document: Any
    ) -> web.StreamResponse:
        out = web.StreamResponse(status=response.status, reason=_reason(response), headers=_headers(response, call))
        assert response.stream
        try:
            await out.prepare(incoming)
            async for chunk in response.stream:
                tee.feed(chunk)
                await out.write(chunk)
            await out.write_eof()
        except (aiohttp.ClientError, asyncio.IncompleteReadError, ConnectionError):
            # The backend broke off, or the client did: either must see a cut, not an end.
            _cut(incoming)
        finally:
            self._account(call, tee, document)
        return out

    def _account(self, call: Call, tee: Tee, document: Any) -> None:
        answered = call.backend_status is not None and call.backend_status < 400
        counts: Counts | None = None
        if answered and llm_operation(call.request.path) and (tee.streamed or tee.json):
            counts = tee.finish()
            for hook in call.after:
                hook(counts)
        log_call(call, counts, document)


def _operation(api: Api, method: str, path: str) -> tuple[dict[str, str], dict[str, str]] | None:
    for operation in api.operations:
        matched = operation.matches(method, path)
        if matched is not None:
            return operation.state, matched
    return None


def _refused_early(incoming: web.Request, *, small: bool) -> web.Response | None:
    """What never reaches a policy: a URL that is too long, and a body's method with neither a length nor chunks.

    https://learn.microsoft.com/azure/api-management/api-management-gateways-overview#gateway-runtime-limits for URLs;
    HTTP.sys, in front of the gateway, answers the latter so.
    """
    url = incoming.rel_url
    if any(len(part) > _LONGEST_SEGMENT for part in url.raw_path.split("/")):
        return web.Response(status=400, text="Bad Request - Invalid URL")
    if small and len(url.raw_query_string) > _LONGEST_QUERY:
        return web.Response(status=414, text="Request URL Too Long")
    told = "Content-Length" in incoming.headers or "Transfer-Encoding" in incoming.headers
    if incoming.method in ("POST", "PUT", "PATCH") and not told:
        return web.Response(status=411, text="The request must be chunked or have a content length.")
    return None


def _cut(incoming: web.Request) -> None:
    if incoming.transport:
        incoming.transport.abort()


def _reason(response: Response) -> str:
    return response.reason or reason_phrase(response.status)


def _headers(response: Response, call: Call) -> CIMultiDict[str]:
    headers = end_to_end(response.headers)
    headers.extend(call.response_headers)
    return headers


async def _plain(response: Response, extra: CIMultiDict[str] | None = None) -> web.Response:
    headers = end_to_end(response.headers)
    headers.extend(extra or {})
    body = b""
    with contextlib.suppress(OSError):
        body = await response.body.bytes()
    return web.Response(status=response.status, reason=_reason(response), headers=headers, body=body)
