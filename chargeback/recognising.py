"""Wires who is recognised: senders of events, the gateway, and people."""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING

from chargeback.budgeting import Budgeting

if TYPE_CHECKING:
    from chargeback.adapters.azure.entra_tokens import EntraTokens, SigningKeys
    from chargeback.adapters.azure.key_vault import FixedKeys, VaultKeys
    from chargeback.domain.events.emitters import KnownEmitter
    from chargeback.services.access.cursor_key import CursorKey
    from chargeback.services.access.people import People
    from chargeback.services.access.sessions import Sessions
    from chargeback.services.access.sign_in import SignIn
    from chargeback.services.audit_log.key_versions import KeyVersions
    from chargeback.services.usage.senders import Keys, Senders

SEAL_SECRET = "page-session-key"  # noqa: S105 the name of a secret
"""The secret of the Key Vault that seals what browsers keep."""


@dataclass
class Recognising(Budgeting):
    """The services that tell who asks, made when they are first asked for."""

    @cached_property
    def emitters(self) -> "tuple[KnownEmitter, ...]":
        """Who may send events in addition to the gateways."""
        from chargeback.adapters.config.emitters import load_emitters

        return load_emitters(self.settings.config_folder)

    @cached_property
    def senders(self) -> "Senders":
        """Who may POST events, and how it is recognised."""
        from chargeback.domain.events.emitters import EVENT_GRID
        from chargeback.services.usage.senders import Senders

        settings = self.settings
        keys = [(EVENT_GRID, self._keys("events-key", settings.event_grid_keys))]
        for each in self.emitters:
            if each.has_key and (settings.key_vault_url or each.emitter.id in settings.keys_of_emitters):
                own = settings.keys_of_emitters.get(each.emitter.id, ())
                keys.append((each.emitter, self._keys(f"events-key-{each.emitter.id}", own)))
        return Senders(
            keys,
            tokens=self._tokens(settings.events_audience),
            by_app={each.app_id: each.emitter for each in self.emitters if each.app_id},
            event_grid_app=settings.event_grid_app_id,
        )

    def _keys(self, name: str, fixed: tuple[str, ...]) -> "Keys":
        from chargeback.adapters.azure.key_vault import FixedKeys, VaultKeys

        return FixedKeys(fixed) if fixed else VaultKeys(self.vault, name)

    @cached_property
    def sessions(self) -> "Sessions":
        """Who is signed in to the pages."""
        from chargeback.services.access.sessions import NoSessions

        return self.sign_in.sessions if self.sign_in else NoSessions()

    @cached_property
    def sign_in(self) -> "SignIn | None":
        """The way in to the pages; None where nobody can sign in to them."""
        from chargeback.adapters.azure.entra_sign_in import EntraSignIn
        from chargeback.services.access.ended_sessions import EndedSessions
        from chargeback.services.access.sealing import Seal
        from chargeback.services.access.sessions import SealedSessions
        from chargeback.services.access.sign_in import SignIn

        settings = self.settings
        registered, pages, tokens = settings.api_client_id, settings.pages_url, self._tokens_of_people
        if not (registered and pages and tokens):
            return None
        sealed = (Seal(self._seal_keys, f"{purpose} {registered}") for purpose in ("session", "sign-in"))
        of_session, of_sign_in = sealed
        authority = f"{settings.entra_authority}/{settings.entra_tenant_id}"
        provider = EntraSignIn(authority, registered, pages, tokens, self.credential)
        sessions = SealedSessions(of_session, self.people, EndedSessions(self.control), self.catalogues, _now)
        return SignIn(provider, of_sign_in, sessions, _now)

    @property
    def _seal_keys(self) -> "FixedKeys | VaultKeys":
        from chargeback.adapters.azure.key_vault import FixedKeys, VaultKeys
        from chargeback.services.access.seal_keys import seal_keys_in

        fixed = self.settings.seal_keys
        return FixedKeys(fixed) if fixed else VaultKeys(self.vault, SEAL_SECRET, seal_keys_in)

    @cached_property
    def key_versions(self) -> "KeyVersions":
        """Which version of each key the audit log knows."""
        from chargeback.adapters.azure.key_vault import VaultVersions
        from chargeback.services.audit_log.key_versions import KeyVersions

        return KeyVersions(self.control, VaultVersions(lambda: self.vault))

    @cached_property
    def key_names(self) -> tuple[str, ...]:
        """The secrets of the Key Vault that this process reads."""
        settings = self.settings
        if not settings.key_vault_url:
            return ()
        names = [] if settings.event_grid_keys else ["events-key"]
        names += [SEAL_SECRET] if settings.api_client_id and settings.pages_url and not settings.seal_keys else []
        own = (each.emitter.id for each in self.emitters if each.has_key)
        names += [f"events-key-{each}" for each in own if each not in settings.keys_of_emitters]
        secrets = (getattr(each, "secret", None) for each in self.alert_settings.channels)
        names += [each for each in secrets if each and each not in settings.alert_secrets]
        return tuple(dict.fromkeys(names))

    @cached_property
    def signing_keys(self) -> "SigningKeys | None":
        """What the tenant signs tokens with; None where no tenant is set."""
        from chargeback.adapters.azure.entra_tokens import SigningKeys

        tenant = self.settings.entra_tenant_id
        return SigningKeys(self.settings.entra_authority, tenant) if tenant else None

    def _tokens(self, *audience: str | None) -> "EntraTokens | None":
        from chargeback.adapters.azure.entra_tokens import EntraTokens

        names = tuple(filter(None, audience))
        return EntraTokens(self.signing_keys, *names) if self.signing_keys and names else None

    @cached_property
    def gateway_tokens(self) -> "EntraTokens | None":
        """The tokens that the gateway asks with; None where it may not ask."""
        return self._tokens(self.settings.owners_audience)

    @cached_property
    def people(self) -> "People":
        """Who asks for costs or changes something."""
        from chargeback.services.access.people import People

        return People(self._tokens_of_people, self.catalogues)

    @cached_property
    def _tokens_of_people(self) -> "EntraTokens | None":
        # Tokens of version 2 name the client id, those of version 1 its identifier URI.
        registered = self.settings.api_client_id
        return self._tokens(registered, registered and f"api://{registered}")

    @cached_property
    def cursor_key(self) -> "CursorKey":
        """Signs the cursors of lists."""
        from chargeback.services.access.cursor_key import CursorKey

        return CursorKey(self.control)


def _now() -> datetime:
    return datetime.now(UTC)
