"""One simulated account: its deployments, what clients stored on it, its faults and its ledger."""

import asyncio
import itertools
import time
from dataclasses import dataclass, field
from random import Random
from typing import Any

MODES = ("ok", "429", "500", "slow", "hang", "refuse", "cut", "filter")
_REQUEST_ID_HEADERS = ("x-gateway-request-id", "x-ms-client-request-id", "x-request-id")


@dataclass(slots=True)
class Faults:
    """How the account misbehaves; `hold` keeps streams open after their first token until released."""

    mode: str = "ok"
    probability: float = 1.0
    retry_after_ms: int = 1000
    delay_ms: int = 500
    hold: bool = False
    random: Random = field(default_factory=Random)
    released: asyncio.Event = field(default_factory=asyncio.Event)

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> "Faults":
        """The faults that a control request asks for; `ValueError` names what is wrong with it."""
        known = {"mode", "probability", "seed", "retryAfterMs", "delayMs", "hold"}
        if unknown := set(document) - known:
            raise ValueError(f"unknown field {sorted(unknown)[0]!r}; known: {', '.join(sorted(known))}")
        mode = str(document.get("mode", "ok"))
        if mode not in MODES:
            raise ValueError(f"mode must be one of {', '.join(MODES)}, not {mode!r}")
        return cls(
            mode=mode,
            probability=float(document.get("probability", 1.0)),
            retry_after_ms=int(document.get("retryAfterMs", 1000)),
            delay_ms=int(document.get("delayMs", 500)),
            hold=bool(document.get("hold", False)),
            random=Random(document.get("seed")),
        )

    def next(self) -> str:
        """The mode of the next call."""
        return self.mode if self.mode == "ok" or self.random.random() < self.probability else "ok"


@dataclass
class Account:
    """One account, by its name in deployments.yaml."""

    name: str
    region: str
    deployments: dict[str, dict[str, Any]]
    faults: Faults = field(default_factory=Faults)
    ledger: list[dict[str, Any]] = field(default_factory=list)
    responses: dict[str, dict[str, Any]] = field(default_factory=dict)
    files: dict[str, tuple[dict[str, Any], bytes]] = field(default_factory=dict)
    batches: dict[str, dict[str, Any]] = field(default_factory=dict)
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    prompts: set[str] = field(default_factory=set)
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    @property
    def host(self) -> str:
        """The account's host name in Azure."""
        return f"{self.name}.openai.azure.com"

    def identifier(self, prefix: str) -> str:
        """A new id such as resp_oaiswedencentral00000001."""
        return f"{prefix}{self.name.replace('-', '')}{next(self._numbers):08d}"

    def enter(self, headers: Any, operation: str, deployment: str, **facts: Any) -> dict[str, Any]:
        """Add a call to the ledger; the entry may be completed while the call goes on."""
        request_id = next((headers[name] for name in _REQUEST_ID_HEADERS if name in headers), None)
        entry = {
            "requestId": request_id,
            "operation": operation,
            "deployment": deployment,
            "time": time.time(),
            **facts,
        }
        self.ledger.append(entry)
        return entry
