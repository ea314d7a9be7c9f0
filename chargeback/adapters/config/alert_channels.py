"""Reads the channels of alerts.yaml: where alerts are sent, and by which secrets of Key Vault."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from chargeback.adapters.config.entries import Record, each

PAGING_URL = "https://api.atlassian.com/jsm/ops/integration"
"""Jira Service Management; Opsgenie itself has https://api.opsgenie.com and https://api.eu.opsgenie.com."""

PAGING_HOSTS = ("api.atlassian.com", "api.opsgenie.com", "api.eu.opsgenie.com")

MOST_RECIPIENTS = 50
"""What Communication Services takes (learn.microsoft.com/azure/communication-services/concepts/service-limits)."""

LOCALHOST = "localhost"

_ID = re.compile(r"[a-z][a-z0-9-]{0,31}", re.A)
_SECRET = re.compile(r"[0-9a-zA-Z-]{1,127}", re.A)
_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"({_LABEL}\.)+[a-z]([a-z0-9-]{{0,61}}[a-z0-9])?", re.A)
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,255}", re.A)


class ChannelSetup(Record, frozen=True, tag_field="kind"):
    """A channel of one of the kinds below; the document says which by `kind`."""

    id: str


class TeamsSetup(ChannelSetup, frozen=True, tag="teams"):
    """A chat or channel of Teams; the secret is the address that its workflow shows."""

    secret: str


class SlackSetup(ChannelSetup, frozen=True, tag="slack"):
    """A channel of Slack; the secret is the address of an incoming webhook."""

    secret: str


class PagingSetup(ChannelSetup, frozen=True, tag="jira-service-management"):
    """Jira Service Management or Opsgenie; the secret is the key of an integration."""

    secret: str
    url: str = PAGING_URL


class EmailSetup(ChannelSetup, frozen=True, tag="email"):
    """E-mail by Communication Services, which the deployment makes; it signs in with the app's identity."""

    to: tuple[str, ...]


class SmtpSetup(ChannelSetup, frozen=True, tag="smtp", rename={"sender": "from"}):
    """E-mail by a server of one's own; the secret is `user:password`."""

    host: str
    secret: str
    sender: str
    to: tuple[str, ...]
    port: int = 587


class WebhookSetup(ChannelSetup, frozen=True, tag="webhook"):
    """Another system; the secret is what the messages are signed with."""

    url: str
    secret: str


class EventsSetup(ChannelSetup, frozen=True, tag="events"):
    """The product's own Event Grid topic."""


ANY_CHANNEL: Any = TeamsSetup | SlackSetup | PagingSetup | EmailSetup | SmtpSetup | WebhookSetup | EventsSetup


def alert_channels(raw: object, hosts: tuple[str, ...], faults: list[str]) -> tuple[ChannelSetup, ...]:
    """The channels of a document; `hosts` are those that it allows. What is wrong is appended to `faults`."""
    found: list[tuple[str, ChannelSetup]] = list(each(raw, ANY_CHANNEL, "channels", faults))
    for place, channel in found:
        faults.extend(f"{place}.{fault}" for fault in _faults(channel, hosts))
    return tuple(channel for _, channel in found)


def host_faults(hosts: tuple[str, ...]) -> Iterator[str]:
    """What is wrong with hosts that a document allows, each beginning with its place."""
    for index, host in enumerate(hosts):
        if not _is_host(host):
            yield f"allowedHosts[{index}]: {host!r} is not the name of a host in lower case, such as hooks.example.com"


def is_allowed(host: str, hosts: tuple[str, ...]) -> bool:
    """Whether a host is one of these or below one of them."""
    return any(host == allowed or host.endswith(f".{allowed}") for allowed in hosts)


def _is_host(name: str) -> bool:
    """Whether a string is the name of a host; `localhost` is one for the local stack, and is called nowhere else."""
    return name == LOCALHOST or _HOST.fullmatch(name) is not None


def _faults(channel: ChannelSetup, hosts: tuple[str, ...]) -> Iterator[str]:
    if not _ID.fullmatch(channel.id):
        yield f"id: {channel.id!r} is not up to 32 of a-z, 0-9 and -"
    secret = getattr(channel, "secret", None)
    if secret is not None and not _SECRET.fullmatch(secret):
        # The value is not repeated: it may be the secret itself.
        yield "secret: is not the name of a secret in Key Vault, which is up to 127 of a-z, A-Z, 0-9 and -"
    match channel:
        case PagingSetup():
            yield from _url_faults(channel.url, (*PAGING_HOSTS, *hosts))
        case WebhookSetup():
            yield from _url_faults(channel.url, hosts)
        case SmtpSetup():
            yield from _smtp_faults(channel, hosts)
        case EmailSetup():
            yield from _recipient_faults(channel.to)
        case _:
            pass


def _url_faults(url: str, hosts: tuple[str, ...]) -> Iterator[str]:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port, parts = "", None, urlsplit("")
    usual = host == LOCALHOST or port in (None, 443)
    if parts.scheme != "https" or not _is_host(host) or not usual or "@" in parts.netloc:
        yield f"url: {url!r} is not an https:// address with the name of a host"
    elif not is_allowed(host, hosts):
        yield f"url: {host!r} is not among allowedHosts"
    if parts.fragment or not url.isprintable() or " " in url:
        yield "url: has a blank, a character that cannot be printed, or a part after #"


def _smtp_faults(channel: SmtpSetup, hosts: tuple[str, ...]) -> Iterator[str]:
    if not _is_host(channel.host):
        yield f"host: {channel.host!r} is not the name of a host in lower case"
    elif not is_allowed(channel.host, hosts):
        yield f"host: {channel.host!r} is not among allowedHosts"
    if channel.port not in (465, 587) and channel.host != LOCALHOST:
        yield f"port: {channel.port} is neither 587 (STARTTLS) nor 465 (TLS)"
    if not is_address(channel.sender):
        yield f"from: {channel.sender!r} is not an address such as finops@example.com"
    yield from _recipient_faults(channel.to)


def _recipient_faults(recipients: tuple[str, ...]) -> Iterator[str]:
    if not 1 <= len(recipients) <= MOST_RECIPIENTS:
        yield f"to: names {len(recipients)} addresses; expected 1 to {MOST_RECIPIENTS}"
    for index, recipient in enumerate(recipients):
        if not is_address(recipient):
            yield f"to[{index}]: {recipient!r} is not an address such as finops@example.com"


def is_address(text: str) -> bool:
    """Whether a string is an e-mail address that every server takes."""
    return _ADDRESS.fullmatch(text) is not None and _HOST.fullmatch(text.rpartition("@")[2].lower()) is not None
