"""Who sent a request with events: the sender is known by its own key or as an Entra application, else refused."""

import hmac
from collections.abc import Mapping, Sequence
from typing import Protocol

from chargeback.domain.errors import StoreUnavailable
from chargeback.domain.events.emitters import EVENT_GRID, Emitter

WEBHOOK_ROLE = "AzureEventGridSecureWebhookSubscriber"
"""What Event Grid's own application is granted to deliver with Entra tokens
(learn.microsoft.com/azure/event-grid/secure-webhook-delivery)."""


class Keys(Protocol):
    """The keys that one sender may use at the moment."""

    async def current(self) -> tuple[str, ...]:
        """One or two keys. Raises `StoreUnavailable`."""


class Application(Protocol):
    """The application that a token belongs to."""

    @property
    def app_id(self) -> str:
        """The client id."""

    @property
    def roles(self) -> tuple[str, ...]:
        """The roles that it was granted."""


class Tokens(Protocol):
    """Checks bearer tokens."""

    async def application(self, token: str) -> Application | None:
        """The application that a token is of; None if the token is not to be trusted."""


class Senders:
    """Everybody who may send events."""

    def __init__(
        self,
        keys: Sequence[tuple[Emitter, Keys]],
        *,
        tokens: Tokens | None = None,
        by_app: Mapping[str, Emitter] | None = None,
        event_grid_app: str = "",
    ) -> None:
        self._keys = keys
        self._tokens = tokens
        self._by_app = dict(by_app or {})
        self._event_grid_app = event_grid_app

    async def of_key(self, key: str) -> Emitter | None:
        """Whose key this is. Raises `StoreUnavailable` if it may be one that cannot be read."""
        given = key.encode()
        found: Emitter | None = None
        away: StoreUnavailable | None = None
        for emitter, keys in self._keys:
            try:
                # Every key is compared, so that the time tells nothing.
                for each in await keys.current():
                    if hmac.compare_digest(given, each.encode()):
                        found = emitter
            except StoreUnavailable as error:
                away = error
        if found is None and away is not None:
            raise away
        return found

    async def of_token(self, token: str) -> Emitter | None:
        """Whose token this is."""
        application = await self._tokens.application(token) if self._tokens else None
        if application is None:
            return None
        if self._event_grid_app and application.app_id == self._event_grid_app:
            return EVENT_GRID if WEBHOOK_ROLE in application.roles else None
        return self._by_app.get(application.app_id)
