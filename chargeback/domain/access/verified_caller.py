"""What a verified token says of whoever calls: identity, name, roles and groups."""

from dataclasses import dataclass

from chargeback.domain.access.app_roles import AppRole
from chargeback.domain.access.requester import Identity


@dataclass(frozen=True, slots=True)
class VerifiedCaller:
    """A person, or an application that acts for itself.

    Attributes:
        identity: whom the records name.
        name: for people to read.
        login: a person's sign-in name, which administrators of the tenant give; guests and applications have none.
        roles: what the registration of the API gives them.
        groups: object ids of the groups that the token names.
        has_unknown_groups: the caller is in more groups than a token holds, so it names none of them.
    """

    identity: Identity
    name: str
    login: str = ""
    roles: frozenset[AppRole] = frozenset()
    groups: frozenset[str] = frozenset()
    has_unknown_groups: bool = False
