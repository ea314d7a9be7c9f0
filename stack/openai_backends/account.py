"""The state of one simulated account: its deployments, stored objects, faults and ledger."""

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from stack.openai_backends.faults import Faults

_REQUEST_ID_HEADERS = ("x-gateway-request-id", "x-ms-client-request-id", "x-request-id")


@dataclass
class Account:
    """One account, by its name in deployments.yaml; what is stored on it is known to no other account.

    Attributes:
        objects: conversations, vector stores and containers by id.
        items: ids of the items of stored answers.
        clock: tells when a streamed response may be seen; tests may set it.
        hidden_seconds: how long the id of a streamed response answers 404 after the stream has completed. Measured:
            5.5 to 7 s in the median, 33 s at most (dotnet/extensions #7704, 79 responses).
    """

    name: str
    region: str
    deployments: dict[str, dict[str, Any]]
    faults: Faults = field(default_factory=Faults)
    ledger: list[dict[str, Any]] = field(default_factory=list)
    responses: dict[str, dict[str, Any]] = field(default_factory=dict)
    files: dict[str, tuple[dict[str, Any], bytes]] = field(default_factory=dict)
    batches: dict[str, dict[str, Any]] = field(default_factory=dict)
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    items: set[str] = field(default_factory=set)
    prompts: set[str] = field(default_factory=set)
    clock: Callable[[], float] = time.time
    hidden_seconds: float = 7
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

    def response(self, name: str) -> dict[str, Any] | None:
        """What is kept of a response, once it may be seen."""
        kept = self.responses.get(name)
        return kept if kept is not None and kept["from"] <= self.clock() else None
