"""What people would see: every message of every channel, in the order in which it was shown."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Shown:
    """One message.

    Attributes:
        service: which stand-in showed it.
        text: as a person reads it.
        mentions: whom it calls, and which links it makes of what was meant as text.
        key: by what the service would know a repetition; empty where it has nothing.
        state: `open` or `closed` where the service knows that; else empty.
    """

    service: str
    text: str
    mentions: tuple[str, ...] = ()
    key: str = ""
    state: str = ""


@dataclass(slots=True)
class Trouble:
    """What a stand-in does to the next requests in place of its work; each kind is used up one by one.

    Attributes:
        statuses: status and `Retry-After`, which are answered without acting.
        acted_then_closed: how many requests are acted upon, and the connection is closed before an answer.
        hangs: how many requests are never answered.
    """

    statuses: list[tuple[int, str]] = field(default_factory=list)
    acted_then_closed: int = 0
    hangs: int = 0


@dataclass(slots=True)
class Board:
    """Everything that was shown, and the trouble that the stand-ins make."""

    shown: list[Shown] = field(default_factory=list)
    trouble: Trouble = field(default_factory=Trouble)
    requests: int = 0
    listeners: list[Callable[[Shown], None]] = field(default_factory=list)

    def show(self, message: Shown) -> None:
        """Show a message."""
        self.shown.append(message)
        for listener in self.listeners:
            listener(message)

    async def before(self) -> tuple[int, str] | None:
        """Count a request; the status and `Retry-After` to answer with at once, or None."""
        self.requests += 1
        if self.trouble.hangs:
            self.trouble.hangs -= 1
            await asyncio.sleep(3600)
        return self.trouble.statuses.pop(0) if self.trouble.statuses else None

    def is_closed_after(self) -> bool:
        """Whether the connection is to be closed before the answer to a request that was acted upon."""
        if not self.trouble.acted_then_closed:
            return False
        self.trouble.acted_then_closed -= 1
        return True
