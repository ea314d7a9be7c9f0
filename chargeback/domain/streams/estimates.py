"""Estimates how many tokens a call without a count used, from the lengths that the gateway saw and similar calls.

An estimate names its basis (`estimateBasis`), and its line is `estimated`, never exact.
"""

from math import ceil

from chargeback.domain.events.admission import completed
from chargeback.domain.events.documents import Data, encode_document
from chargeback.domain.events.event_types import UsageSource
from chargeback.domain.streams.gateway_log import StreamMean
from chargeback.domain.streams.settlement import JOBS, PendingCall, Served, at_its_tier, used_text_alone
from chargeback.domain.usage.usage_objects import Usage

SAMPLE = 10
"""A mean needs at least this many streamed calls of the same deployment."""

CHARACTERS_PER_TOKEN = 4
"""OpenAI's rule of thumb for English (help.openai.com, "What are tokens and how to count them?")."""

TOO_LONG = "context_length_exceeded"
UNANSWERED = frozenset({"content_filter", "contentfilter", "content_policy_violation", "moderation_blocked", TOO_LONG})
"""The errors of calls whose prompt was read and not answered, as the gateway's `account` fragment writes them.

Azure "may" bill a 400 "due to a content filter or input limit" (learn.microsoft.com/azure/ai-foundry/openai/how-to/
manage-costs). The filter's code is another for pictures: `contentFilter` (.../how-to/dall-e), and that of OpenAI's own
image models.
"""

LARGEST_CONTEXT = 1_050_000
"""Tokens that any model takes at once (gpt-5.4 and later; gpt-4.1 takes 1 047 576: learn.microsoft.com/azure/foundry/
foundry-models/concepts/models-sold-directly-by-azure). No call can have read more of a prompt that was too long."""

EMBEDDINGS = "embeddings"
"""The operation whose answers are numbers: they have no tokens."""


def estimated(call: PendingCall, like: StreamMean | None, served: Served) -> bytes | None:
    """The event that completes a call without a count; None where there is no basis for an estimate.

    Pictures and sound that the gateway measured itself are taken as measured; other pictures and sound stay unsettled,
    because tokens of text would have another price.
    """
    data = call.document.data
    if data.quantities is not None:
        return encode_document(completed(call.document, None, UsageSource.ESTIMATED, "measured by the gateway"))
    guess = _guess(call, like if like is not None and like.calls >= SAMPLE else None)
    if guess is None or not used_text_alone(call.document, served):
        return None
    usage, basis = guess
    document, _ = at_its_tier(call.document, served)
    return encode_document(completed(document, usage, UsageSource.ESTIMATED, basis))


def expected_tokens(data: Data, mean: int | None) -> tuple[int, int]:
    """What a call is taken to use while nobody knows better, for budgets: tokens of its prompt and of its answer.

    `mean` is what the answers of calls like it came to; an answer is expected to be no longer than it may be. Jobs,
    pictures and sound are not weighed: their prices are not those of text.
    """
    if data.operation in JOBS or data.operation.startswith(("audio.", "images.")):
        return 0, 0
    prompt = min(_prompt(data) or 0, LARGEST_CONTEXT)
    if data.error_code in UNANSWERED or data.operation == EMBEDDINGS:
        return prompt, 0
    known = [tokens for tokens in (data.max_output_tokens, mean) if tokens is not None]
    return prompt, min(known, default=0)


def _guess(call: PendingCall, like: StreamMean | None) -> tuple[Usage, str] | None:
    data = call.document.data
    if not _has_used_text(call):
        return None
    mean = f"mean of {like.calls} streamed calls of {call.deployment}" if like is not None else ""
    prompt = _prompt(data)
    completion, basis = _answer(data, like, mean)
    if prompt is not None:
        basis = f"{data.request_characters} characters and {basis}"
    elif like is not None:
        prompt, basis = like.prompt, mean
    if prompt is None or completion is None:
        return None
    return Usage(prompt_tokens=prompt, completion_tokens=completion, total_tokens=prompt + completion), basis


def _has_used_text(call: PendingCall) -> bool:
    """Whether the call read a prompt and has ended: an answered stream, or any that says how long its prompt was.

    Not a job, and not a response that is fetched later.
    """
    data = call.document.data
    if data.response_id is not None or data.operation in JOBS:
        return False
    is_answered = data.status_code is None or data.status_code < 400
    return data.request_characters is not None or (bool(data.stream) and is_answered)


def _prompt(data: Data) -> int | None:
    """The tokens of the prompt by its length; None where nobody knows it."""
    if data.request_characters is None:
        return None
    tokens = ceil(data.request_characters / CHARACTERS_PER_TOKEN)
    return min(tokens, LARGEST_CONTEXT) if data.error_code == TOO_LONG else tokens


def _answer(data: Data, like: StreamMean | None, mean: str) -> tuple[int | None, str]:
    """The tokens of the answer, as many as similar calls have but no more than its limit; and the basis of that."""
    if data.error_code in UNANSWERED or data.operation == EMBEDDINGS:
        return 0, "no answer"
    if like is None:
        return data.max_output_tokens, f"at most {data.max_output_tokens} tokens"
    most = data.max_output_tokens
    return (like.completion if most is None else min(most, like.completion)), mean
