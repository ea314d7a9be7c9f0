"""Makes the channels that alerts.yaml names."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from azure.core.credentials_async import AsyncTokenCredential
from azure.eventgrid.aio import EventGridPublisherClient

from chargeback.adapters.channels.email import EmailChannel
from chargeback.adapters.channels.events import EventsChannel
from chargeback.adapters.channels.outbound import Outbound
from chargeback.adapters.channels.paging import PagingChannel
from chargeback.adapters.channels.signing import secrets_in
from chargeback.adapters.channels.slack import SlackChannel
from chargeback.adapters.channels.smtp import SmtpChannel
from chargeback.adapters.channels.teams import TeamsChannel
from chargeback.adapters.channels.unset import UnsetChannel
from chargeback.adapters.channels.webhook import WebhookChannel
from chargeback.adapters.config.alert_channels import (
    PAGING_HOSTS,
    ChannelSetup,
    EmailSetup,
    PagingSetup,
    SlackSetup,
    SmtpSetup,
    TeamsSetup,
    WebhookSetup,
)
from chargeback.adapters.config.alerts import AlertSettings
from chargeback.services.ports.channels import AlertChannel
from chargeback.services.usage.senders import Keys

SecretOf = Callable[[str, Callable[[str], tuple[str, ...]]], Keys]
"""A secret by its name, and what takes the keys out of it."""


@dataclass(frozen=True, slots=True)
class ChannelParts:
    """What channels work with.

    Attributes:
        endpoint, sender: where Communication Services is, and whom its mail is from; None where there is none.
        topic: gives the connection to the product's own topic; None where there is none.
    """

    outbound: Outbound
    secret: SecretOf
    credential: Callable[[], AsyncTokenCredential]
    clock: Callable[[], datetime]
    endpoint: str | None
    sender: str | None
    topic: Callable[[], EventGridPublisherClient | None]


def open_channels(settings: AlertSettings, parts: ChannelParts) -> Mapping[str, AlertChannel]:
    """The channels by their ids; nothing is connected yet."""
    return {each.id: _channel(each, settings, parts) for each in settings.channels}


def _channel(setup: ChannelSetup, settings: AlertSettings, parts: ChannelParts) -> AlertChannel:
    zone, hosts, out, clock = (
        ZoneInfo(settings.plan.time_zone),
        settings.allowed_hosts,
        parts.outbound,
        parts.clock,
    )
    match setup:
        case TeamsSetup():
            return TeamsChannel(setup.id, parts.secret(setup.secret, one_value), out, zone, clock)
        case SlackSetup():
            return SlackChannel(setup.id, parts.secret(setup.secret, one_value), out, zone, clock)
        case PagingSetup():
            key = parts.secret(setup.secret, one_value)
            return PagingChannel(setup.id, setup.url, (*PAGING_HOSTS, *hosts), key, out, zone, clock)
        case WebhookSetup():
            secrets = parts.secret(setup.secret, secrets_in)
            return WebhookChannel(setup.id, setup.url, hosts, secrets, out, clock)
        case SmtpSetup():
            return SmtpChannel(setup, hosts, parts.secret(setup.secret, sign_in), out, zone, clock)
        case EmailSetup():
            return _email(setup, zone, parts)
        case _:
            topic = parts.topic()
            return (
                EventsChannel(setup.id, topic) if topic else UnsetChannel(setup.id, "ALERTS_TOPIC_ENDPOINT is not set")
            )


def _email(setup: EmailSetup, zone: ZoneInfo, parts: ChannelParts) -> AlertChannel:
    if not parts.endpoint or not parts.sender:
        return UnsetChannel(setup.id, "COMMUNICATION_ENDPOINT and ALERT_SENDER are not set")
    made = parts.credential()
    return EmailChannel(setup.id, parts.endpoint, parts.sender, setup.to, made, parts.outbound, zone, parts.clock)


def one_value(secret: str) -> tuple[str, ...]:
    """The one value of a secret. Raises `ValueError` if it has none, or characters that no request carries."""
    value = secret.strip()
    if not value or not (value.isascii() and value.isprintable()):
        raise ValueError("is empty, or has characters that no request carries; expected printable ASCII")
    return (value,)


def sign_in(secret: str) -> tuple[str, ...]:
    """`user:password` of a secret. Raises `ValueError` with what is wrong."""
    value = secret.strip("\r\n")
    if not value.partition(":")[2]:
        raise ValueError("is not user:password")
    return (value,)
