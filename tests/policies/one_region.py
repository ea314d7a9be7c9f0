"""A gateway of one region between a client and scripted backends, all on loopback, with the events it sent."""

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import Callable, Coroutine
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import rsa

from stack.gateway.config import load_config
from stack.gateway.gateway import Gateway
from stack.gateway.named_values import DEFAULTS, named_values, tier_values
from stack.gateway.named_values import load_config as definitions
from stack.gateway.readings import READINGS, Readings
from stack.gateway.server import application
from tests.policies.engines import ROOT, Engines, Loop
from tests.policies.scripted_backends import Answer, Seen, stream_answer
from tests.support.company import CONFIG
from tests.support.conditions import until, wait_for

KEYS = {"key-search": "search", "key-support": "support", "key-legal": "legal", "key-research": "research"}
TENANT = "11111111-2222-3333-4444-555555555555"
AUDIENCE = "api://gateway"
FUNCTIONS = DEFAULTS["functions-client-id"]
EU = ("oai-swedencentral", "oai-francecentral")
US = ("oai-eastus2", "oai-westus3")


@cache
def signing_key(_number: int) -> rsa.RSAPrivateKey:
    """The key that the issuer of tokens signs with; another number is another issuer's."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def product(id: str = "standard", **changes: Any) -> dict[str, Any]:
    """A product of the company's configuration with other settings; the first of several is the default."""
    products = {each["id"]: each for each in definitions(CONFIG)["products"]}
    return {**products.get(id, products["standard"]), "id": id, "default": True, **changes}


def accounts(**changes: dict[str, Any]) -> list[dict[str, Any]]:
    """The company's accounts, with these in place of those in the EU: name (underscores for hyphens) → settings."""
    known = {each["account"]: each for each in definitions(CONFIG)["accounts"]}
    own = [{**known[EU[0]], "account": name.replace("_", "-"), **own} for name, own in changes.items()]
    return [*own, *(known[name] for name in US)]


class OneRegion:
    """The gateway and everything around it."""

    def __init__(
        self,
        engines: Engines,
        loop: Loop,
        *,
        region: str = "swedencentral",
        readings: Readings = READINGS["plain"],
        sku: str = "Premium",
        config: dict[str, Any] | None = None,
        policies: Path = ROOT / "apim-policies",
        **own: str,
    ) -> None:
        self._loop = loop
        self.answers: dict[str, list[Answer]] = defaultdict(list)
        self.decide: Callable[[Seen], Answer] | None = None
        """What a backend says to a request, where it is not scripted by account."""
        self.seen: list[Seen] = []
        self.received: list[tuple[dict[str, Any], dict[str, str]]] = []
        self.owners: dict[str, dict[str, str]] = {}
        """What the functions know of objects; see `owned`."""
        self.asked: list[tuple[list[str], str]] = []
        """The objects that they were asked about, and the token."""
        self.owners_status = 200
        self.owners_body: Any = None
        """What they say instead, if not None."""
        self.owners_delay = 0.0
        self.told: str | None = None
        """The decisions that the functions tell a gateway that asks; see `decided`."""
        self.told_delay = 0.0
        self.wondered: list[tuple[str, str]] = []
        """The products that they were asked about, and the token."""
        self.topic_delay = 0.0
        self.topic_status = 200
        self.identity_status = 200
        self._key = signing_key(1)
        self._runners: list[web.AppRunner] = []
        own = {"tenant_id": TENANT, "audience": AUDIENCE, **tier_values(sku), **own}
        whole = definitions(CONFIG) | (config or {})
        self.policies, mono = engines.get(named_values(whole, **own), whole, policies)
        self.around = self._serve(self._surroundings())
        origin = f"http://127.0.0.1:{self.around}"
        hosts = {f"{each['account']}.openai.azure.com": origin for each in whole["accounts"]}
        self.config = load_config(
            CONFIG,
            ROOT / "apim-policies",
            region,
            values=own,
            definitions=config or {},
            hosts={**hosts, "usage-topic.invalid": origin, "owners.invalid": origin},
            keys=KEYS,
            identity_endpoint=f"{origin}/identity",
            openid_configuration=f"{origin}/issuer",
            sku=sku,
            readings=readings,
        )
        self.gateway = Gateway(self.config, self.policies, mono)
        loop.run(self.gateway.start())
        self.port = self._serve(application(self.gateway))
        self.url = f"http://127.0.0.1:{self.port}/openai"
        self.client = httpx.Client(
            base_url=self.url, timeout=60, trust_env=False, verify=False, limits=httpx.Limits(max_connections=None)
        )

    def close(self) -> None:
        """Stop everything."""
        self.client.close()
        self._loop.run(self.gateway.stop())
        for runner in self._runners:
            self._loop.run(runner.cleanup())

    def script(self, *accounts: str, **answer: Any) -> None:
        """From now on these accounts answer so."""
        for account in accounts:
            self.answers[account] = [Answer(**answer)]

    def then(self, account: str, **answer: Any) -> None:
        """Add an answer: each is given once, the last one for ever."""
        self.answers[account].append(Answer(**answer))

    def down(self, *accounts: str) -> None:
        """Nothing listens at these accounts any more."""
        for account in accounts:
            self.config.hosts[f"{account}.openai.azure.com"] = "http://127.0.0.1:9"

    def events(self) -> list[dict[str, Any]]:
        """Every event that was sent, once all have arrived."""
        self._loop.run(self.gateway.drain())
        return [event for event, _ in self.received]

    def owned(
        self,
        *names: str,
        by: str = "search",
        product: str = "standard",
        account: str = EU[0],
        deployment: str = "gpt-4o",
    ) -> None:
        """These objects are known to the functions."""
        known = {"owner": f"subscription/{by}", "product": product, "host": f"{account}.openai.azure.com"}
        self.owners |= {name: {**known, "deployment": deployment} for name in names}

    def decide_budgets(self, *records: str, age: float = 0, product: str = "standard") -> None:
        """This is what budgets decided about a product, `age` seconds ago, in the cache of the gateway."""
        text = decided(*records, age=age)
        self.gateway.cache[f"decisions/{product}"] = (time.monotonic() + 600, {"t": "String", "v": text})

    def put(
        self, text: str | bytes, product: str = "standard", token: str | None = None, **headers: str
    ) -> httpx.Response:
        """Say what budgets decided, as the functions do."""
        own = self.token(aud=DEFAULTS["owners-audience"], appid=FUNCTIONS) if token is None else token
        content = text.encode() if isinstance(text, str) else text
        address = f"http://127.0.0.1:{self.port}/budgets/decisions/{product}"
        return self.client.put(address, content=content, headers={"Authorization": f"Bearer {own}", **headers})

    def forget(self) -> None:
        """The gateway's cache is lost."""
        self.gateway.cache.clear()

    def leave(self, method: str, path: str, **asked: Any) -> None:
        """A call whose client leaves as soon as an account has it; return when its event is here."""

        async def ask_and_leave() -> None:
            async with httpx.AsyncClient(base_url=self.url, timeout=60, trust_env=False, verify=False) as client:
                asking = asyncio.ensure_future(client.request(method, path, **asked))
                await until(lambda: bool(self.seen))
                asking.cancel()
                await asyncio.wait([asking])

        self.run(ask_and_leave())
        wait_for(lambda: bool(self.received))

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run something beside the gateway, in its loop."""
        return self._loop.run(work)

    def event(self) -> dict[str, Any]:
        """The one event that was sent since the last look."""
        events = self.events()
        self.received.clear()
        assert len(events) == 1, events
        return events[0]

    def chat(
        self, key: str = "key-search", path: str = "/deployments/gpt-4o/chat/completions", **body: Any
    ) -> httpx.Response:
        """An ordinary chat call."""
        document = {"messages": [{"role": "user", "content": "Capital of France?"}], **body}
        return self.client.post(f"{path}?api-version=2024-10-21", json=document, headers={"api-key": key})

    def token(self, signer: int = 1, **claims: Any) -> str:
        """A signed Entra token."""
        body = {
            "aud": AUDIENCE,
            "tid": TENANT,
            "iss": "issuer",
            "exp": int(time.time()) + 600,
            "oid": "oid-1",
            "appid": "app-1",
        }
        return jwt.encode({**body, **claims}, signing_key(signer), algorithm="RS256", headers={"kid": "k1"})

    def _serve(self, app: web.Application) -> int:
        async def start() -> int:
            runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=1)
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            self._runners.append(runner)
            return int(runner.addresses[0][1])

        return int(self._loop.run(start()))

    def _surroundings(self) -> web.Application:
        app = web.Application(client_max_size=1 << 28)
        app.router.add_post("/api/events", self._topic)
        app.router.add_post("/api/v1/owners", self._owners)
        app.router.add_get("/api/v1/budgets/decisions/{product}", self._decisions)
        app.router.add_get("/identity", self._identity)
        app.router.add_get("/issuer", self._issuer)
        app.router.add_get("/keys", self._keys)
        app.router.add_route("*", "/openai/{path:.*}", self._backend)
        return app

    async def _topic(self, request: web.Request) -> web.Response:
        await asyncio.sleep(self.topic_delay)
        self.received.append((await request.json(), dict(request.headers)))
        return web.Response(status=self.topic_status)

    async def _owners(self, request: web.Request) -> web.Response:
        objects = (await request.json())["objects"]
        self.asked.append((objects, request.headers["Authorization"]))
        await asyncio.sleep(self.owners_delay)
        known = {name: self.owners[name] for name in objects if name in self.owners}
        said = {"objects": known} if self.owners_body is None else self.owners_body
        return web.json_response(said, status=self.owners_status)

    async def _decisions(self, request: web.Request) -> web.Response:
        self.wondered.append((request.match_info["product"], request.headers["Authorization"]))
        await asyncio.sleep(self.told_delay)
        return web.Response(text=self.told) if self.told is not None else web.Response(status=503)

    async def _identity(self, request: web.Request) -> web.Response:
        if self.identity_status != 200:
            return web.json_response({"error": "no identity"}, status=self.identity_status)
        token = f"managed-identity-token-for-{request.query['resource']}"
        return web.json_response({"access_token": token, "expires_on": str(int(time.time()) + 3600)})

    async def _issuer(self, request: web.Request) -> web.Response:
        return web.json_response({"issuer": "issuer", "jwks_uri": f"http://{request.host}/keys"})

    async def _keys(self, _request: web.Request) -> web.Response:
        key = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self._key.public_key()))
        return web.json_response({"keys": [{**key, "kid": "k1", "alg": "RS256", "use": "sig"}]})

    async def _backend(self, request: web.Request) -> web.StreamResponse:
        account = request.headers["Host"].split(".")[0]
        self.seen.append(
            Seen(
                account,
                request.method,
                request.path,
                dict(request.query),
                dict(request.headers),
                await request.read(),
            )
        )
        scripted = self.answers[account] or [Answer()]
        answer = scripted.pop(0) if len(scripted) > 1 else scripted[0]
        answer = self.decide(self.seen[-1]) if self.decide else answer
        await asyncio.sleep(answer.delay)
        if answer.gone and request.transport:
            request.transport.abort()
        headers = {"Content-Type": answer.type, **answer.headers} if answer.type else answer.headers
        if answer.pieces is None:
            return web.Response(status=answer.status, body=answer.content(), headers=headers)
        return await stream_answer(request, answer, headers)


def decided(*records: str, age: float = 0) -> str:
    """A string of decisions that was made `age` seconds ago."""
    return f"at={int((time.time() - age) * 1000)};{''.join(f'{record};' for record in records)}"
