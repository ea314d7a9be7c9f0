"""What people are told in the channels that the stack stands in for, as they see it."""

import json
import time
import urllib.request
from collections.abc import Iterator

from stack.stack import Stack

_PAUSE = 0.1


def messages(stack: Stack, channel: str) -> Iterator[str]:
    """The messages that a channel has shown so far, in their order."""
    with urllib.request.urlopen(f"{stack.site.channel_access.base}/shown", timeout=60) as answer:
        shown = json.load(answer)
    yield from (each["text"] for each in shown if each["service"] == channel)


def message_with(stack: Stack, channel: str, *parts: str, seconds: float = 120.0) -> str | None:
    """The first message that has all of these parts, once it is shown; None where that takes longer."""
    until = time.monotonic() + seconds
    while True:
        for text in messages(stack, channel):
            if all(part in text for part in parts):
                return text
        if time.monotonic() > until:
            return None
        time.sleep(_PAUSE)
