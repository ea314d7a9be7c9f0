"""Reads what a call asks for: its operation, deployment, service tier and body."""

import json
import re
from dataclasses import dataclass, replace
from typing import Any

from aiohttp import web

from stack.openai_backends.refusals import Refused

_BINARY = ("file", "image", "image[]")
_OF_WORDS = ("chat", "completions", "embeddings", "images", "audio")


@dataclass(frozen=True, slots=True)
class Asked:
    """One call.

    Attributes:
        parts: the path below `/openai`, without `v1` and the deployment.
        deployment: that of the path, else of the body, else "".
        document: the body; None where it is no JSON object.
        text: the body as text, for faults that befall certain prompts.
    """

    parts: list[str]
    deployment: str
    document: dict[str, Any] | None
    text: str

    @property
    def operation(self) -> str:
        """The path that names the operation, such as chat/completions."""
        return "/".join(self.parts)

    @property
    def tier(self) -> str:
        """The service tier that the call asks for."""
        return str((self.document or {}).get("service_tier") or "auto")

    def at(self, deployment: str) -> "Asked":
        """The same call for another deployment."""
        return replace(self, deployment=deployment)


async def read_call(request: web.Request) -> Asked:
    """Read path and body.

    The words of a path are compared without regard to case and doubled slashes count once: whatever the service
    does with such a path, a gateway that a caller dodges so must be seen to let the call through.
    """
    root, *parts = re.sub(r"/+", "/", request.path).strip("/").split("/")
    if parts and parts[0].lower() == "v1":
        parts = parts[1:]
    deployment = ""
    if len(parts) > 2 and parts[0].lower() == "deployments":
        deployment, parts = parts[1], parts[2:]
    if root.lower() != "openai" or not parts:
        raise Refused(404, "404", "Resource not found")
    first = parts[0].lower()
    parts = [part.lower() for part in parts] if first in _OF_WORDS else [first, *parts[1:]]
    document, text = await _body(request)
    return Asked(parts, deployment or str((document or {}).get("model") or ""), document, text)


async def _body(request: web.Request) -> tuple[dict[str, Any] | None, str]:
    if request.method not in ("POST", "PUT", "PATCH") or not request.can_read_body:
        return {}, ""
    if request.content_type.startswith("multipart/"):
        form = await _form(request)
        return form, str(form.get("prompt", ""))
    raw = await request.read()
    text = raw.decode(errors="replace")
    try:
        document = json.loads(raw) if raw else {}
    except ValueError:
        return None, text
    return document if isinstance(document, dict) else None, text


async def _form(request: web.Request) -> dict[str, Any]:
    form: dict[str, Any] = {}
    async for part in await request.multipart():
        value = await part.read()  # type: ignore[union-attr]
        name = str(part.name)  # type: ignore[union-attr]
        if part.filename:  # type: ignore[union-attr]
            form["filename"] = part.filename  # type: ignore[union-attr]
        form[name] = bytes(value) if name in _BINARY else value.decode()
    return form
