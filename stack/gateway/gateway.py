"""The gateway of one region, which holds its compiled policies, backends, counters and connections."""

import asyncio
import ssl
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from functools import cache
from typing import Any

import aiohttp

from stack.gateway.config import Api, Config
from stack.gateway.documents import Policies
from stack.gateway.identity import Issuer, ManagedIdentity
from stack.gateway.limits import Counters
from stack.gateway.log_tables import LogTables
from stack.gateway.mono import Mono
from stack.gateway.nodes import Node
from stack.gateway.programs import Program, program_at


@cache
def _trusting(authorities: str | None) -> ssl.SSLContext:
    """What its connections trust, read once: that takes longer than all else of the start."""
    return ssl.create_default_context(cafile=authorities)


class Gateway:
    """One gateway region."""

    def __init__(self, config: Config, policies: Policies, mono: Mono) -> None:
        self.config, self.policies, self.mono = config, policies, mono
        self.counters = Counters()
        self.running: defaultdict[str, int] = defaultdict(int)
        self.cache: dict[str, tuple[float, Any]] = {}
        self.metrics: list[dict[str, Any]] = []
        self.eventhub: list[dict[str, Any]] = []
        self.spent: Counter[str] = Counter()
        """Expressions, their batches (round trips to Mono) and microseconds; requests that policies sent."""
        self.lost: list[str] = []
        """One-way requests that failed: the policy never knows, tests may."""
        self.sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
        self.log = LogTables(config.state, config.log)
        self._alone: dict[int, Sequence[Node]] = {}
        self._programs: dict[tuple[int, int], tuple[Sequence[Node], Program]] = {}
        self._pipelines: dict[tuple[str, str | None, str], list[Node]] = {}
        self._background: set[asyncio.Task[None]] = set()
        self.static_state = self._static_state()

    async def start(self) -> None:
        """Open the connections that calls share."""
        connector = aiohttp.TCPConnector(limit=0, ssl=_trusting(self.config.authorities))
        self.session = aiohttp.ClientSession(
            connector=connector, auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar()
        )
        self.identity = ManagedIdentity(self.config, self.session)
        self.issuer = Issuer(self.config, self.session)

    async def stop(self) -> None:
        """Wait for what runs in the background, then close."""
        await self.drain()
        await self.session.close()

    async def drain(self) -> None:
        """Wait until every one-way request has been sent."""
        while self._background:
            await asyncio.gather(*self._background, return_exceptions=True)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run `work` without anybody waiting for it."""
        task = asyncio.get_running_loop().create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    def pipeline(self, api: Api, product: str | None, section: str) -> list[Node]:
        """The effective policies of a section."""
        key = (api.document, product, section)
        if key not in self._pipelines:
            self._pipelines[key] = self.policies.effective(product, section, api.document)
        return self._pipelines[key]

    def program(self, nodes: Sequence[Node], place: int) -> Program:
        """The program at a place of a list of policies, made once: lists live as long as their gateway."""
        key = (id(nodes), place)
        if key not in self._programs:
            # Keeping the list keeps its id from being used again.
            self._programs[key] = (nodes, program_at(nodes, place))
        return self._programs[key][1]

    def alone(self, node: Node) -> Sequence[Node]:
        """The list of one policy, the same for each call, so that its program is made once."""
        return self._alone.setdefault(id(node), (node,))

    def origin(self, url: str) -> str:
        """`url` with its host replaced by the loopback origin that stands for it."""
        scheme, _, rest = url.partition("://")
        host, slash, path = rest.partition("/")
        return f"{self.config.hosts.get(host, f'{scheme}://{host}')}{slash}{path}"

    def api_state(self, api: Api) -> dict[str, Any]:
        """What the context says of an API."""
        known = {name: api.definition[name] for name in ("id", "name", "path")}
        return known | {"serviceUrl": f"https://{self.config.service}.azure-api.net/{known['path']}"}

    def _static_state(self) -> dict[str, Any]:
        config = self.config
        deployment = {
            "Region": config.region,
            "ServiceName": config.service,
            "ServiceId": config.service,
            "GatewayId": "managed",
            "Gateway": {"Id": "managed", "InstanceId": config.region, "IsManaged": True},
        }
        return {"deployment": deployment}
