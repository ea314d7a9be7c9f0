"""Which faults an account has, and which calls they hit: all, or those of one deployment, service tier or prompt."""

import asyncio
from dataclasses import dataclass, field
from random import Random
from typing import Any

from stack.openai_backends.refusals import Refused, busy, content_filtered, denied, forbidden

MODES = ("ok", "429", "500", "503", "408", "denied", "forbidden", "slow", "hang", "refuse", "cut", "filter")
_CONDITIONS = ("deployment", "serviceTier", "prompt")
_FIELDS = {"mode", "probability", "seed", "retryAfterMs", "delayMs", "hold", *_CONDITIONS}


@dataclass(slots=True)
class InjectedFault:
    """One misbehaviour; `hold` keeps streams open after their first token until released.

    Attributes:
        deployment: only calls of this deployment feel it: Azure's limits belong to a deployment.
        service_tier: only calls that ask for this tier: a refused flex call says nothing about standard capacity
            (learn.microsoft.com/azure/foundry/openai/how-to/flex-processing).
        prompt: only calls whose body has this text.
    """

    mode: str = "ok"
    probability: float = 1.0
    retry_after_ms: int = 1000
    delay_ms: int = 500
    hold: bool = False
    deployment: str | None = None
    service_tier: str | None = None
    prompt: str | None = None
    random: Random = field(default_factory=Random)

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> "InjectedFault":
        """The fault that a control request asks for; `ValueError` names what is wrong with it."""
        if unknown := set(document) - _FIELDS:
            raise ValueError(f"unknown field {sorted(unknown)[0]!r}; known: {', '.join(sorted(_FIELDS))}")
        mode = str(document.get("mode", "ok"))
        if mode not in MODES:
            raise ValueError(f"mode must be one of {', '.join(MODES)}, not {mode!r}")
        return cls(
            mode=mode,
            probability=float(document.get("probability", 1.0)),
            retry_after_ms=int(document.get("retryAfterMs", 1000)),
            delay_ms=int(document.get("delayMs", 500)),
            hold=bool(document.get("hold", False)),
            deployment=document.get("deployment"),
            service_tier=document.get("serviceTier"),
            prompt=document.get("prompt"),
            random=Random(document.get("seed")),
        )

    @property
    def conditions(self) -> tuple[str | None, ...]:
        """What a call must be to feel this."""
        return (self.deployment, self.service_tier, self.prompt)

    def befalls(self, deployment: str, tier: str, text: str) -> bool:
        """Whether a call feels this."""
        return (
            self.deployment in (None, deployment)
            and self.service_tier in (None, tier)
            and (self.prompt is None or self.prompt in text)
        )

    def refusal(self, deployment: str) -> Refused | None:
        """The error answer of this fault, where it is one."""
        match self.mode:
            case "429":
                return busy(self.retry_after_ms, flex=self.service_tier == "flex")
            case "500":
                message = "The server had an error while processing your request. Sorry about that!"
                return Refused(500, "InternalServerError", message)
            case "503":
                return Refused(503, "ServiceUnavailable", "The service is temporarily unable to process your request.")
            case "408":
                return Refused(408, "Timeout", "The operation was timeout.")
            case "denied":
                return denied(deployment)
            case "forbidden":
                return forbidden()
            case "filter":
                return content_filtered()
        return None


@dataclass(slots=True)
class Faults:
    """Every fault that is in force: the latest of the narrower ones first, the account's own last."""

    in_force: list[InjectedFault] = field(default_factory=list)
    released: asyncio.Event = field(default_factory=asyncio.Event)

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> "Faults":
        """One fault and no other."""
        return cls([InjectedFault.from_document(document)])

    def command(self, document: dict[str, Any]) -> InjectedFault:
        """Put a fault in force; one without conditions ends all others."""
        fault = InjectedFault.from_document(document)
        whole = not any(fault.conditions)
        kept = [] if whole else [each for each in self.in_force if each.conditions != fault.conditions]
        self.in_force = [fault, *kept]
        if self.released.is_set():
            self.released = asyncio.Event()
        return fault

    def strike(self, deployment: str = "", tier: str = "", text: str = "") -> InjectedFault:
        """What the next call feels."""
        for fault in self.in_force:
            if fault.befalls(deployment, tier, text):
                spared = fault.mode != "ok" and fault.random.random() >= fault.probability
                return InjectedFault(hold=fault.hold) if spared else fault
        return InjectedFault()
