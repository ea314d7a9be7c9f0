"""Answers chat completions, completions and embeddings."""

import base64
import struct
import time
from collections.abc import Iterator
from typing import Any

from aiohttp import web

from stack.openai_backends.account import Account
from stack.openai_backends.refusals import FILTER_RESULTS, INVALID, Refused
from stack.openai_backends.replies import PROMPT_FILTER, event, reply, stream
from stack.openai_backends.served import served, snapshot
from stack.openai_backends.tiers import answered_tier, judge_length
from stack.openai_backends.usage import answer_words, chat_usage, token_counts

_INCLUDE_USAGE_SINCE = "2024-09-01"
_DIMENSIONS = {"text-embedding-3-large": 3072}


async def chat(
    request: web.Request, account: Account, document: dict[str, Any], deployment: dict[str, Any]
) -> web.StreamResponse:
    """POST …/chat/completions."""
    if not isinstance(document.get("messages"), list):
        raise Refused(400, None, "'messages' is a required property", type=INVALID, param=None)
    _judge_options(request, document)
    _judge_limit(document, deployment["model"])
    tier = answered_tier(document, deployment)
    judge_length(document, deployment)
    name, model = deployment["name"], snapshot(served(deployment))
    words = answer_words(document)
    usage = chat_usage(token_counts(account, document, model, len(words)))
    streamed = bool(document.get("stream"))
    account.enter(
        request.headers, "chat.completions", name, model=model, usage=usage, stream=streamed, serviceTier=tier
    )
    base = {"id": account.identifier("chatcmpl-"), "created": int(time.time()), "model": model}
    if streamed:
        wanted = bool((document.get("stream_options") or {}).get("include_usage"))
        chunks = _chunks({**base, "service_tier": tier}, words, usage if wanted else None)
        return await stream(request, account, name, chunks, first=3)
    message = {"role": "assistant", "content": " ".join(words), "refusal": None}
    choice = {"index": 0, "finish_reason": "stop", "logprobs": None, "message": message}
    return reply(
        account,
        {
            "choices": [{**choice, "content_filter_results": FILTER_RESULTS}],
            **base,
            "object": "chat.completion",
            "prompt_filter_results": PROMPT_FILTER,
            "service_tier": tier,
            "system_fingerprint": "fp_local",
            "usage": usage,
        },
        name,
    )


def _judge_options(request: web.Request, document: dict[str, Any]) -> None:
    options = document.get("stream_options")
    if options is None:
        return
    version = request.query.get("api-version", "")
    old = "/openai/v1/" not in request.path and version[:10] < _INCLUDE_USAGE_SINCE
    if old or document.get("data_sources"):
        message = "Unrecognized request argument supplied: stream_options"
        raise Refused(400, None, message, type=INVALID, param=None)
    if not document.get("stream"):
        message = "The 'stream_options' parameter is only allowed when 'stream' is enabled."
        raise Refused(400, None, message, type=INVALID, param="stream_options")


def _judge_limit(document: dict[str, Any], model: str) -> None:
    """Reasoning models refuse the older name: https://learn.microsoft.com/azure/foundry/openai/how-to/reasoning."""
    if "max_tokens" in document and model.startswith(("gpt-5", "gpt-6", "o1", "o3", "o4")):
        message = (
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
        )
        raise Refused(400, "unsupported_parameter", message, type=INVALID, param="max_tokens")


def _chunks(base: dict[str, Any], words: list[str], usage: dict[str, Any] | None) -> Iterator[bytes]:
    more = {"object": "chat.completion.chunk", "system_fingerprint": "fp_local"}
    chunk = {**base, **more, **({"usage": None} if usage else {})}
    first = {
        "choices": [],
        "created": 0,
        "id": "",
        "model": "",
        "object": "",
        "prompt_filter_results": PROMPT_FILTER,
    }
    yield event(first)
    yield event({**chunk, "choices": [_delta({"content": "", "refusal": None, "role": "assistant"})]})
    for place, word in enumerate(words):
        yield event({**chunk, "choices": [_delta({"content": word if place == 0 else f" {word}"})]})
    yield event({**chunk, "choices": [_delta({}, "stop")]})
    if usage:
        yield event({**chunk, "choices": [], "usage": usage})
    yield b"data: [DONE]\n\n"


def _delta(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    return {
        "index": 0,
        "delta": delta,
        "finish_reason": finish,
        "logprobs": None,
        "content_filter_results": {},
    }


async def completions(
    request: web.Request, account: Account, document: dict[str, Any], deployment: dict[str, Any]
) -> web.StreamResponse:
    """POST …/completions."""
    _judge_options(request, document)
    name, words = deployment["name"], answer_words(document)
    full = chat_usage(token_counts(account, document, deployment["model"], len(words)))
    usage = {key: full[key] for key in ("prompt_tokens", "completion_tokens", "total_tokens")}
    streamed = bool(document.get("stream"))
    account.enter(request.headers, "completions", name, model=deployment["model"], usage=usage, stream=streamed)
    base = {"id": account.identifier("cmpl-"), "object": "text_completion", "created": int(time.time())}
    base = {**base, "model": deployment["model"]}
    choice = {"index": 0, "logprobs": None, "finish_reason": None}
    if streamed:
        wanted = (document.get("stream_options") or {}).get("include_usage")
        events = [event({**base, "choices": [{**choice, "text": f"{word} "}]}) for word in words]
        events += [event({**base, "choices": [], "usage": usage})] if wanted else []
        return await stream(request, account, name, [*events, b"data: [DONE]\n\n"], first=1)
    text = {**choice, "text": " ".join(words), "finish_reason": "stop"}
    return reply(account, {**base, "choices": [text], "usage": usage}, name)


async def embeddings(
    request: web.Request, account: Account, document: dict[str, Any], deployment: dict[str, Any]
) -> web.StreamResponse:
    """POST …/embeddings."""
    texts = document.get("input")
    if not texts:
        raise Refused(400, None, "'input' is a required property", type=INVALID, param="input")
    count = len(texts) if isinstance(texts, list) and not isinstance(texts[0], int) else 1
    tokens = token_counts(account, document, deployment["model"], 0)["prompt"]
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    name = deployment["name"]
    account.enter(request.headers, "embeddings", name, model=deployment["model"], usage=usage, stream=False)
    vector = _vector(int(document.get("dimensions") or _DIMENSIONS.get(deployment["model"], 1536)))
    if document.get("encoding_format") == "base64":
        vector = base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
    data = [{"object": "embedding", "index": place, "embedding": vector} for place in range(count)]
    return reply(account, {"object": "list", "data": data, "model": deployment["model"], "usage": usage}, name)


def _vector(dimensions: int) -> Any:
    """Numbers as long as the service writes them, so that a batch of embeddings is as large as a real one."""
    return [round(((place * 7919) % 2003 - 1001) / 25025.7, 9) for place in range(dimensions)]
