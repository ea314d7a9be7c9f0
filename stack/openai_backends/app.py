"""Serves HTTP for one simulated account: authentication, faults, and the answer for each path."""

import asyncio
from typing import Any

import jwt
from aiohttp import web

from stack.openai_backends import chat, jobs, media, responses
from stack.openai_backends.account import Account
from stack.openai_backends.asked import Asked, read_call
from stack.openai_backends.faults import InjectedFault
from stack.openai_backends.objects import KINDS, objects
from stack.openai_backends.refusals import Refused, unknown_deployment
from stack.openai_backends.replies import FAULT, error_reply, send_added_headers
from stack.openai_backends.rights import authorize
from stack.openai_backends.tiers import spill

AUDIENCES = ("https://cognitiveservices.azure.com", "https://ai.azure.com")
_KEY_HEADERS = ("api-key", "Ocp-Apim-Subscription-Key")
_INFERENCE = {
    "chat/completions": chat.chat,
    "completions": chat.completions,
    "embeddings": chat.embeddings,
    "responses": responses.create,
    "images/generations": media.generate,
    "images/edits": media.edit,
    "audio/speech": media.speech,
    "audio/transcriptions": media.transcribe,
    "audio/translations": media.translate,
}


def application(account: Account) -> web.Application:
    """The web application of an account; `/_control` and `/_ledger` are for tests and demos."""
    service = _Service(account)
    app = web.Application(client_max_size=1 << 28)
    app.router.add_post("/_control", service.control)
    app.router.add_post("/_release", service.release)
    app.router.add_get("/_ledger", service.ledger)
    app.router.add_route("*", "/{rest:.*}", service.handle)
    app.on_response_prepare.append(send_added_headers)
    return app


class _Service:
    def __init__(self, account: Account) -> None:
        self.account = account

    async def control(self, request: web.Request) -> web.Response:
        """Change how the account behaves."""
        try:
            fault = self.account.faults.command(await request.json())
        except ValueError as error:
            return web.json_response({"error": str(error)}, status=400)
        return web.json_response({"account": self.account.name, "mode": fault.mode})

    async def release(self, _request: web.Request) -> web.Response:
        """Let held streams go on."""
        self.account.faults.released.set()
        return web.Response(status=204)

    async def ledger(self, _request: web.Request) -> web.Response:
        """What the account billed."""
        return web.json_response(self.account.ledger)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one call."""
        try:
            who = self._authenticate(request)
            asked = await read_call(request)
            authorize(who, request.method, request.path, asked.operation)
            return await self._serve(request, asked)
        except Refused as refused:
            return error_reply(self.account, refused)

    def _authenticate(self, request: web.Request) -> str:
        """Who calls: the application id of a token for this service."""
        if any(name in request.headers for name in _KEY_HEADERS):
            raise Refused(401, "401", "A subscription key reached the backend: the gateway must remove it.")
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        try:
            claims = jwt.decode(token, options={"verify_signature": False})
        except jwt.InvalidTokenError:
            claims = {}
        if scheme.lower() != "bearer" or str(claims.get("aud", "")).rstrip("/") not in AUDIENCES:
            message = "Access denied due to invalid subscription key or wrong API endpoint."
            raise Refused(401, "401", message)
        return str(claims.get("appid", ""))

    async def _serve(self, request: web.Request, asked: Asked) -> web.StreamResponse:
        try:
            return await self._answer(request, asked)
        except Refused as refused:
            deployment = self.account.deployments.get(asked.deployment)
            target = None
            if deployment and asked.operation in _INFERENCE and asked.operation != "responses":
                target = spill(request, self.account, deployment, refused)
            if target is None:
                raise
            return await self._answer(request, asked.at(target["name"]))

    async def _answer(self, request: web.Request, asked: Asked) -> web.StreamResponse:
        fault = self.account.faults.strike(asked.deployment, asked.tier, asked.text)
        request[FAULT] = fault
        if (gone := await self._suffer(request, fault, asked.deployment)) is not None:
            return gone
        if asked.document is None:
            message = "We could not parse the JSON body of your request."
            raise Refused(400, None, message, type="invalid_request_error")
        if asked.operation in _INFERENCE and request.method == "POST":
            chosen = self._deployment(asked.deployment)
            return await _INFERENCE[asked.operation](request, self.account, asked.document, chosen)
        return await self._kept(request, asked.parts, asked.document)

    async def _suffer(self, request: web.Request, fault: InjectedFault, deployment: str) -> web.Response | None:
        if (refused := fault.refusal(deployment)) is not None:
            raise refused
        if fault.mode == "slow":
            await asyncio.sleep(fault.delay_ms / 1000)
        if fault.mode == "hang":
            await asyncio.Event().wait()
        if fault.mode == "refuse":
            assert request.transport
            request.transport.abort()
            return web.Response()
        return None

    async def _kept(self, request: web.Request, parts: list[str], document: dict[str, Any]) -> web.StreamResponse:
        """What is stored on the account, and the list of its models."""
        first, rest = parts[0], parts[1:]
        if first == "files":
            return await jobs.files(request, self.account, rest, document)
        if first == "batches":
            return await jobs.batches(request, self.account, rest, document)
        if first == "fine_tuning" and rest[:1] == ["jobs"]:
            return await jobs.fine_tuning(request, self.account, rest[1:], document)
        if first == "responses" and rest:
            return await responses.stored(request, self.account, rest)
        if first in KINDS:
            return await objects(request, self.account, parts, document)
        if first == "models" and request.method == "GET":
            models = [{"id": name, "object": "model"} for name in self.account.deployments]
            return web.json_response({"object": "list", "data": models})
        raise Refused(404, "404", "Resource not found")

    def _deployment(self, name: str) -> dict[str, Any]:
        if name not in self.account.deployments:
            raise unknown_deployment()
        return self.account.deployments[name]
