"""Whose cost centres are whose: the groups and people that own each."""

from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b

from chargeback.domain.access.verified_caller import VerifiedCaller


@dataclass(frozen=True, slots=True)
class CentreOwners:
    """The owners of one cost centre and of everything below it.

    Attributes:
        groups: object ids of groups in Entra, in lower case.
        people: object ids of people or applications, or sign-in names of people, in lower case.
    """

    cost_centre: str
    groups: frozenset[str] = frozenset()
    people: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Ownership:
    """Every cost centre that somebody owns."""

    centres: tuple[CentreOwners, ...] = ()

    def cost_centres(self, caller: VerifiedCaller) -> frozenset[str]:
        """The cost centres that a caller owns."""
        own = {caller.identity.object_id or caller.identity.app_id, caller.login.casefold()} - {""}
        return frozenset(
            each.cost_centre
            for each in self.centres
            if not each.people.isdisjoint(own) or not each.groups.isdisjoint(caller.groups)
        )

    @cached_property
    def digest(self) -> str:
        """Identifies everything that is said; empty where nothing is."""
        said = [(each.cost_centre, sorted(each.groups), sorted(each.people)) for each in self.centres]
        return blake2b(repr(said).encode(), digest_size=8).hexdigest() if said else ""
