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

    from chargeback.adapters.azure.cosmos import CosmosBooks, CosmosControl
    from chargeback.adapters.azure.cost_exports import BlobCostExports
    from chargeback.adapters.azure.gateways import GatewayRegions
    from chargeback.adapters.azure.ledger import BlobLedger
    from chargeback.adapters.azure.log_analytics import LogAnalytics
    from chargeback.adapters.azure.marks import BlobDayMarks
    from chargeback.adapters.azure.objects import CosmosObjects
    from chargeback.adapters.azure.quarantine import BlobDeadLetters, BlobQuarantine
    from chargeback.adapters.azure.reports import BlobReports
    from chargeback.adapters.redis.counter import RedisCounter


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

        return connect(self.settings.storage_account_url, self.credential)

    @cached_property
    def cosmos(self) -> "CosmosClient":
        """The Cosmos DB account."""
        from chargeback.adapters.azure.cosmos import connect

        return connect(self.settings.cosmos_endpoint, self.credential)

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
    def cost_exports(self) -> "BlobCostExports":
        """The provider's invoice, as Cost Management exports it."""
        from chargeback.adapters.azure.cost_exports import BlobCostExports

        return BlobCostExports(self.blobs, "cost-exports")

    @cached_property
    def counter(self) -> "RedisCounter":
        """The fast view of the open days."""
        from chargeback.adapters.redis.counter import RedisCounter, connect

        url, credentials = self.settings.redis_url, None
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
    def control(self) -> "CosmosControl":
        """The documents that steer the product."""
        from chargeback.adapters.azure.cosmos import CosmosControl

        database = self.cosmos.get_database_client(self.settings.cosmos_database)
        return CosmosControl(database.get_container_client("control"))

    @cached_property
    def objects(self) -> "CosmosObjects":
        """The owners of stored objects."""
        from chargeback.adapters.azure.objects import CosmosObjects

        database = self.cosmos.get_database_client(self.settings.cosmos_database)
        return CosmosObjects(database.get_container_client("objects"))

    @cached_property
    def object_marks(self) -> "BlobDayMarks":
        """The days whose objects are still to be indexed."""
        from chargeback.adapters.azure.marks import BlobDayMarks

        return BlobDayMarks(self.blobs, "marks", "objects/")

    @cached_property
    def vault(self) -> "SecretClient":
        """The Key Vault with the senders' keys."""
        from chargeback.adapters.azure.key_vault import connect

        assert self.settings.key_vault_url is not None
        return connect(self.settings.key_vault_url, self.credential)

    @cached_property
    def gateway_log(self) -> "LogAnalytics":
        """The gateway's own log."""
        from chargeback.adapters.azure.log_analytics import LogAnalytics, connect

        if self.settings.log_analytics_workspace_id is None:
            raise InvalidConfig(["LOG_ANALYTICS_WORKSPACE_ID: is not set, so streamed calls stay unsettled"])
        client = connect(self.settings.log_analytics_endpoint, self.credential)
        return LogAnalytics(client, self.settings.log_analytics_workspace_id)

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
        for name in ("vault", "gateway_log", "gateways", "counter", "blobs", "hub_blobs", "cosmos", "credential"):
            if (opened := self.__dict__.pop(name, None)) is not None:
                await opened.close()
