"""Which operation a call's path names, by the rule of the gateway's `describe` fragment; for calls from its log."""

import re
from urllib.parse import unquote, urlsplit

OFFERED = (
    "chat.completions",
    "completions",
    "embeddings",
    "responses",
    "conversations",
    "images.generations",
    "images.edits",
    "images.variations",
    "audio.transcriptions",
    "audio.translations",
    "audio.speech",
    "files",
    "uploads",
    "vector_stores",
    "batches",
    "fine_tuning.jobs",
    "models",
)
"""The operations that the gateway serves."""

WITHHELD = ("realtime", "live", "containers", "evals", "assistants", "threads", "videos")
"""The operations that it refuses by name; every other path is refused as unknown."""

RESPONSES = "responses"
CANCEL = "responses.cancel"
"""The cancel of a background response, whose answer tells what the response used until then."""

FREE = frozenset(
    (
        "responses.input_tokens",
        CANCEL,
        "chat.completions.update",
        "files",
        "uploads",
        "vector_stores",
        "conversations",
        "models",
        "batches",
        "fine_tuning.jobs",
    )
)
"""A POST of these that ended without usage costs nothing: what a batch or job costs, its own later event says.

Any other POST that succeeded is unsettled without usage: also one of an operation that nobody here knows yet.
"""

_FAMILIES = ("chat", "images", "audio", "fine_tuning")
# An API may have any path, and the one of a team that is only metered need not end with openai: what stands before the
# first openai/, v1/ or deployments/ is the API's own.
_ABOVE = r"^/(?:[^?]*?/)??(?:openai/(?:v1/)?|v1/|(?=deployments/))"
_PATH = re.compile(_ABOVE + r"(?:deployments/([^/]+)/)?(.*)$", re.IGNORECASE)
_CREATED = re.compile(
    _ABOVE + r"(?:responses|batches|fine_tuning/jobs)/(?!(?:compact|input_tokens)/?$)[^/]+", re.IGNORECASE
)
_ODD = re.compile(r"^[.]+$|[%\\]")


def operation_and_deployment(url: str) -> tuple[str, str]:
    """(operation, deployment) of a call's URL."""
    match = _PATH.match(_path(url))
    if match is None:
        return "unknown", ""
    deployment, rest = unquote(match[1] or ""), match[2]
    parts = [part for part in rest.lower().split("/") if part]
    if not parts or any(_ODD.search(part) for part in parts):
        return "unknown", deployment
    operation = f"{parts[0]}.{parts[1]}" if parts[0] in _FAMILIES and len(parts) > 1 else parts[0]
    return operation if operation in OFFERED or operation in WITHHELD else "unknown", deployment


def names_stored_object(url: str) -> bool:
    """Whether a path is about a response, batch or job that an earlier call made."""
    return _CREATED.match(_path(url)) is not None


def _path(url: str) -> str:
    return re.sub("/+", "/", urlsplit(url).path)
