"""Who asks, as a verified token says, and which rows of the books it may see."""

import re
from dataclasses import dataclass, field

from chargeback.domain.access.app_roles import AppRole

LONGEST_NAME = 100
"""How many characters of a name a record keeps."""

_RECORDED = re.compile(r"(.*?) ?\[([^\[\]]+)\]", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Identity:
    """A verified identity in Entra: a person, or an application that acts for itself.

    Attributes:
        tenant_id: the tenant of the token.
        object_id: the person's; empty for an application.
        app_id: the application that acts for itself; empty for a person, whichever application they use.
    """

    tenant_id: str
    object_id: str = ""
    app_id: str = ""

    @property
    def actor(self) -> str:
        """The identity as the records keep it, such as `person:<tenant>/<object id>`."""
        kind, own = ("person", self.object_id) if self.object_id else ("application", self.app_id)
        return f"{kind}:{self.tenant_id}/{own}"


@dataclass(frozen=True, slots=True)
class RowScope:
    """Which rows somebody may see: a row is seen if any of the three allows it. It is a part of every query.

    Attributes:
        everything: every row.
        cost_centres: the paths of cost centres, each with all below it.
        own: the rows of calls that this identity made.
    """

    everything: bool = False
    cost_centres: frozenset[str] = frozenset()
    own: Identity | None = None

    def has_cost_centre(self, path: str) -> bool:
        """Whether all that a cost centre pays may be seen."""
        return self.everything or any(path == top or path.startswith(f"{top}/") for top in self.cost_centres)


@dataclass(frozen=True, slots=True)
class Requester:
    """Who asks.

    Attributes:
        identity: whom the records name.
        name: how the token calls them, for people to read; never a reason to let somebody do something.
        roles: what the token gives them.
        scope: which rows they may see, by their roles and the configuration.
        login: a person's sign-in name, which administrators of the tenant give; guests and applications have none.
        has_unknown_groups: they are in too many groups for a token, so what groups own is missing in the scope.
    """

    identity: Identity
    name: str
    roles: frozenset[AppRole] = frozenset()
    scope: RowScope = field(default_factory=RowScope)
    has_unknown_groups: bool = False
    login: str = ""

    @property
    def by(self) -> str:
        """Whom the record of a change names, such as `Ann Lee [<object id>]`: the name to read, the id to compare.

        Not every token has a sign-in name, so it could make two people of one.
        """
        name = "".join(letter for letter in self.name if letter.isprintable() and letter not in "[]")
        return f"{name.strip()[:LONGEST_NAME]} [{self.identity.object_id or self.identity.app_id}]".strip()

    def has_any(self, *roles: AppRole) -> bool:
        """Whether somebody has one of some roles; an admin has each."""
        return AppRole.ADMIN in self.roles or not self.roles.isdisjoint(roles)


def recorded_identity(by: str) -> str:
    """The id of whoever a record names; empty where it has a name alone, which nobody verified."""
    found = _RECORDED.fullmatch(by)
    return found[2] if found else ""


def recorded_name(by: str) -> str:
    """The name of whoever a record names."""
    found = _RECORDED.fullmatch(by)
    return found[1] if found else by
