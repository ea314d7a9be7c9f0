"""Turns a bearer token into who asks: roles from the token, cost centres from the configuration in force."""

import logging
from typing import Protocol

from chargeback.domain.access.app_roles import AppRole
from chargeback.domain.access.owners import Ownership
from chargeback.domain.access.permissions import SEES_EVERYTHING
from chargeback.domain.access.requester import Requester, RowScope
from chargeback.domain.access.verified_caller import VerifiedCaller
from chargeback.log_line import log_line
from chargeback.services.ports.control import Catalogues

log = logging.getLogger(__name__)


class CallerTokens(Protocol):
    """Checks bearer tokens."""

    async def caller(self, token: str) -> VerifiedCaller | None:
        """Whom a token speaks for; None if it is not to be trusted. Raises `StoreUnavailable`."""


class People:
    """Everybody who may ask."""

    def __init__(self, tokens: CallerTokens | None, catalogues: Catalogues) -> None:
        """`tokens`: None where the app has no registration, so that nobody may ask."""
        self._tokens = tokens
        self._catalogues = catalogues

    async def requester(self, token: str) -> Requester | None:
        """Who asks; None if the token is not to be trusted. Raises `StoreUnavailable` while nobody can tell."""
        caller = await self._tokens.caller(token) if self._tokens else None
        return None if caller is None else await self.as_requester(caller)

    async def as_requester(self, caller: VerifiedCaller) -> Requester:
        """Who a verified caller is now: with the cost centres of the configuration in force. Raises `StoreUnavailable`.

        What a token says and what a session kept of it become one and the same thing here.
        """
        owns = AppRole.OWNER in caller.roles
        if owns and caller.has_unknown_groups:
            log_line(log, "groups_left_out", level=logging.WARNING, actor=caller.identity.actor)
        ownership = (await self._catalogues.terms()).ownership if owns else Ownership()
        scope = RowScope(
            everything=not caller.roles.isdisjoint(SEES_EVERYTHING),
            cost_centres=ownership.cost_centres(caller),
            own=caller.identity,
        )
        unknown = owns and caller.has_unknown_groups
        return Requester(caller.identity, caller.name, caller.roles, scope, unknown, caller.login)
