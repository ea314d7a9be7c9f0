"""Makes the body of a response, and the events that stream it."""

import time
from collections.abc import Iterator
from typing import Any

from stack.openai_backends.account import Account
from stack.openai_backends.references import encrypted_reasoning
from stack.openai_backends.replies import event
from stack.openai_backends.usage import answer_words, is_reasoning, responses_usage, token_counts

FAILING = "please fail"
"""A prompt with these words makes a response that ends as failed."""


def compose(
    account: Account, document: dict[str, Any], deployment: dict[str, Any], *, tier: str, tools: list[dict[str, Any]]
) -> dict[str, Any]:
    """The response as it will be when it has ended."""
    model, words = deployment["model"], answer_words(document)
    usage = responses_usage(token_counts(account, document, model, len(words)))
    failed = FAILING in str(document.get("input", ""))
    short = not failed and _was_cut_short(document, words)
    thoughts = [_reasoning(account, document)] if is_reasoning(model) else []
    message = _message(account, words, "incomplete" if short else "completed")
    return {
        "id": account.identifier("resp_"),
        "object": "response",
        "created_at": int(time.time()),
        "status": "failed" if failed else "incomplete" if short else "completed",
        "background": bool(document.get("background")),
        "conversation": _conversation(document),
        "error": {"code": "server_error", "message": "The model failed to answer."} if failed else None,
        "incomplete_details": {"reason": "max_output_tokens"} if short else None,
        "instructions": document.get("instructions"),
        "metadata": document.get("metadata") or {},
        "model": deployment["name"],
        "output": [*thoughts, *tools] if failed else [*thoughts, *tools, message],
        "parallel_tool_calls": True,
        "previous_response_id": document.get("previous_response_id"),
        "prompt_cache_key": document.get("prompt_cache_key"),
        "service_tier": tier,
        "store": document.get("store", True),
        "tool_choice": "auto",
        "tools": document.get("tools") or [],
        "usage": usage,
    }


def unfinished(whole: dict[str, Any], status: str) -> dict[str, Any]:
    """A response before it has ended."""
    return {**whole, "status": status, "output": [], "usage": None, "error": None, "incomplete_details": None}


def events(whole: dict[str, Any]) -> Iterator[bytes]:
    """The server-sent events of a response, numbered from 0."""
    begun = unfinished(whole, "in_progress")
    documents: list[dict[str, Any]] = [
        {"type": "response.created", "response": begun},
        {"type": "response.in_progress", "response": begun},
        *(each for place, item in enumerate(whole["output"]) for each in _item_events(place, item)),
        {"type": f"response.{whole['status']}", "response": whole},
    ]
    for number, document in enumerate(documents):
        yield event({**document, "sequence_number": number}, document["type"])


def _item_events(place: int, item: dict[str, Any]) -> Iterator[dict[str, Any]]:
    begun = {**item, "content": []} if item["type"] == "message" else item
    yield {"type": "response.output_item.added", "output_index": place, "item": begun}
    if item["type"] == "message":
        where = {"item_id": item["id"], "output_index": place, "content_index": 0, "logprobs": []}
        text = item["content"][0]["text"]
        for word in text.split(" "):
            yield {"type": "response.output_text.delta", **where, "delta": f"{word} "}
        yield {"type": "response.output_text.done", **where, "text": text}
    yield {"type": "response.output_item.done", "output_index": place, "item": item}


def _was_cut_short(document: dict[str, Any], words: list[str]) -> bool:
    limit = document.get("max_output_tokens")
    return bool(limit) and len(words) < len(answer_words({**document, "max_output_tokens": None}))


def _message(account: Account, words: list[str], status: str) -> dict[str, Any]:
    text = {"type": "output_text", "annotations": [], "logprobs": [], "text": " ".join(words)}
    message = {"id": account.identifier("msg_"), "type": "message", "role": "assistant", "status": status}
    return {**message, "content": [text]}


def _reasoning(account: Account, document: dict[str, Any]) -> dict[str, Any]:
    """The item that a reasoning model leaves; its content only where the call asks for it."""
    name = account.identifier("rs_")
    asked = "reasoning.encrypted_content" in (document.get("include") or [])
    content = {"encrypted_content": encrypted_reasoning(account, name)} if asked else {}
    return {"id": name, "type": "reasoning", "summary": [], **content}


def _conversation(document: dict[str, Any]) -> dict[str, Any] | None:
    named = document.get("conversation")
    name = named.get("id") if isinstance(named, dict) else named
    return {"id": name} if name else None
