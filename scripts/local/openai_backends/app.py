"""The HTTP side of one simulated account: authentication, faults, and which answer a path gets."""

import asyncio
import json
from typing import Any

import jwt
from aiohttp import web

from scripts.local.openai_backends import chat, jobs, media, responses
from scripts.local.openai_backends.account import Account, Faults
from scripts.local.openai_backends.replies import Refused, content_filtered, error_reply

AUDIENCE = "https://cognitiveservices.azure.com"
_KEY_HEADERS = ("api-key", "Ocp-Apim-Subscription-Key")
_INFERENCE = {
    "chat/completions": chat.chat,
    "completions": chat.completions,
    "embeddings": chat.embeddings,
    "responses": responses.create,
}


def application(account: Account) -> web.Application:
    """The web application of an account; `/_control` and `/_ledger` are for tests and demos."""
    service = _Service(account)
    app = web.Application(client_max_size=1 << 28)
    app.router.add_post("/_control", service.control)
    app.router.add_post("/_release", service.release)
    app.router.add_get("/_ledger", service.ledger)
    app.router.add_route("*", "/openai/{rest:.*}", service.handle)
    return app


class _Service:
    def __init__(self, account: Account) -> None:
        self.account = account

    async def control(self, request: web.Request) -> web.Response:
        """Change how the account behaves."""
        try:
            self.account.faults = Faults.from_document(await request.json())
        except ValueError as error:
            return web.json_response({"error": str(error)}, status=400)
        return web.json_response({"account": self.account.name, "mode": self.account.faults.mode})

    async def release(self, _request: web.Request) -> web.Response:
        """Let held streams go on."""
        self.account.faults.released.set()
        return web.Response(status=204)

    async def ledger(self, _request: web.Request) -> web.Response:
        """What the account billed."""
        return web.json_response(self.account.ledger)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one call."""
        mode = self.account.faults.next()
        try:
            self._authenticate(request)
            fault = await self._fault(request, mode)
            return fault if fault is not None else await self._answer(request, cut=mode == "cut")
        except Refused as refused:
            return error_reply(self.account, refused)

    def _authenticate(self, request: web.Request) -> None:
        if any(name in request.headers for name in _KEY_HEADERS):
            raise Refused(401, "401", "A subscription key reached the backend: the gateway must remove it.")
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        try:
            claims = jwt.decode(token, options={"verify_signature": False})
        except jwt.InvalidTokenError:
            claims = {}
        if scheme.lower() != "bearer" or str(claims.get("aud", "")).rstrip("/") != AUDIENCE:
            message = "Access denied due to invalid subscription key or wrong API endpoint."
            raise Refused(401, "401", message)

    async def _fault(self, request: web.Request, mode: str) -> web.StreamResponse | None:
        faults = self.account.faults
        if mode == "429":
            wait = -(-faults.retry_after_ms // 1000)
            message = f"Requests have exceeded the token rate limit. Please retry after {wait} seconds."
            limited = Refused(429, "429", message)
            headers = {"Retry-After": str(wait), "retry-after-ms": str(faults.retry_after_ms)}
            return error_reply(self.account, limited, **headers)
        if mode == "500":
            message = "The server had an error while processing your request. Sorry about that!"
            raise Refused(500, "InternalServerError", message)
        if mode == "filter":
            raise content_filtered()
        if mode == "slow":
            await asyncio.sleep(faults.delay_ms / 1000)
        if mode == "hang":
            await asyncio.Event().wait()
        if mode == "refuse":
            assert request.transport
            request.transport.abort()
            return web.Response()
        return None

    async def _answer(self, request: web.Request, *, cut: bool) -> web.StreamResponse:
        parts = request.path.removeprefix("/openai/").removeprefix("v1/").rstrip("/").split("/")
        deployment: str | None = None
        if parts[0] == "deployments" and len(parts) > 2:
            deployment, parts = parts[1], parts[2:]
        operation = "/".join(parts)
        if parts[0] in ("files", "batches", "fine_tuning"):
            return await self._job(request, parts)
        if parts[0] == "responses" and len(parts) > 1:
            return await responses.stored(request, self.account, parts[1:])
        if parts[0] == "models" and request.method == "GET":
            return web.json_response(
                {"object": "list", "data": [{"id": n, "object": "model"} for n in self.account.deployments]}
            )
        if request.method != "POST" or not self._known(operation):
            raise Refused(404, "404", "Resource not found")
        document = await _content(request)
        chosen = self._deployment(deployment or document.get("model"))
        if operation in _INFERENCE:
            return await _INFERENCE[operation](request, self.account, document, chosen, cut=cut)
        if parts[0] == "images":
            return await media.images(request, self.account, document, chosen, operation.replace("/", "."))
        if operation == "audio/speech":
            return await media.speech(request, self.account, document, chosen)
        return await media.transcribe(request, self.account, document, chosen, operation.replace("/", "."))

    async def _job(self, request: web.Request, parts: list[str]) -> web.StreamResponse:
        content = await _content(request) if request.method == "POST" and request.can_read_body else {}
        if parts[0] == "files":
            return await jobs.files(request, self.account, parts[1:], content)
        if parts[0] == "batches":
            return await jobs.batches(request, self.account, parts[1:], content)
        if parts[1:2] != ["jobs"]:
            raise Refused(404, "404", "Resource not found")
        return await jobs.fine_tuning(request, self.account, parts[2:], content)

    def _known(self, operation: str) -> bool:
        media_paths = (
            "images/generations",
            "images/edits",
            "audio/speech",
            "audio/transcriptions",
            "audio/translations",
        )
        return operation in _INFERENCE or operation in media_paths

    def _deployment(self, name: str | None) -> dict[str, Any]:
        if not name or name not in self.account.deployments:
            message = (
                "The API deployment for this resource does not exist. If you created it within the "
                "last 5 minutes, please wait a moment and try again."
            )
            raise Refused(404, "DeploymentNotFound", message)
        return self.account.deployments[name]


async def _content(request: web.Request) -> dict[str, Any]:
    if request.content_type.startswith("multipart/"):
        form: dict[str, Any] = {}
        async for part in await request.multipart():
            value = await part.read()  # type: ignore[union-attr]
            name = str(part.name)  # type: ignore[union-attr]
            if part.filename:  # type: ignore[union-attr]
                form["filename"] = part.filename  # type: ignore[union-attr]
            form[name] = bytes(value) if name in ("file", "image", "image[]") else value.decode()
        return form
    try:
        document = json.loads(await request.read())
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise Refused(400, None, "We could not parse the JSON body of your request.", type="invalid_request_error")
    return document
