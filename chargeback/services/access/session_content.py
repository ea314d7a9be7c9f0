"""What a session holds, as small as a cookie has to be."""

import uuid
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import msgspec

from chargeback.domain.access.app_roles import AppRole
from chargeback.domain.access.requester import LONGEST_NAME, Identity
from chargeback.domain.access.verified_caller import VerifiedCaller
from chargeback.services.access.sealing import OVERHEAD

MOST_CHARACTERS = 4000
"""Name and value together: browsers drop a cookie above 4096 bytes, and some count its attributes, too."""

_ID, _TEXT = b"\x01", b"\x00"


@dataclass(frozen=True, slots=True)
class Session:
    """A session.

    Attributes:
        id: made up when it begins.
        form_token: what every form of it has to bring along.
        ends: with the token that it began with.
        caller: what that token said.
    """

    id: str
    form_token: str
    ends: datetime
    caller: VerifiedCaller


class _Content(msgspec.Struct, frozen=True, array_like=True):
    """Ids of Entra are 16 bytes, so that a hundred groups have room."""

    id: bytes
    form_token: str
    ends: int
    tenant: bytes
    person: bytes
    name: str
    login: str
    roles: list[str]
    groups: list[bytes]
    unknown_groups: bool


def packed(session: Session) -> bytes:
    """The session as it is sealed."""
    caller = session.caller
    return msgspec.msgpack.encode(
        _Content(
            bytes.fromhex(session.id),
            session.form_token,
            int(session.ends.timestamp()),
            _short(caller.identity.tenant_id),
            _short(caller.identity.object_id),
            caller.name[:LONGEST_NAME],
            caller.login,
            sorted(caller.roles),
            [_short(each) for each in sorted(caller.groups)],
            caller.has_unknown_groups,
        )
    )


def unpacked(content: bytes) -> Session | None:
    """The session that was sealed; None where it has the form of another version."""
    try:
        kept = msgspec.msgpack.decode(content, type=_Content)
    except (msgspec.DecodeError, ValueError):
        return None
    caller = VerifiedCaller(
        Identity(_long(kept.tenant), object_id=_long(kept.person)),
        kept.name,
        kept.login,
        frozenset(role for role in AppRole if role in kept.roles),
        frozenset(map(_long, kept.groups)),
        kept.unknown_groups,
    )
    return Session(kept.id.hex(), kept.form_token, datetime.fromtimestamp(kept.ends, UTC), caller)


def fitted(session: Session, cookie: str, owning: AbstractSet[str]) -> Session:
    """A session that a cookie of this name can hold.

    Where the groups are too many, those that own something now are kept; where these are too many, too, none is, and
    that is said as a token of Entra says it.
    """
    groups = session.caller.groups
    for kept, unknown in ((groups, False), (groups & owning, False), (frozenset[str](), True)):
        caller = replace(session.caller, groups=kept, has_unknown_groups=session.caller.has_unknown_groups or unknown)
        session = replace(session, caller=caller)
        if len(cookie) + 1 + _characters(packed(session)) <= MOST_CHARACTERS:
            break
    return session


def _characters(content: bytes) -> int:
    return (len(content) + OVERHEAD) * 4 // 3 + 1


def _short(text: str) -> bytes:
    """An id of Entra as its 16 bytes, any other text as it is, with a byte before that says which of the two."""
    with suppress(ValueError):
        if str(value := uuid.UUID(text)) == text:
            return _ID + value.bytes
    return _TEXT + text.encode()


def _long(kept: bytes) -> str:
    return str(uuid.UUID(bytes=kept[1:])) if kept[:1] == _ID else kept[1:].decode()
