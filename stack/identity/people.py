"""The people of the local tenant: one for each role, and one without any.

`python -m stack token --as finance` prints the token of one; servers that the stack runs answer with it like Entra.
"""

import time
import uuid
from dataclasses import dataclass
from typing import Any

from chargeback.domain.access.app_roles import AppRole
from stack.identity.tokens import TENANT, Signer, issuer_v2

API = "00000000-0000-0000-0000-00000000a911"
"""The client id of the registration that people sign in to."""

AUDIENCES = (API, f"api://{API}")

AZURE_CLI = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
"""The application through which people of a terminal sign in."""

SUPPORT_LEADS = "5a9e1c52-7f3b-4d0a-9a53-0d8a2a6e6a10"
"""The group that owns product/support in the example company."""

LIFETIME = 75 * 60
"""About how long a token of Entra lasts, in seconds (learn.microsoft.com/entra/identity-platform/access-tokens)."""


@dataclass(frozen=True, slots=True)
class StackPerson:
    """Somebody of the local tenant.

    Attributes:
        sees: what they find in the example company, for whoever chooses one of them.
    """

    name: str
    sees: str
    roles: tuple[AppRole, ...] = ()
    groups: tuple[str, ...] = ()

    @property
    def object_id(self) -> str:
        """What Entra calls them."""
        return str(uuid.uuid5(uuid.NAMESPACE_URL, self.login))

    @property
    def login(self) -> str:
        """What they sign in as."""
        return f"{self.name.lower().replace(' ', '.')}@contoso.example"

    def claims(self, **others: Any) -> dict[str, Any]:
        """What a token of version 2 for the API says of them; `others` are added or replace claims."""
        now = int(time.time())
        return {
            "aud": API,
            "iat": now,
            "nbf": now,
            "exp": now + LIFETIME,
            "tid": TENANT,
            "azp": AZURE_CLI,
            "azpacr": "0",
            "name": self.name,
            "oid": self.object_id,
            "preferred_username": self.login,
            "upn": self.login,
            "scp": "access_as_user",
            "ver": "2.0",
            **({"roles": [role.value for role in self.roles]} if self.roles else {}),
            **({"groups": list(self.groups)} if self.groups else {}),
            **others,
        }


PEOPLE = {
    "nobody": StackPerson("Nina Roth", "Has no role: sees what she used herself, and nothing else."),
    "user": StackPerson("Uma Berg", "Sees what she used herself, with its costs.", (AppRole.USER,)),
    "owner": StackPerson(
        "Omar Diaz",
        "Owns the cost centre product/support: sees what it pays, and sets the budgets below it.",
        (AppRole.OWNER,),
        (SUPPORT_LEADS,),
    ),
    "finance": StackPerson(
        "Fiona Chen", "Sees all costs, sets budgets, approves, corrects and closes months.", (AppRole.FINANCE,)
    ),
    "auditor": StackPerson("Aiko Mori", "Sees everything, the log included, and changes nothing.", (AppRole.AUDITOR,)),
    "operator": StackPerson(
        "Oleg Petrov", "Repairs what could not be handled, and sees no costs.", (AppRole.OPERATOR,)
    ),
    "admin": StackPerson("Ada Novak", "May do all that the others may.", (AppRole.ADMIN,)),
}
"""Everybody, by what they are called in commands and tests."""


def token_of(who: str, signer: Signer, authority: str, **claims: Any) -> str:
    """A token of somebody for the API, as the authority at this address gives it; `claims` are added to it."""
    return signer.sign({"iss": issuer_v2(authority), **PEOPLE[who].claims(**claims)})
