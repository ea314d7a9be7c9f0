"""Answers image and audio calls, with token usage, with seconds, or without usage."""

import base64
import time
from typing import Any

from aiohttp import web

from stack.gateway.tokens import estimate
from stack.openai_backends.account import Account
from stack.openai_backends.refusals import INVALID, Refused
from stack.openai_backends.replies import headers_of, reply

_PNG = b"\x89PNG\r\n\x1a\n"
_LARGE = 2_400_000
"""Bytes of a picture of high quality: a photograph of 1024 x 1024 points is a PNG of 2 to 4 MB."""
_IMAGE_TOKENS = {"low": 272, "medium": 1056, "high": 4160, "auto": 1056}
_BYTES_PER_SECOND = 16000
TRANSCRIPT = "every call is written down once"


async def generate(
    request: web.Request, account: Account, document: dict[str, Any], deployment: dict[str, Any]
) -> web.StreamResponse:
    """POST …/images/generations."""
    return _images(request, account, document, deployment, "images.generations")


async def edit(
    request: web.Request, account: Account, form: dict[str, Any], deployment: dict[str, Any]
) -> web.StreamResponse:
    """POST …/images/edits."""
    return _images(request, account, form, deployment, "images.edits")


def _images(
    request: web.Request,
    account: Account,
    document: dict[str, Any],
    deployment: dict[str, Any],
    operation: str,
) -> web.Response:
    """gpt-image reports tokens, DALL·E nothing."""
    prompt = str(document.get("prompt", ""))
    if not prompt:
        raise Refused(400, None, "'prompt' is a required property", type=INVALID, param="prompt")
    count, model, name = int(document.get("n") or 1), deployment["model"], deployment["name"]
    quality = str(document.get("quality", "auto"))
    answer: dict[str, Any] = {
        "created": int(time.time()),
        "data": [{"b64_json": _picture(quality)}] * count,
    }
    usage = None
    if model.startswith("gpt-image"):
        text, image = estimate(prompt), 323 if operation == "images.edits" else 0
        out = count * _IMAGE_TOKENS.get(quality, 1056)
        usage = {
            "input_tokens": text + image,
            "input_tokens_details": {"text_tokens": text, "image_tokens": image},
            "output_tokens": out,
            "total_tokens": text + image + out,
        }
        answer |= {
            "usage": usage,
            "size": document.get("size", "1024x1024"),
            "quality": document.get("quality", "high"),
        }
    account.enter(request.headers, operation, name, model=model, usage=usage, stream=False, images=count)
    return reply(account, answer, name)


def _picture(quality: str) -> str:
    return base64.b64encode(_PNG + bytes(_LARGE if quality == "high" else 32)).decode()


async def speech(
    request: web.Request, account: Account, document: dict[str, Any], deployment: dict[str, Any]
) -> web.StreamResponse:
    """POST …/audio/speech: bytes and no usage; it is billed by the character."""
    text, name = str(document.get("input", "")), deployment["name"]
    account.enter(
        request.headers,
        "audio.speech",
        name,
        model=deployment["model"],
        usage=None,
        stream=False,
        characters=len(text),
    )
    headers = {**headers_of(account, name), "Content-Type": "application/octet-stream"}
    return web.Response(body=b"ID3" + bytes(64 * max(1, len(text))), headers=headers)


async def transcribe(
    request: web.Request, account: Account, form: dict[str, Any], deployment: dict[str, Any]
) -> web.StreamResponse:
    """POST …/audio/transcriptions."""
    return _text(request, account, form, deployment, "audio.transcriptions")


async def translate(
    request: web.Request, account: Account, form: dict[str, Any], deployment: dict[str, Any]
) -> web.StreamResponse:
    """POST …/audio/translations."""
    return _text(request, account, form, deployment, "audio.translations")


def _text(
    request: web.Request, account: Account, form: dict[str, Any], deployment: dict[str, Any], operation: str
) -> web.Response:
    """Whisper bills seconds, gpt-4o-transcribe tokens."""
    audio, name, model = form.get("file"), deployment["name"], deployment["model"]
    if not isinstance(audio, bytes):
        raise Refused(400, None, "'file' is a required property", type=INVALID, param="file")
    seconds = max(1, len(audio) // _BYTES_PER_SECOND)
    usage: dict[str, Any] = {"type": "duration", "seconds": seconds}
    if model != "whisper":
        detail = {"audio_tokens": seconds * 10, "text_tokens": 0}
        out = estimate(TRANSCRIPT)
        usage = {"type": "tokens", "input_tokens": seconds * 10, "input_token_details": detail}
        usage |= {"output_tokens": out, "total_tokens": seconds * 10 + out}
    account.enter(request.headers, operation, name, model=model, usage=usage, stream=False, audioSeconds=seconds)
    kind = form.get("response_format", "json")
    if kind in ("text", "srt", "vtt"):
        return web.Response(text=TRANSCRIPT + "\n", headers=headers_of(account, name))
    answer: dict[str, Any] = {"text": TRANSCRIPT}
    if kind == "verbose_json":
        answer |= {
            "task": operation.removeprefix("audio."),
            "language": "english",
            "duration": float(seconds),
            "segments": [],
        }
    if kind == "verbose_json" or model != "whisper":
        answer["usage"] = usage
    return reply(account, answer, name)
