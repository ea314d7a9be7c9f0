"""Counts the tokens of a call from its answer, streamed or not, and estimates them where the answer has none."""

import json
from dataclasses import dataclass
from typing import Any

_CHARACTERS_PER_TOKEN = 4
_IMAGE_TOKENS = 1200
"""What the service counts for an image when it estimates."""
LLM_OPERATIONS = {
    "chat/completions": "ChatCompletions",
    "completions": "Completions",
    "responses": "Responses",
    "embeddings": "Embeddings",
}


def llm_operation(path: str) -> str | None:
    """The operation name that the LLM log gives to a path, or None for a path it does not log."""
    tail = path.rstrip("/")
    return next((name for end, name in LLM_OPERATIONS.items() if tail.endswith("/" + end)), None)


def estimate(text: str) -> int:
    """A rough token count of a text, at least one when there is any."""
    return -(-len(text) // _CHARACTERS_PER_TOKEN)


def estimate_prompt(document: Any) -> int:
    """A rough token count of a request's prompt."""
    if not isinstance(document, dict):
        return 0
    return sum(_estimate_part(document.get(name)) for name in ("messages", "input", "prompt", "instructions"))


def _estimate_part(part: Any) -> int:
    if isinstance(part, str):
        return estimate(part)
    if isinstance(part, list):
        return sum(_estimate_part(item) for item in part)
    if not isinstance(part, dict):
        return 0
    if part.get("type") in ("image_url", "input_image"):
        return _IMAGE_TOKENS
    return sum(_estimate_part(part.get(name)) for name in ("content", "text"))


def _number(value: object, otherwise: int) -> int:
    """A count, whatever the backend sent in its place."""
    return max(0, value) if isinstance(value, int) and not isinstance(value, bool) else otherwise


@dataclass(slots=True)
class Counts:
    """What a call used."""

    prompt: int
    completion: int
    total: int
    streamed: bool
    model: str | None = None


class Tee:
    """Reads the answer while it goes to the caller: JSON as a whole, server-sent events one by one."""

    def __init__(self, content_type: str, request: Any) -> None:
        self.streamed = content_type.startswith("text/event-stream")
        self.json = content_type.startswith("application/json")
        self._request, self._buffer = request, bytearray()
        self._usage: dict[str, Any] | None = None
        self._model: str | None = None
        self._characters = 0

    def feed(self, chunk: bytes) -> None:
        """Take note of some bytes of the answer."""
        if not (self.streamed or self.json):
            return
        self._buffer += chunk
        while self.streamed and (end := self._buffer.find(b"\n")) >= 0:
            line = bytes(self._buffer[:end]).strip()
            del self._buffer[: end + 1]
            if line.startswith(b"data:") and line != b"data: [DONE]":
                self._document(line[5:])

    def finish(self) -> Counts:
        """The counts; estimated when the answer carried none."""
        if self.json:
            self._document(bytes(self._buffer))
        usage = self._usage
        if usage:
            prompt = _number(usage.get("prompt_tokens", usage.get("input_tokens")), 0)
            completion = _number(usage.get("completion_tokens", usage.get("output_tokens")), 0)
            total = _number(usage.get("total_tokens"), prompt + completion)
            return Counts(prompt, completion, total, self.streamed, self._model)
        prompt = estimate_prompt(self._request)
        completion = -(-self._characters // _CHARACTERS_PER_TOKEN)
        return Counts(prompt, completion, prompt + completion, self.streamed, self._model)

    def _document(self, text: bytes) -> None:
        try:
            document = json.loads(text)
        except (ValueError, RecursionError):
            return
        if not isinstance(document, dict):
            return
        nested = document.get("response")
        inner: dict[str, Any] = nested if isinstance(nested, dict) else document
        if isinstance(inner.get("usage"), dict):
            self._usage = inner["usage"]
        self._model = inner.get("model") or self._model
        if isinstance(document.get("delta"), str):
            self._characters += len(document["delta"])
        for choice in document.get("choices") or []:
            content = (choice.get("delta") or choice.get("message") or {}).get("content") or choice.get("text")
            self._characters += len(content or "")
