"""Stands in for a channel that is configured but cannot work yet, so that nothing that waits for it is lost."""

from chargeback.adapters.channels.outcomes import failed_for_now
from chargeback.domain.alerts.message import AlertMessage
from chargeback.domain.errors import StoreUnavailable
from chargeback.services.ports.channels import Outcome


class UnsetChannel:
    """A channel for which a setting is missing; see `services.ports.channels.AlertChannel`."""

    paces = ()
    knows_repetitions = True
    look_for = "Nothing: a setting is missing."

    def __init__(self, channel: str, fault: str) -> None:
        self.id = channel
        self._fault = fault

    async def send(self, message: AlertMessage) -> Outcome:  # noqa: ARG002 nothing is sent
        """Say what is missing."""
        return failed_for_now(self._fault)


class NoSecret:
    """A secret that is nowhere, or that cannot be used; see `services.usage.senders.Keys`."""

    def __init__(self, fault: str) -> None:
        self._fault = fault

    async def current(self) -> tuple[str, ...]:
        """Raise `StoreUnavailable`."""
        raise StoreUnavailable(self._fault)
