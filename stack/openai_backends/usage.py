"""How many tokens a simulated call uses: equal requests use as many, repeated long prompts are cached."""

import hashlib
import json
from typing import Any

from stack.gateway.tokens import estimate_prompt
from stack.openai_backends.account import Account

_CACHE_FROM, _CACHE_STEP = 1024, 128
_WORDS = (
    *(
        "the",
        "answer",
        "to",
        "this",
        "question",
        "depends",
        "on",
        "what",
        "is",
        "counted",
        "and",
        "by",
        "whom",
    ),
    *("so", "every", "call", "is", "written", "down", "once", "with", "its", "tokens", "and", "its", "price"),
)


def is_reasoning(model: str) -> bool:
    """Whether a model thinks before it answers."""
    return model.startswith(("o1", "o3", "o4", "gpt-5"))


def answer_words(document: dict[str, Any]) -> list[str]:
    """The words of the simulated answer, as many as the request's limit lets through."""
    limit = document.get("max_completion_tokens") or document.get("max_output_tokens") or document.get("max_tokens")
    digest = hashlib.sha256(json.dumps(document, sort_keys=True).encode()).digest()
    wanted = 8 + digest[0] % 25
    count = max(1, min(wanted, int(limit) if limit else wanted))
    return [_WORDS[(digest[1] + place) % len(_WORDS)] for place in range(count)]


def token_counts(account: Account, document: dict[str, Any], model: str, words: int) -> dict[str, int]:
    """prompt, cached, completion (reasoning included) and reasoning tokens of a call."""
    prompt = max(1, estimate_prompt(document))
    subject = {name: document.get(name) for name in ("messages", "input", "prompt", "instructions")}
    fingerprint = hashlib.sha256(json.dumps(subject, sort_keys=True).encode()).hexdigest()
    seen = fingerprint in account.prompts
    account.prompts.add(fingerprint)
    cached = prompt // _CACHE_STEP * _CACHE_STEP if seen and prompt >= _CACHE_FROM else 0
    reasoning = 64 if is_reasoning(model) else 0
    return {"prompt": prompt, "cached": cached, "completion": words + reasoning, "reasoning": reasoning}


def chat_usage(counts: dict[str, int]) -> dict[str, Any]:
    """The usage object of chat completions."""
    return {
        "prompt_tokens": counts["prompt"],
        "completion_tokens": counts["completion"],
        "total_tokens": counts["prompt"] + counts["completion"],
        "prompt_tokens_details": {"cached_tokens": counts["cached"], "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": counts["reasoning"],
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def responses_usage(counts: dict[str, int]) -> dict[str, Any]:
    """The usage object of the Responses API."""
    return {
        "input_tokens": counts["prompt"],
        "input_tokens_details": {"cached_tokens": counts["cached"]},
        "output_tokens": counts["completion"],
        "output_tokens_details": {"reasoning_tokens": counts["reasoning"]},
        "total_tokens": counts["prompt"] + counts["completion"],
    }
