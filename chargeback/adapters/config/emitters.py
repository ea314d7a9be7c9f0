"""Reads config/company/emitters.yaml: which senders other than the gateways may send usage events."""

import re
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

from chargeback.adapters.config.catalogue import with_line
from chargeback.adapters.config.entries import Record, Sections, each, sections
from chargeback.adapters.config.folders import path_of
from chargeback.adapters.config.gateway import known_gateway
from chargeback.adapters.config.yaml_files import read
from chargeback.domain.errors import InvalidConfig
from chargeback.domain.events.emitters import EVENT_GRID, GATEWAY, OURSELVES, Emitter, KnownEmitter, is_below

FILE = "emitters.yaml"
_ID = re.compile(r"[a-z][a-z0-9-]{0,31}", re.A)
_SOURCE = re.compile(r"(/[A-Za-z0-9._~-]+)+", re.A)
_APP = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.A)
_MOST_DAYS = 90


class _Emitter(Record, frozen=True):
    id: str
    sources: tuple[str, ...]
    subscriptions: tuple[str, ...]
    max_age_days: int = 7
    gateways: tuple[str, ...] = ()
    key: bool = True
    app_id: str = ""


SECTIONS = Sections({"emitters": list[_Emitter]})


def load_emitters(folder: Path) -> tuple[KnownEmitter, ...]:
    """The emitters of a folder, none where there is no such file; raises `InvalidConfig` with every fault."""
    if not path_of(folder, FILE).exists():
        return ()
    faults: list[str] = []
    emitters = tuple(emitters_of(read(path_of(folder, FILE)), _subscriptions(folder), faults))
    if faults:
        raise InvalidConfig([with_line(folder, f"{FILE}: {fault}") for fault in faults])
    return emitters


def _subscriptions(folder: Path) -> frozenset[str]:
    """The subscriptions that the gateway knows."""
    gateway = known_gateway(folder)
    return frozenset(gateway.subscriptions) if gateway else frozenset()


def emitters_of(document: object, subscriptions: frozenset[str], faults: list[str]) -> Iterator[KnownEmitter]:
    """The emitters of a document; its faults are collected."""
    top = sections(document, SECTIONS, faults)
    found = list(each(top["emitters"] or [], _Emitter, "emitters", faults))
    for place, one in found:
        faults.extend(f"{place}.{fault}" for fault in _faults(one, subscriptions))
    faults.extend(_overlaps([(f"{place}.sources", source) for place, one in found for source in one.sources]))
    faults.extend(_twins([(f"{place}.id", one.id) for place, one in found]))
    faults.extend(_twins([(f"{place}.appId", one.app_id) for place, one in found if one.app_id]))
    for _, one in found:
        age = timedelta(days=one.max_age_days) if 0 < one.max_age_days <= _MOST_DAYS else timedelta(days=1)
        yield KnownEmitter(Emitter(one.id, one.sources, one.subscriptions, age, one.gateways), one.key, one.app_id)


def _faults(one: _Emitter, subscriptions: frozenset[str]) -> Iterator[str]:
    if not _ID.fullmatch(one.id) or one.id in (EVENT_GRID.id, OURSELVES.id):
        yield f"id: {one.id!r} is not up to 32 of a-z, 0-9 and -, or is taken"
    yield from _faults_of_sources(one)
    if not one.subscriptions:
        yield "subscriptions: names none"
    for index, name in enumerate(one.subscriptions):
        if not name or (subscriptions and name not in subscriptions):
            yield f"subscriptions[{index}]: {name!r} is not among the subscriptions of gateway.yaml"
    if not 0 < one.max_age_days <= _MOST_DAYS:
        yield f"maxAgeDays: {one.max_age_days} is not between 1 and {_MOST_DAYS}"
    if one.app_id and not _APP.fullmatch(one.app_id):
        yield f"appId: {one.app_id!r} is not a client id in lower case"
    if not one.key and not one.app_id:
        yield "key: is false, so appId has to say which Entra application it is"


def _faults_of_sources(one: _Emitter) -> Iterator[str]:
    if not one.sources:
        yield "sources: names none"
    for index, source in enumerate(one.sources):
        if not _SOURCE.fullmatch(source) or is_below(source, GATEWAY):
            yield f"sources[{index}]: {source!r} is not a path such as /langchain/research, or is a gateway's"
    for index, source in enumerate(one.gateways):
        if not _SOURCE.fullmatch(source) or not is_below(source, GATEWAY) or source == GATEWAY:
            yield f"gateways[{index}]: {source!r} is not a gateway's source, such as /apim/<service>/<region>"


def _overlaps(sources: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Faults where two emitters could speak for the same source."""
    for number, (place, source) in enumerate(sources):
        for _, other in sources[:number]:
            if is_below(source, other) or is_below(other, source):
                yield f"{place}: {source!r} and {other!r} overlap"


def _twins(names: Sequence[tuple[str, str]]) -> Iterator[str]:
    seen: set[str] = set()
    for place, name in names:
        if name in seen:
            yield f"{place}: {name!r} is there twice"
        seen.add(name)
