"""The errors of the gateway: a refused policy document, a failed policy, and an answer that ends the pipeline.

PolicyFault     a defect of a policy document, with file and line
PolicyError     a policy or the backend call failed while a call was handled: `on-error` runs
ResponseReady   a policy answered the call itself: what is left of the pipeline is skipped
"""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Fault:
    """One defect of a policy document."""

    file: str
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.reason}"


class PolicyFault(Exception):
    """Documents that the gateway would refuse to take, with every reason."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = faults


@dataclass
class PolicyError(Exception):
    """What `context.LastError` says, and the answer that the caller gets unless `on-error` changes it."""

    source: str
    reason: str
    message: str
    status: int = 500
    headers: dict[str, str] = field(default_factory=dict)
    status_reason: str | None = None
    path: str = ""
    section: str = ""
    scope: str = "api"
    policy_id: str | None = None
    """The `id` of the policy, once it is known; empty for a policy without one."""


class ResponseReady(Exception):
    """A policy has answered: the pipeline stops here."""
