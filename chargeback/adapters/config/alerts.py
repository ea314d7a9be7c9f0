"""Reads config/company/alerts.yaml: the channels of alerts, who is told what, and how much is tolerated."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import msgspec

from chargeback.adapters.config.alert_channels import ANY_CHANNEL, ChannelSetup, alert_channels, host_faults
from chargeback.adapters.config.alert_subscriptions import Subscribed, alert_subscriptions
from chargeback.adapters.config.alert_tolerances import Tolerated, alert_tolerances
from chargeback.adapters.config.catalogue import with_line
from chargeback.adapters.config.entries import Record, Sections, one, sections
from chargeback.adapters.config.folders import path_of
from chargeback.adapters.config.yaml_files import read
from chargeback.domain.alerts.alert import LONGEST_ID
from chargeback.domain.alerts.message import ID_IN_LINK
from chargeback.domain.alerts.subscriptions import AlertPlan
from chargeback.domain.alerts.tolerances import AlertTolerances
from chargeback.domain.errors import InvalidConfig
from chargeback.domain.money.numerals import grouped

FILE = "alerts.yaml"
_TREE = "cost-centres.yaml"
_TOLERANCES = AlertTolerances()
_NOBODY = AlertPlan()

MOST_LINK = 500
"""Characters: a card for Teams and a webhook have room for a link of this length besides everything else."""


@dataclass(frozen=True, slots=True)
class AlertSettings:
    """What alerts.yaml says.

    Attributes:
        plan: who is told what.
        channels: every channel, in the order of the file.
        allowed_hosts: hosts that webhooks and mail servers may have, each with everything below it.
        tolerances: how much is not told.
        link: where messages lead, an https address without a slash at its end, with `{alert}` where the id of an alert
            belongs; empty: nowhere.
    """

    plan: AlertPlan = _NOBODY
    channels: tuple[ChannelSetup, ...] = ()
    allowed_hosts: tuple[str, ...] = ()
    tolerances: AlertTolerances = _TOLERANCES
    link: str = ""


class _Document(Record, frozen=True):
    """The sections of the file that are single values."""

    time_zone: str = "UTC"
    link: str = ""
    allowed_hosts: tuple[str, ...] = ()


_SINGLE = {field.encode_name: field.type for field in msgspec.structs.fields(_Document)}
SECTIONS = Sections(
    {"channels": list[ANY_CHANNEL], "subscriptions": list[Subscribed]}, {**_SINGLE, "tolerances": Tolerated}
)


def load_alerts(folder: Path) -> AlertSettings:
    """What the file of a folder says; nobody is told anything where there is none.

    Raises `InvalidConfig` with every fault.
    """
    if not path_of(folder, FILE).exists():
        return AlertSettings()
    faults: list[str] = []
    found = alert_settings(read(path_of(folder, FILE)), _cost_centres(folder), faults)
    if faults:
        raise InvalidConfig([with_line(folder, f"{FILE}: {fault}") for fault in faults])
    return found


def alert_settings(document: object, cost_centres: frozenset[str] | None, faults: list[str]) -> AlertSettings:
    """What a document says; its faults are collected. `cost_centres` are the paths of the tree, if they are known."""
    top = sections(document, SECTIONS, faults)
    single = {name: top[name] for name in _SINGLE if top[name] is not None}
    found = _single(single, faults)
    channels = alert_channels(top["channels"] or [], found.allowed_hosts, faults)
    # A channel that cannot be read has a fault of its own already.
    ids = frozenset(_ids(top["channels"]).values())
    subscriptions = alert_subscriptions(top["subscriptions"] or [], ids, cost_centres, faults)
    for section in ("channels", "subscriptions"):
        faults.extend(_twins({f"{section}{place}": name for place, name in _ids(top[section]).items()}))
    return AlertSettings(
        AlertPlan(subscriptions, found.time_zone),
        channels,
        found.allowed_hosts,
        alert_tolerances(top["tolerances"], faults),
        found.link.rstrip("/"),
    )


def _single(sections_found: dict[str, object], faults: list[str]) -> _Document:
    """Each section by itself, so that a fault in one does not hide one in another."""
    sound: dict[str, object] = {}
    for name, value in sections_found.items():
        known = len(faults)
        entry = one({name: value}, _Document, "", faults)
        faults[known:] = [fault.removeprefix(".") for fault in faults[known:]]
        if entry is not None:
            faults.extend(_faults(entry))
            sound[name] = value
    return msgspec.convert(sound, _Document)


def _faults(entry: _Document) -> Iterator[str]:
    try:
        ZoneInfo(entry.time_zone)
    except (LookupError, ValueError, OSError):
        yield f"timeZone: {entry.time_zone!r} is not a time zone such as Europe/Berlin"
    if entry.link and not _is_https(entry.link):
        yield f"link: {entry.link!r} is not an https:// address"
    if len(entry.link.replace(ID_IN_LINK, "-" * LONGEST_ID)) > MOST_LINK:
        yield f"link: is longer than {grouped(MOST_LINK)} characters"
    yield from host_faults(entry.allowed_hosts)


def _is_https(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    plain = url.isascii() and url.isprintable() and not set(' "<>|\\') & set(url)
    return parts.scheme == "https" and bool(parts.hostname) and "@" not in parts.netloc and plain


def _ids(entries: object) -> dict[str, str]:
    """Place → id of the entries of a list that have one."""
    found = enumerate(entries) if isinstance(entries, list) else ()
    return {f"[{index}].id": str(each["id"]) for index, each in found if isinstance(each, dict) and "id" in each}


def _twins(ids: dict[str, str]) -> Iterator[str]:
    seen: set[str] = set()
    for place, name in ids.items():
        if name in seen:
            yield f"{place}: {name!r} is there twice"
        seen.add(name)


def _cost_centres(folder: Path) -> frozenset[str] | None:
    """The paths of the tree as far as the file can be read; its own faults are told by whoever reads all of it."""
    try:
        entries = read(path_of(folder, _TREE)).get("costCentres")
    except InvalidConfig:
        return None
    paths = [each.get("path") for each in entries if isinstance(each, dict)] if isinstance(entries, list) else []
    return frozenset(path for path in paths if isinstance(path, str))
