"""Wires what tells people: who is told what, and over which channels."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING

from chargeback.stores import Stores

if TYPE_CHECKING:
    from azure.eventgrid.aio import EventGridPublisherClient

    from chargeback.adapters.channels.outbound import Outbound
    from chargeback.adapters.config.alerts import AlertSettings
    from chargeback.services.alerts.channel_states import ChannelStates
    from chargeback.services.alerts.raise_alerts import Alerts
    from chargeback.services.alerts.tell_alerts import AlertTeller
    from chargeback.services.ports.channels import AlertChannel
    from chargeback.services.usage.senders import Keys


@dataclass
class Alerting(Stores):
    """The parts of alerts over the stores of a process."""

    @cached_property
    def alert_settings(self) -> "AlertSettings":
        """Who is told what, and how much is tolerated; messages lead to the pages unless they lead elsewhere."""
        from chargeback.adapters.config.alerts import load_alerts
        from chargeback.domain.alerts.message import ID_IN_LINK

        found, pages = load_alerts(self.settings.config_folder), self.settings.pages_url or ""
        # The pages of a local stack have no certificate, and messages lead to https addresses alone.
        if found.link or not pages.startswith("https://"):
            return found
        return replace(found, link=f"{pages}/alerts/{ID_IN_LINK}")

    @cached_property
    def alerts(self) -> "Alerts":
        """The one entrance for what people must know."""
        from chargeback.services.alerts.raise_alerts import Alerts

        return Alerts(self.outbox, self.due_alerts, self.alert_settings.plan)

    @cached_property
    def alert_channels(self) -> "Mapping[str, AlertChannel]":
        """The channels of alerts by their ids."""
        from chargeback.adapters.channels.open_channels import ChannelParts, open_channels

        settings = self.settings
        parts = ChannelParts(
            self.outbound,
            self._alert_secret,
            lambda: self.credential,
            lambda: datetime.now(UTC),
            settings.communication_endpoint,
            settings.alert_sender,
            lambda: self.alert_events,
        )
        return open_channels(self.alert_settings, parts)

    @cached_property
    def outbound(self) -> "Outbound":
        """The way to hosts outside; this machine is one of them only where the stores are here and Azure is not."""
        from chargeback.adapters.channels.outbound import Outbound

        return Outbound(loopback=self.settings.stores_are_here and "WEBSITE_INSTANCE_ID" not in os.environ)

    @cached_property
    def alert_events(self) -> "EventGridPublisherClient | None":
        """The topic on which other systems hear of alerts; None where there is none."""
        from azure.eventgrid.aio import EventGridPublisherClient

        endpoint = self.settings.alerts_topic_endpoint
        return EventGridPublisherClient(endpoint, self.credential, retry_total=1) if endpoint else None

    def _alert_secret(self, name: str, parse: Callable[[str], tuple[str, ...]]) -> "Keys":
        from chargeback.adapters.azure.key_vault import FixedKeys, VaultKeys
        from chargeback.adapters.channels.unset import NoSecret

        fixed = self.settings.alert_secrets.get(name)
        if fixed is None and self.settings.key_vault_url:
            return VaultKeys(self.vault, name, parse)
        if fixed is None:
            return NoSecret(
                f"the secret {name} is not set: there is neither CHARGEBACK_KEY_VAULT_URL nor ALERT_SECRETS"
            )
        try:
            return FixedKeys(parse(fixed.get_secret_value()))
        except ValueError as error:
            return NoSecret(f"ALERT_SECRETS.{name}: {error}")

    @cached_property
    def channel_states(self) -> "ChannelStates":
        """Which channels take messages now."""
        from chargeback.services.alerts.channel_states import ChannelStates

        return ChannelStates(self.control)

    @cached_property
    def alert_teller(self) -> "AlertTeller":
        """Tells what is due."""
        from chargeback.services.alerts.tell_alerts import AlertTeller
        from chargeback.services.alerts.tell_channel import Timing

        timing = Timing(lambda: datetime.now(UTC))
        return AlertTeller(self.outbox, self.digests, self.channel_states, self.alert_channels, timing)

    async def close(self) -> None:
        """Close every connection that was opened."""
        for name in ("outbound", "alert_events"):
            if (opened := self.__dict__.pop(name, None)) is not None:
                await opened.close()
        await super().close()
