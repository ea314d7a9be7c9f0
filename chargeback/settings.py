"""The settings of the app, read once from the environment and validated at start."""

import logging
import os
from pathlib import Path
from typing import Annotated, Self, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from chargeback.domain.errors import InvalidConfig
from chargeback.domain.events.emitters import keys_in
from chargeback.former_names import FORMER_SETTINGS, adopt_former_names
from chargeback.log_line import log_line
from chargeback.services.access.seal_keys import seal_keys_in

log = logging.getLogger(__name__)

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def _https(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname or parts.port == 0:
        raise ValueError(f"{url!r} is not an https:// address")
    return url.rstrip("/")


def _https_or_local(url: str) -> str:
    parts = urlsplit(url)
    return url.rstrip("/") if parts.scheme == "http" and parts.hostname in LOOPBACK else _https(url)


def _origin(url: str) -> str:
    parts = urlsplit(_https_or_local(url))
    if parts.path or parts.query or parts.fragment or parts.username is not None:
        raise ValueError(f"{url!r} is not a host alone, such as https://costs.example.com")
    return f"{parts.scheme}://{parts.netloc.lower()}"


def _redis(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("redis", "rediss") or not parts.hostname or parts.port == 0:
        raise ValueError(f"{url!r} is not a redis:// or rediss:// address")
    if parts.scheme == "redis" and parts.hostname not in LOOPBACK:
        raise ValueError(f"redis:// without TLS is for this machine only; use rediss://{parts.netloc}")
    if parts.password:
        raise ValueError("a password does not belong in CHARGEBACK_REDIS_URL: the app signs in with its identity")
    return url


def _schedule(expression: str) -> str:
    if len(expression.split()) != 6:
        raise ValueError(f"{expression!r} is not an NCRONTAB expression of six fields, such as '0 */15 * * * *'")
    return expression


HttpsUrl = Annotated[str, AfterValidator(_https)]
GatewayUrl = Annotated[str, AfterValidator(_https_or_local)]
Schedule = Annotated[str, AfterValidator(_schedule)]

_FORMER_FIELDS = {former.lower(): present for former, present in FORMER_SETTINGS.items()}


def setting_name(field: str) -> str:
    """The environment variable of a field: its name in upper case, with a prefix where that could be anyone's."""
    return _FORMER_FIELDS.get(field, field.upper())


DEPLOYED_CONFIG = Path(__file__).parents[1] / "config"
"""The configuration that comes with the app."""

Kind = TypeVar("Kind", bound=BaseSettings)

LONGEST_DEADLINE = 70
"""Hours: a day is settled by the timer for three days after its end, and a call of its last minute, too."""


class Settings(BaseSettings):
    """Every setting of the product; `setting_name` is the environment variable of each.

    What is set is valid. A store that is not set may still be missing: a command needs only those that it uses.
    """

    model_config = SettingsConfigDict(extra="ignore", env_ignore_empty=True, frozen=True, alias_generator=setting_name)

    storage_account_url: HttpsUrl | None = Field(None, description="Blob endpoint of the storage account.")
    cosmos_endpoint: HttpsUrl | None = Field(None, description="Endpoint of the Cosmos DB account.")
    cosmos_database: str = Field("chargeback", min_length=1, description="Cosmos DB database.")
    redis_url: Annotated[str, AfterValidator(_redis)] | None = Field(
        None, description="rediss://host:10000 in Azure (Entra sign-in), redis://127.0.0.1:port on this machine."
    )
    key_vault_url: HttpsUrl | None = Field(
        None, description="Key Vault whose secret `events-key` guards POST /api/v1/events."
    )
    events_key: SecretStr | None = Field(
        None, description="Event Grid's own key for POST /api/v1/events, where there is no Key Vault; one or two."
    )
    emitter_keys: dict[str, SecretStr] = Field(
        default_factory=dict, description="JSON: keys of company/emitters.yaml by id, where there is no Key Vault."
    )
    alert_secrets: dict[str, SecretStr] = Field(
        default_factory=dict,
        description="JSON: secrets of company/alerts.yaml by name, where there is no Key Vault.",
    )
    communication_endpoint: HttpsUrl | None = Field(
        None, description="Communication Services that sends the mail of alerts; none if unset."
    )
    alert_sender: str | None = Field(
        None, min_length=3, description="Address that Communication Services sends the mail of alerts from."
    )
    entra_tenant_id: str | None = Field(
        None,
        pattern=r"^[0-9a-fA-F-]{36}$",
        description="Tenant of people's, the emitters' and the gateway's tokens.",
    )
    events_audience: str | None = Field(None, min_length=1, description="Audience of the emitters' tokens.")
    entra_authority: Annotated[str, AfterValidator(_https_or_local)] = Field(
        "https://login.microsoftonline.com",
        description="Where the tenant's signing keys are, if the cloud has its own.",
    )
    event_grid_app_id: str = Field(
        "4962773b-9cdb-44cf-a8bf-237846a00ab7",
        description="Client id of Event Grid in Entra; other clouds than the public one have another.",
    )
    owners_audience: str | None = Field(
        None,
        min_length=1,
        description="Audience of the tokens with which the gateway asks who owns an object, and the app tells it what "
        "budgets decide.",
    )
    owners_client_id: str | None = Field(
        None,
        pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$",
        description="Client id of the identity with which the gateway asks; nobody else may.",
    )
    owners_principal_ids: str = Field(
        "",
        pattern=r"^([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(,[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})*)?$",
        description="Object ids of gateways' own identities that may ask, too, with commas between: those of services "
        "that existed.",
    )
    api_client_id: str | None = Field(
        None,
        pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$",
        description="Client id of the registration in Entra that people and applications sign in to; nobody may ask "
        "for costs if unset.",
    )
    pages_url: Annotated[str, AfterValidator(_origin)] | None = Field(
        None,
        description="Where people reach the pages, such as https://costs.example.com; nobody can sign in if unset.",
    )
    page_session_key: SecretStr | None = Field(
        None,
        description="Key of what browsers keep of a sign-in, where there is no Key Vault: 32 or more bytes in base64 "
        "for URLs; one or two.",
    )
    decisions_endpoints: dict[str, GatewayUrl] = Field(
        default_factory=dict,
        description="JSON: each gateway region → where its gateway is told what budgets decide; nobody is told if "
        "unset.",
    )
    alerts_topic_endpoint: HttpsUrl | None = Field(
        None, description="Event Grid topic of alerts, which has them told at once; without it a timer tells them."
    )
    azure_client_id: str | None = Field(None, description="Client id of the app's user-assigned identity.")
    config_dir: Path | None = Field(None, description="Folder of the catalogue files; the app's own config/ if unset.")
    post_schedule: Schedule = Field("0 */15 * * * *", description="When to post (NCRONTAB, UTC).")
    audit_schedule: Schedule = Field("0 30 2 * * *", description="When to audit the ledger (NCRONTAB, UTC).")
    publish_schedule: Schedule = Field("0 0 4 * * *", description="When to publish the reports (NCRONTAB, UTC).")
    forecast_schedule: Schedule = Field("0 0 5 * * *", description="When to forecast the month (NCRONTAB, UTC).")
    costs_schedule: Schedule = Field(
        "0 5/15 * * * *", description="When to make the figures of costs again (NCRONTAB, UTC)."
    )
    decide_schedule: Schedule = Field(
        "0 * * * * *",
        description="When to tell gateways what budgets decide, and people what they reached (NCRONTAB, UTC).",
    )
    tell_schedule: Schedule = Field(
        "0 * * * * *", description="When to tell alerts that were not told at once (NCRONTAB, UTC)."
    )
    operate_schedule: Schedule = Field(
        "30 * * * * *", description="When to do what people asked for through the API (NCRONTAB, UTC)."
    )
    close_schedule: Schedule = Field("0 30 5 * * *", description="When to close periods that are due (NCRONTAB, UTC).")
    reconcile_schedule: Schedule = Field("0 0 7 * * *", description="When to compare with the invoice (NCRONTAB, UTC).")
    finops_hub_url: HttpsUrl | None = Field(
        None, description="Blob endpoint of a FinOps hub, whose container `ingestion` gets the periods; none if unset."
    )
    finops_hub_scope: str = Field(
        "chargeback", pattern=r"^[A-Za-z0-9_-]+$", description="What these books are called in the hub."
    )
    settle_schedule: Schedule = Field("0 10/15 * * * *", description="When to settle streamed calls (NCRONTAB, UTC).")
    settle_deadline_hours: int = Field(
        24,
        ge=1,
        le=LONGEST_DEADLINE,
        description="Streams without tokens in the gateway's log are estimated after this time.",
    )
    log_analytics_workspace_id: str | None = Field(
        None, description="Workspace (its customer id) with the gateway's log; without it nothing is settled."
    )
    log_analytics_endpoint: HttpsUrl = Field(
        "https://api.loganalytics.io", description="Query endpoint of Log Analytics, where the cloud has its own."
    )
    gateway_apis: str = Field(
        "",
        pattern=r"^([A-Za-z0-9][A-Za-z0-9._-]*(,[A-Za-z0-9][A-Za-z0-9._-]*)*)?$",
        description="APIs of the gateway whose calls are ours, with commas between; empty for all. A service that "
        "others use logs theirs, too.",
    )
    settle_quiet_seconds: int = Field(
        300, ge=0, le=3600, description="A stream is settled when its log rows have stopped coming for this long."
    )
    report_decimals: int = Field(6, ge=0, le=12, description="Decimal places of the costs in the reports.")
    max_event_age_days: int = Field(400, ge=1, le=3650, description="Older events go to quarantine.")
    clock_skew_minutes: int = Field(60, ge=0, le=1440, description="Events further in the future go to quarantine.")

    @model_validator(mode="after")
    def _keys_can_be_used(self) -> Self:
        secrets = {
            "CHARGEBACK_EVENTS_KEY": self.events_key,
            **{f"EMITTER_KEYS.{k}": v for k, v in self.emitter_keys.items()},
        }
        for name, secret in secrets.items():
            if secret is not None:
                try:
                    keys_in(secret.get_secret_value())
                except ValueError as error:
                    raise ValueError(f"{name}: {error}") from None
        return self

    @model_validator(mode="after")
    def _page_key_can_be_used(self) -> Self:
        try:
            _ = self.seal_keys
        except ValueError as error:
            raise ValueError(f"PAGE_SESSION_KEY: {error}") from None
        return self

    @model_validator(mode="after")
    def _gateway_can_ask(self) -> Self:
        given = {
            "ENTRA_TENANT_ID": self.entra_tenant_id,
            "OWNERS_AUDIENCE": self.owners_audience,
            "OWNERS_CLIENT_ID": self.owners_client_id,
        }
        missing = [name for name, value in given.items() if not value]
        if missing and (self.owners_audience or self.owners_client_id):
            raise ValueError(f"set {', '.join(missing)}, too, so that the gateway may ask who owns an object")
        return self

    @model_validator(mode="after")
    def _people_have_a_tenant(self) -> Self:
        if self.api_client_id and not self.entra_tenant_id:
            raise ValueError("set ENTRA_TENANT_ID, too, so that people may sign in to API_CLIENT_ID")
        return self

    @model_validator(mode="after")
    def _can_tell_gateways(self) -> Self:
        if self.decisions_endpoints and not self.owners_audience:
            raise ValueError("set OWNERS_AUDIENCE, too, so that the gateways may be told what budgets decide")
        return self

    @property
    def stores_are_here(self) -> bool:
        """Whether ledger and books are on this machine, as in the local stack; no app in Azure has them there."""
        urls = (self.storage_account_url, self.cosmos_endpoint)
        return all(url is not None and urlsplit(url).hostname in LOOPBACK for url in urls)

    @property
    def config_folder(self) -> Path:
        """Folder of the catalogue files."""
        return self.config_dir or DEPLOYED_CONFIG

    @property
    def event_grid_keys(self) -> tuple[str, ...]:
        """Event Grid's keys, where the settings hold them."""
        return keys_in(self.events_key.get_secret_value()) if self.events_key is not None else ()

    @property
    def seal_keys(self) -> tuple[str, ...]:
        """The keys of what browsers keep, where the settings hold them."""
        return seal_keys_in(self.page_session_key.get_secret_value()) if self.page_session_key is not None else ()

    @property
    def keys_of_emitters(self) -> dict[str, tuple[str, ...]]:
        """The emitters' keys, where the settings hold them."""
        return {name: keys_in(secret.get_secret_value()) for name, secret in self.emitter_keys.items()}


class AppSettings(Settings):
    """The settings of the functions app, which uses every store."""

    storage_account_url: HttpsUrl
    cosmos_endpoint: HttpsUrl
    redis_url: Annotated[str, AfterValidator(_redis)]

    @model_validator(mode="after")
    def _has_page_key(self) -> Self:
        if self.api_client_id and self.pages_url and self.key_vault_url is None and self.page_session_key is None:
            raise ValueError("set CHARGEBACK_KEY_VAULT_URL or PAGE_SESSION_KEY, too, so that people may sign in")
        return self

    @model_validator(mode="after")
    def _has_events_key(self) -> Self:
        if self.key_vault_url is None and self.events_key is None:
            raise ValueError(
                "set CHARGEBACK_KEY_VAULT_URL or CHARGEBACK_EVENTS_KEY: POST /api/v1/events is never open to everybody"
            )
        return self


def read_settings() -> AppSettings:
    """The app's settings from the environment. Raises `InvalidConfig` with every one that is missing or wrong."""
    return _read(AppSettings)


def read_what_is_set() -> Settings:
    """The settings from the environment, for a command. Raises `InvalidConfig` with every one that is wrong."""
    return _read(Settings)


def _read(kind: type[Kind]) -> Kind:
    for former, present in adopt_former_names(os.environ, FORMER_SETTINGS).items():
        log_line(log, "setting_renamed", level=logging.WARNING, former=former, present=present)
    try:
        return kind.model_validate({})
    except ValidationError as error:
        faults = [
            f"{'.'.join(str(part) for part in fault['loc']).upper() or 'settings'}: {_words(fault)}"
            for fault in error.errors(include_url=False, include_context=False, include_input=False)
        ]
        raise InvalidConfig(faults) from None


def _words(fault: object) -> str:
    assert isinstance(fault, dict)
    return "is not set" if fault["type"] == "missing" else str(fault["msg"]).removeprefix("Value error, ")
