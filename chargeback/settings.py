"""The settings of the app, read once from the environment and validated at start."""

from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from chargeback.domain.errors import InvalidConfig
from chargeback.domain.events.emitters import keys_in

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def _https(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname or parts.port == 0:
        raise ValueError(f"{url!r} is not an https:// address")
    return url.rstrip("/")


def _https_or_local(url: str) -> str:
    parts = urlsplit(url)
    return url.rstrip("/") if parts.scheme == "http" and parts.hostname in LOOPBACK else _https(url)


def _redis(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("redis", "rediss") or not parts.hostname or parts.port == 0:
        raise ValueError(f"{url!r} is not a redis:// or rediss:// address")
    if parts.scheme == "redis" and parts.hostname not in LOOPBACK:
        raise ValueError(f"redis:// without TLS is for this machine only; use rediss://{parts.netloc}")
    if parts.password:
        raise ValueError("a password does not belong in REDIS_URL: the app signs in with its identity")
    return url


def _schedule(expression: str) -> str:
    if len(expression.split()) != 6:
        raise ValueError(f"{expression!r} is not an NCRONTAB expression of six fields, such as '0 */15 * * * *'")
    return expression


HttpsUrl = Annotated[str, AfterValidator(_https)]
GatewayUrl = Annotated[str, AfterValidator(_https_or_local)]
Schedule = Annotated[str, AfterValidator(_schedule)]

LONGEST_DEADLINE = 70
"""Hours: a day is settled by the timer for three days after its end, and a call of its last minute, too."""


class Settings(BaseSettings):
    """Every setting of the product; the environment variable has the same name in upper case."""

    model_config = SettingsConfigDict(extra="ignore", env_ignore_empty=True, frozen=True)

    storage_account_url: HttpsUrl = Field(description="Blob endpoint of the storage account.")
    cosmos_endpoint: HttpsUrl = Field(description="Endpoint of the Cosmos DB account.")
    cosmos_database: str = Field("chargeback", min_length=1, description="Cosmos DB database.")
    redis_url: Annotated[str, AfterValidator(_redis)] = Field(
        description="rediss://host:10000 in Azure (Entra sign-in), redis://127.0.0.1:port on this machine."
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
    entra_tenant_id: str | None = Field(
        None,
        pattern=r"^[0-9a-fA-F-]{36}$",
        description="Tenant of the emitters' and the gateway's tokens.",
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
    decisions_endpoints: dict[str, GatewayUrl] = Field(
        default_factory=dict,
        description="JSON: each gateway region → where its gateway is told what budgets decide; nobody is told if "
        "unset.",
    )
    azure_client_id: str | None = Field(None, description="Client id of the app's user-assigned identity.")
    config_dir: Path | None = Field(None, description="Folder of the catalogue files; the app's own config/ if unset.")
    post_schedule: Schedule = Field("0 */15 * * * *", description="When to post (NCRONTAB, UTC).")
    audit_schedule: Schedule = Field("0 30 2 * * *", description="When to audit the ledger (NCRONTAB, UTC).")
    publish_schedule: Schedule = Field("0 0 4 * * *", description="When to publish the reports (NCRONTAB, UTC).")
    forecast_schedule: Schedule = Field("0 0 5 * * *", description="When to forecast the month (NCRONTAB, UTC).")
    decide_schedule: Schedule = Field(
        "0 * * * * *", description="When to tell the gateways what budgets decide (NCRONTAB, UTC)."
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
    settle_quiet_seconds: int = Field(
        300, ge=0, le=3600, description="A stream is settled when its log rows have stopped coming for this long."
    )
    report_decimals: int = Field(6, ge=0, le=12, description="Decimal places of the costs in the reports.")
    max_event_age_days: int = Field(400, ge=1, le=3650, description="Older events go to quarantine.")
    clock_skew_minutes: int = Field(60, ge=0, le=1440, description="Events further in the future go to quarantine.")

    @model_validator(mode="after")
    def _has_events_key(self) -> Self:
        if self.key_vault_url is None and self.events_key is None:
            raise ValueError("set KEY_VAULT_URL or EVENTS_KEY: POST /api/v1/events is never open to everybody")
        return self

    @model_validator(mode="after")
    def _keys_can_be_used(self) -> Self:
        secrets = {"EVENTS_KEY": self.events_key, **{f"EMITTER_KEYS.{k}": v for k, v in self.emitter_keys.items()}}
        for name, secret in secrets.items():
            if secret is not None:
                try:
                    keys_in(secret.get_secret_value())
                except ValueError as error:
                    raise ValueError(f"{name}: {error}") from None
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
    def _can_tell_gateways(self) -> Self:
        if self.decisions_endpoints and not self.owners_audience:
            raise ValueError("set OWNERS_AUDIENCE, too, so that the gateways may be told what budgets decide")
        return self

    @property
    def event_grid_keys(self) -> tuple[str, ...]:
        """Event Grid's keys, where the settings hold them."""
        return keys_in(self.events_key.get_secret_value()) if self.events_key is not None else ()

    @property
    def keys_of_emitters(self) -> dict[str, tuple[str, ...]]:
        """The emitters' keys, where the settings hold them."""
        return {name: keys_in(secret.get_secret_value()) for name, secret in self.emitter_keys.items()}


def read_settings() -> Settings:
    """The settings from the environment. Raises `InvalidConfig` naming every setting that is missing or wrong."""
    try:
        return Settings()  # type: ignore[call-arg]  # the environment fills them
    except ValidationError as error:
        faults = [
            f"{'.'.join(str(part) for part in fault['loc']).upper() or 'settings'}: {_words(fault)}"
            for fault in error.errors(include_url=False, include_context=False, include_input=False)
        ]
        raise InvalidConfig(faults) from None


def _words(fault: object) -> str:
    assert isinstance(fault, dict)
    return "is not set" if fault["type"] == "missing" else str(fault["msg"]).removeprefix("Value error, ")
