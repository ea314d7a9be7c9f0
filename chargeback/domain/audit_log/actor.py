"""Who did something, from where, and by which request: as verified, never as merely claimed."""

from typing import Self

import msgspec

from chargeback.domain.access.requester import Requester

LONGEST = 300
"""How many characters are kept of what a caller says of itself, such as the name of its program."""


class RequestSource(msgspec.Struct, frozen=True, rename="camel"):
    """Where an act came from.

    Attributes:
        door: `api`, `cli` or `timer`.
        request_id: names the request, the command or the run; the lines of the log have it as `run_id`.
        address: the caller's network address, where one is known.
        agent: the caller's program as it calls itself, which nobody has verified.
    """

    door: str
    request_id: str = ""
    address: str = ""
    agent: str = ""


class Actor(msgspec.Struct, frozen=True, rename="camel"):
    """Who acts.

    Attributes:
        id: `person:<tenant>/<object id>` or `application:<tenant>/<app id>` of a verified token, `system:<timer>`, or
            `unverified:<name>` of a command whose caller no token names.
        name: how the token calls them, for people to read.
        roles: what the token gave them at the time.
        source: from where.
    """

    id: str
    name: str
    roles: tuple[str, ...]
    source: RequestSource

    @classmethod
    def of(cls, requester: Requester, source: RequestSource) -> Self:
        """Whoever a verified token names."""
        roles = tuple(sorted(role.value for role in requester.roles))
        return cls(requester.identity.actor, requester.name[:LONGEST], roles, _short(source))

    @classmethod
    def system(cls, timer: str, run_id: str) -> Self:
        """A timer of the product."""
        return cls(f"system:{timer}", timer, (), RequestSource("timer", run_id))

    @classmethod
    def unverified(cls, name: str, source: RequestSource) -> Self:
        """Whoever is named on a command line, where no token says who it is."""
        return cls(f"unverified:{name[:LONGEST]}", name[:LONGEST], (), _short(source))


def _short(source: RequestSource) -> RequestSource:
    return RequestSource(source.door, source.request_id[:LONGEST], source.address[:LONGEST], source.agent[:LONGEST])
