"""The stores of one process: connected when they are first asked for, and closed together."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from chargeback.domain.errors import InvalidConfig
from chargeback.settings import Settings

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential
    from azure.cosmos.aio import CosmosClient
    from azure.keyvault.secrets.aio import SecretClient
    from azure.storage.blob.aio import BlobServiceClient

    from chargeback.adapters.azure.audit_entries import CosmosAuditEntries
    from chargeback.adapters.azure.cosmos import CosmosBooks
    from chargeback.adapters.azure.cost_exports import BlobCostExports
    from chargeback.adapters.azure.due_alerts import EventGridDueAlerts, NobodyToCall
    from chargeback.adapters.azure.gateways import GatewayRegions
    from chargeback.adapters.azure.ledger import BlobLedger
    from chargeback.adapters.azure.log_analytics import LogAnalytics
    from chargeback.adapters.azure.marks import BlobDayMarks
    from chargeback.adapters.azure.objects import CosmosObjects
    from chargeback.adapters.azure.outbox import CosmosDigests, CosmosOutbox
    from chargeback.adapters.azure.quarantine import BlobDeadLetters, BlobQuarantine
    from chargeback.adapters.azure.reports import BlobReports
    from chargeback.adapters.azure.settled import BlobSettledFiles
    from chargeback.adapters.recording.control import RecordedControl
    from chargeback.adapters.redis.counter import RedisCounter
    from chargeback.services.settled.settled_days import SettledDays


@dataclass
class Stores:
    """The connections to every store of the product, with the app's identity.

    The vendors' libraries take most of a second to import, so each is imported where it is needed: an instance
    that starts cold to take events does not wait for what it does not use.
    """

    settings: Settings

    @cached_property
    def credential(self) -> "AsyncTokenCredential":
        """The app's identity in Azure; on a developer's machine, whoever is signed in there."""
        from azure.identity.aio import DefaultAzureCredential

        # By itself it waits 300 s for a token's endpoint that hangs, several times over.
        limits = {"connection_timeout": 2, "read_timeout": 4, "retry_total": 1}
        return DefaultAzureCredential(managed_identity_client_id=self.settings.azure_client_id, **limits)

    @cached_property
    def blobs(self) -> "BlobServiceClient":
        """The storage account."""
        from chargeback.adapters.azure.blob import connect

        return connect(_needed(self.settings.storage_account_url, "CHARGEBACK_STORAGE_ACCOUNT_URL"), self.credential)

    @cached_property
    def cosmos(self) -> "CosmosClient":
        """The Cosmos DB account."""
        from chargeback.adapters.azure.cosmos import connect

        return connect(_needed(self.settings.cosmos_endpoint, "CHARGEBACK_COSMOS_ENDPOINT"), self.credential)

    @cached_property
    def ledger(self) -> "BlobLedger":
        """The append-only record of accepted events."""
        from chargeback.adapters.azure.ledger import BlobLedger

        return BlobLedger(self.blobs, "ledger")

    @cached_property
    def quarantine(self) -> "BlobQuarantine":
        """Where unusable events wait."""
        from chargeback.adapters.azure.quarantine import BlobQuarantine

        return BlobQuarantine(self.blobs, "quarantine")

    @cached_property
    def dead_letters(self) -> "BlobDeadLetters":
        """The events that Event Grid could not deliver."""
        from chargeback.adapters.azure.quarantine import BlobDeadLetters

        return BlobDeadLetters(self.blobs, "dead-letter")

    @cached_property
    def reports(self) -> "BlobReports":
        """The published files."""
        from chargeback.adapters.azure.reports import BlobReports

        return BlobReports(self.blobs, "reports")

    @cached_property
    def closed_reports(self) -> "BlobReports":
        """The files of closed periods, which nothing may change."""
        from chargeback.adapters.azure.reports import BlobReports

        return BlobReports(self.blobs, "closed")

    @cached_property
    def settled_files(self) -> "BlobSettledFiles":
        """The files of settled days and months."""
        from chargeback.adapters.azure.settled import BlobSettledFiles

        return BlobSettledFiles(self.blobs, "settled")

    @cached_property
    def settled_days(self) -> "SettledDays":
        """The days of the books, of which the settled ones are files."""
        from chargeback.services.settled.settled_days import SettledDays

        return SettledDays(self.books, self.settled_files)

    @cached_property
    def cost_exports(self) -> "BlobCostExports":
        """The provider's invoice, as Cost Management exports it."""
        from chargeback.adapters.azure.cost_exports import BlobCostExports

        return BlobCostExports(self.blobs, "cost-exports")

    @cached_property
    def counter(self) -> "RedisCounter":
        """The fast view of the open days."""
        from chargeback.adapters.redis.connection import connect
        from chargeback.adapters.redis.counter import RedisCounter

        url, credentials = _needed(self.settings.redis_url, "CHARGEBACK_REDIS_URL"), None
        if url.startswith("rediss://"):
            from chargeback.adapters.redis.sign_in import entra_credentials

            credentials = entra_credentials(self.settings.azure_client_id)
        return RedisCounter(connect(url, credentials=credentials))

    @cached_property
    def books(self) -> "CosmosBooks":
        """The posted view."""
        from chargeback.adapters.azure.cosmos import CosmosBooks

        database = self.cosmos.get_database_client(self.settings.cosmos_database)
        return CosmosBooks(database.get_container_client("usage"))

    @cached_property
    def control(self) -> "RecordedControl":
        """The documents that steer the product; what people decide is in the audit log before it is in them."""
        from chargeback.adapters.azure.cosmos import CosmosControl
        from chargeback.adapters.recording.control import RecordedControl
        from chargeback.adapters.viewing.control import ViewedControl

        database = self.cosmos.get_database_client(self.settings.cosmos_database)
        return RecordedControl(ViewedControl(CosmosControl(database.get_container_client("control"))))

    @cached_property
    def audit_entries(self) -> "CosmosAuditEntries":
        """The entries of the audit log."""
        from chargeback.adapters.azure.audit_entries import CosmosAuditEntries

        database = self.cosmos.get_database_client(self.settings.cosmos_database)
        return CosmosAuditEntries(database.get_container_client("audit-log"))

    @cached_property
    def objects(self) -> "CosmosObjects":
        """The owners of stored objects."""
        from chargeback.adapters.azure.objects import CosmosObjects

        database = self.cosmos.get_database_client(self.settings.cosmos_database)
        return CosmosObjects(database.get_container_client("objects"))

    @cached_property
    def outbox(self) -> "CosmosOutbox":
        """Every alert, and how far it has been told."""
        from chargeback.adapters.azure.outbox import CosmosOutbox

        database = self.cosmos.get_database_client(self.settings.cosmos_database)
        return CosmosOutbox(database.get_container_client("alerts"))

    @cached_property
    def digests(self) -> "CosmosDigests":
        """What is told together."""
        from chargeback.adapters.azure.outbox import CosmosDigests

        database = self.cosmos.get_database_client(self.settings.cosmos_database)
        return CosmosDigests(database.get_container_client("alerts"))

    @cached_property
    def due_alerts(self) -> "EventGridDueAlerts | NobodyToCall":
        """Calls whoever tells alerts."""
        from chargeback.adapters.azure.due_alerts import EventGridDueAlerts, NobodyToCall

        endpoint = self.settings.alerts_topic_endpoint
        return EventGridDueAlerts(endpoint, self.credential) if endpoint else NobodyToCall()

    @cached_property
    def object_marks(self) -> "BlobDayMarks":
        """The days whose objects are still to be indexed."""
        from chargeback.adapters.azure.marks import BlobDayMarks

        return BlobDayMarks(self.blobs, "marks", "objects/")

    @cached_property
    def vault(self) -> "SecretClient":
        """The Key Vault with the senders' keys."""
        from chargeback.adapters.azure.key_vault import connect

        return connect(_needed(self.settings.key_vault_url, "CHARGEBACK_KEY_VAULT_URL"), self.credential)

    @cached_property
    def gateway_log(self) -> "LogAnalytics":
        """The gateway's own log."""
        from chargeback.adapters.azure.log_analytics import LogAnalytics, connect

        if self.settings.log_analytics_workspace_id is None:
            raise InvalidConfig(["LOG_ANALYTICS_WORKSPACE_ID: is not set, so streamed calls stay unsettled"])
        client = connect(self.settings.log_analytics_endpoint, self.credential)
        apis = tuple(filter(None, self.settings.gateway_apis.split(",")))
        return LogAnalytics(client, self.settings.log_analytics_workspace_id, apis)

    @cached_property
    def gateways(self) -> "GatewayRegions | None":
        """The caches of the gateways; None where nobody is told what budgets decide."""
        from chargeback.adapters.azure.gateways import GatewayRegions

        endpoints, audience = self.settings.decisions_endpoints, self.settings.owners_audience
        return GatewayRegions(endpoints, audience, self.credential) if endpoints and audience else None

    @cached_property
    def hub_blobs(self) -> "BlobServiceClient | None":
        """The storage account of the FinOps hub, if there is one."""
        from chargeback.adapters.azure.blob import connect

        url = self.settings.finops_hub_url
        return connect(url, self.credential) if url else None

    @property
    def hub(self) -> "BlobReports | None":
        """Where a FinOps hub takes files from."""
        from chargeback.adapters.azure.reports import BlobReports

        return BlobReports(self.hub_blobs, "ingestion") if self.hub_blobs else None

    async def close(self) -> None:
        """Close every connection that was opened."""
        opened_names = ("vault", "gateway_log", "gateways", "due_alerts", "counter", "blobs", "hub_blobs", "cosmos")
        for name in (*opened_names, "credential"):
            if (opened := self.__dict__.pop(name, None)) is not None:
                await opened.close()


def _needed(address: str | None, setting: str) -> str:
    if address is None:
        raise InvalidConfig(
            [f"{setting}: is not set; `azd env get-values` has it for a deployment, .local/stack.env for a local stack"]
        )
    return address
