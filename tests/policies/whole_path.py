"""The whole path: openai clients, the gateway of every region, simulated accounts, the books and the gateway's log."""

import asyncio
import json
import secrets
import ssl
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

import httpx
import trustme
from aiohttp import web
from azure.core.credentials import AccessToken
from azure.monitor.query.aio import LogsQueryClient
from fastapi import FastAPI
from openai import AsyncAzureOpenAI, AsyncOpenAI, AzureOpenAI, DefaultAsyncHttpxClient, DefaultHttpxClient, OpenAI

from chargeback.adapters.azure.entra_tokens import EntraTokens, SigningKeys
from chargeback.adapters.azure.log_analytics import LogAnalytics
from chargeback.adapters.memory.counter import MemoryCounter
from chargeback.adapters.memory.stores import (
    MemoryBooks,
    MemoryCatalogues,
    MemoryControl,
    MemoryLedger,
    MemoryMarks,
    MemoryObjects,
    MemoryQuarantine,
)
from chargeback.api import owners
from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.rating.effective_catalogues import EffectiveCatalogues
from chargeback.domain.rating.rating import rate
from chargeback.domain.rating.usage_record import UsageRecord
from chargeback.domain.usage.meters import Meter
from chargeback.services.usage.estimate_spend import EffectiveSpendEstimator
from chargeback.services.usage.index_objects import ObjectIndex
from chargeback.services.usage.ingest import Ingest
from chargeback.services.usage.post import Poster
from chargeback.services.usage.settle import Settlement, Settler
from stack.gateway.named_values import DEFAULTS
from stack.gateway.readings import Readings
from stack.gateway.serve import Running
from stack.gateway.serve import serve as serve_gateway
from stack.identity.server import make_app
from stack.identity.tokens import ASKING, TENANT, load_signer
from stack.listening import listening
from stack.openai_backends.serve import Backends
from stack.openai_backends.serve import serve as serve_backends
from tests.policies.engines import ROOT, Loop
from tests.policies.one_region import product
from tests.support.catalogues import catalogue
from tests.support.company import CONFIG
from tests.support.product_in_memory import ProductInMemory

MANY = [
    product(name, requestsPerMinute=100_000, tokensPerMinute=100_000_000)
    for name in ("standard", "europe-resident", "premium")
]
TOKENS = (Meter.INPUT, Meter.CACHED_INPUT, Meter.OUTPUT, Meter.REASONING)


class WholePath:
    """Everything of one test; events go straight into books that live in memory."""

    def __init__(
        self,
        loop: Loop,
        folder: Path,
        readings: Readings | None = None,
        *,
        config: Path = CONFIG,
        policies: Path = ROOT / "apim-policies",
        known: Catalogue | None = None,
        definitions: Mapping[str, Any] | None = None,
        **values: str,
    ) -> None:
        self.loop, self.folder, self.config, self.policies = loop, folder, config, policies
        self._definitions = {"products": MANY} if definitions is None else dict(definitions)
        known = known or catalogue()
        self.events: list[dict[str, Any]] = []
        self.drop: set[str] = set()
        """Operations whose events get lost on their way."""
        self.away = False
        """Whether every event gets lost."""
        self.lost: list[dict[str, Any]] = []
        self.apis: tuple[str, ...] = ()
        """APIs whose calls the log is asked for; all where none is named."""
        self.ahead = 0.0
        """How many seconds the accounts' clocks are ahead: a streamed response is hidden for some."""
        self._values = {"tenant_id": TENANT, "owners_client_id": ASKING, **values}
        self._readings = readings or Readings()
        self._counter, self._quarantine = MemoryCounter(), MemoryQuarantine()
        self._catalogues = MemoryCatalogues(known)
        self._ledger, self._books, self._control = MemoryLedger(), MemoryBooks(), MemoryControl()
        estimator = EffectiveSpendEstimator(self._catalogues, known)
        self.index = ObjectIndex(self._ledger, MemoryObjects(), MemoryMarks())
        self._door = Ingest(self._ledger, self._counter, self._quarantine, estimator, objects=self.index)
        self.functions_away = False
        """Whether nobody answers the gateway's questions."""
        self._poster = Poster(self._ledger, self._counter, self._books, self._control, self._catalogues)
        self._stack = AsyncExitStack()
        self.running: Running
        self.backends: Backends
        loop.run(self._start())

    def close(self) -> None:
        """Stop everything."""
        self.loop.run(self._stack.aclose())

    async def _start(self) -> None:
        accounts = serve_backends(self.config, clock=lambda: time.time() + self.ahead)
        self.backends = await self._stack.enter_async_context(accounts)
        app = web.Application()
        app.router.add_post("/api/events", self._topic)
        app.router.add_post("/api/v1/owners", self._owners)
        port = await self._stack.enter_async_context(listening(app))
        around = f"http://127.0.0.1:{port}"
        self.signer = load_signer(self.folder / "key.pem")
        identity_port = await self._stack.enter_async_context(listening(make_app(self.signer, "local")))
        self.identity = f"http://127.0.0.1:{identity_port}"
        self._functions = httpx.AsyncClient(transport=httpx.ASGITransport(self._api()), base_url="http://functions")
        self._stack.push_async_callback(self._functions.aclose)
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(self.folder / "ca.pem"))
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert("127.0.0.1").configure_cert(tls)
        self.running = await self._stack.enter_async_context(
            serve_gateway(
                self.policies,
                self.config,
                self.folder,
                logs_tls=tls,
                hosts={**self.backends.origins, "usage-topic.invalid": around, "owners.invalid": around},
                identity_endpoint=f"{self.identity}/msi/token",
                identity_header="local.gateway",
                openid_configuration=f"{self.identity}/{{tenant}}/.well-known/openid-configuration",
                values=self._values,
                readings=self._readings,
                definitions=self._definitions,
            )
        )

    async def _topic(self, request: web.Request) -> web.Response:
        event = await request.json()
        if self.away or event["data"]["operation"] in self.drop:
            self.lost.append(event)
        else:
            await self._take(event)
        return web.Response()

    async def _take(self, event: dict[str, Any]) -> None:
        self.events.append(event)
        await self._door.ingest([json.dumps(event).encode()], datetime.now(UTC))

    def deliver_lost(self) -> None:
        """The events that got lost arrive after all."""
        for event in self.lost:
            self.loop.run(self._take(event))

    def _api(self) -> FastAPI:
        """The functions' own door for the gateway's questions, over the books of this stage."""
        container = SimpleNamespace(
            gateway_tokens=EntraTokens(SigningKeys(self.identity, TENANT), DEFAULTS["owners-audience"]),
            object_index=self.index,
            settings=SimpleNamespace(owners_client_id=ASKING, owners_principal_ids=""),
        )
        api = FastAPI()
        api.include_router(owners.router(container), prefix="/api/v1")  # type: ignore[arg-type]
        return api

    async def _owners(self, request: web.Request) -> web.Response:
        if self.functions_away:
            return web.Response(status=503)
        headers = {"Authorization": request.headers["Authorization"]}
        answer = await self._functions.post("/api/v1/owners", content=await request.read(), headers=headers)
        return web.Response(status=answer.status_code, body=answer.content, content_type="application/json")

    def forget(self) -> None:
        """Every gateway loses its cache; what was sent has arrived by then."""
        self.sent()
        for gateway in self.running.gateways.values():
            gateway.cache.clear()

    def fault(self, account: str, mode: str, **more: Any) -> None:
        """From now on this account misbehaves so, or one of its deployments, tiers or prompts."""
        self.backends.accounts[account].faults.command({"mode": mode, **more})

    def azure(self, subscription: str = "search", region: str = "swedencentral", **more: Any) -> AzureOpenAI:
        """The Azure client, as an application would make it."""
        return AzureOpenAI(
            azure_endpoint=self.running.urls[region],
            api_key=self.running.keys[subscription],
            api_version="2024-10-21",
            max_retries=0,
            http_client=DefaultHttpxClient(trust_env=False),
            **more,
        )

    def v1(self, subscription: str = "search", region: str = "swedencentral") -> OpenAI:
        """The OpenAI client on /openai/v1."""
        return OpenAI(
            base_url=f"{self.running.urls[region]}/openai/v1",
            api_key="unused",
            default_headers={"api-key": self.running.keys[subscription]},
            max_retries=0,
            http_client=DefaultHttpxClient(trust_env=False),
        )

    def async_clients(self, subscription: str, region: str) -> tuple[AsyncAzureOpenAI, AsyncOpenAI]:
        """Both clients for many calls at once."""
        key, url = self.running.keys[subscription], self.running.urls[region]
        azure = AsyncAzureOpenAI(
            azure_endpoint=url,
            api_key=key,
            api_version="2024-10-21",
            max_retries=0,
            http_client=DefaultAsyncHttpxClient(trust_env=False),
        )
        plain = AsyncOpenAI(
            base_url=f"{url}/openai/v1",
            api_key="unused",
            default_headers={"api-key": key},
            max_retries=0,
            http_client=DefaultAsyncHttpxClient(trust_env=False),
        )
        return azure, plain

    def sent(self) -> list[dict[str, Any]]:
        """Every event so far, once all have arrived."""
        self.loop.run(self.running.drain())
        return list(self.events)

    def settle(self, *, later: float = 400, **asked: Any) -> Settlement:
        """One run of settlement through the real query client, some seconds from now."""
        return self.loop.run(self._settle(datetime.fromtimestamp(time.time() + later, UTC), asked))  # type: ignore[no-any-return]

    async def _settle(self, now: datetime, asked: dict[str, Any]) -> Settlement:
        client = LogsQueryClient(
            _Credential(), endpoint=self.running.logs, connection_verify=str(self.folder / "ca.pem")
        )
        log = LogAnalytics(client, secrets.token_hex(4), self.apis)
        stores = (self._counter, self._ledger, self._books, self._door, self._control, self._catalogues)
        try:
            await self._poster.post(now)
            return await Settler(log, *stores).settle(now, **asked)
        finally:
            await log.close()

    def booked(self) -> Counter[str]:
        """Tokens and calls of the books by state."""
        totals: Counter[str] = Counter()
        for day in self._counter.days.values():
            for line, hours in day.lines.values():
                for quantities in hours.values():
                    totals[f"{line.state} calls"] += quantities.get(Meter.REQUESTS, 0)
                    totals[f"{line.state} tokens"] += sum(quantities.get(meter, 0) for meter in TOKENS)
        return +totals

    def records(self, catalogue: Catalogue) -> list[UsageRecord]:
        """What was counted, rated."""
        return [
            rate(day, line, hours, EffectiveCatalogues(catalogue))
            for day, counted in self._counter.days.items()
            for line, hours in counted.lines.values()
        ]

    def account(self) -> dict[tuple[str, ...], dict[Meter, int]]:
        """What is counted under each line of dimensions; lines without anything are left out."""
        found: dict[tuple[str, ...], dict[Meter, int]] = {}
        for day in self._counter.days.values():
            for line, hours in day.lines.values():
                for quantities in hours.values():
                    of_line = found.setdefault(tuple(line), {})
                    for meter, quantity in quantities.items():
                        of_line[meter] = of_line.get(meter, 0) + quantity
        whole = {line: {meter: count for meter, count in counts.items() if count} for line, counts in found.items()}
        return {line: counts for line, counts in whole.items() if counts}

    @property
    def product(self) -> ProductInMemory:
        """The stores that the events are in."""
        return ProductInMemory(
            self._catalogues, self._ledger, self._counter, self._books, self._control, self._quarantine
        )

    def billed(self) -> int:
        """The tokens that the accounts say they billed."""
        entries = [entry for account in self.backends.accounts.values() for entry in account.ledger]
        return sum(entry["usage"]["total_tokens"] for entry in entries if entry.get("usage"))

    def calls_of(self, *accounts: str) -> int:
        """How many calls these accounts served."""
        return sum(len(self.backends.accounts[account].ledger) for account in accounts)

    def quarantined(self) -> list[str]:
        """The names of quarantined batches."""
        return asyncio.run(self._quarantine.batches())


class _Credential:
    async def get_token(self, *_scopes: str, **_options: Any) -> AccessToken:
        return AccessToken("token", int(time.time()) + 3600)

    async def close(self) -> None:
        return None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_details: object) -> None:
        return None
