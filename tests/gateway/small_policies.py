"""Small policy documents, compiled together and executed by the local gateway."""

import asyncio
import json
import tempfile
from collections.abc import Awaitable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from stack.gateway.assembly import compile_expressions
from stack.gateway.config import load_config
from stack.gateway.documents import Policies, load
from stack.gateway.gateway import Gateway
from stack.gateway.mono import Mono
from stack.gateway.readings import Readings
from stack.gateway.server import application
from stack.listening import listening
from stack.openai_backends.faults import Faults
from stack.openai_backends.serve import serve as serve_accounts
from tests.gateway.issuer_and_echo import TENANT, echo, faulty, identity
from tests.gateway.pools import pooled
from tests.support.company import CONFIG

ROOT = Path(__file__).parents[2]
ECHO = '<set-backend-service base-url="https://echo.test/openai" />'
SIGN_IN = '<authentication-managed-identity resource="https://cognitiveservices.azure.com" />'
FORWARD = '<forward-request timeout="5" buffer-request-body="true" buffer-response="false" />'
_DOCUMENTS: list["Document"] = []


@dataclass(eq=False)
class Document:
    """One policy document; declared when a test module is imported, so that all compile at once."""

    xml: str
    fragments: dict[str, str]
    options: dict[str, Any]

    def write(self, folder: Path) -> Path:
        """Put the files where the loader reads them."""
        (folder / "fragments").mkdir(parents=True)
        (folder / "api.xml").write_text(self.xml, "utf-8")
        for name, text in self.fragments.items():
            (folder / "fragments" / f"{name}.xml").write_text(f"<fragment>{text}</fragment>", "utf-8")
        return folder


def policies_xml(inbound: str = "", backend: str = FORWARD, outbound: str = "", on_error: str = "") -> str:
    """A whole document of its sections."""
    return (
        f"<policies>\n<inbound>{inbound}</inbound>\n<backend>{backend}</backend>\n"
        f"<outbound>{outbound}</outbound>\n<on-error>{on_error}</on-error>\n</policies>"
    )


def document(
    inbound: str = "",
    backend: str = FORWARD,
    outbound: str = "",
    on_error: str = "",
    fragments: dict[str, str] | None = None,
    **options: Any,
) -> Document:
    """Declare a document; calls go to the echo server unless `inbound` says otherwise."""
    declared = Document(policies_xml(ECHO + inbound, backend, outbound, on_error), fragments or {}, options)
    _DOCUMENTS.append(declared)
    return declared


def document_of(xml: str, **options: Any) -> Document:
    """Declare a document that is given whole."""
    declared = Document(xml, {}, options)
    _DOCUMENTS.append(declared)
    return declared


def reports(*expressions: str) -> str:
    """A return-response whose body is a JSON list of the values of string expressions."""
    joined = ", ".join(expressions)
    code = f"@(new JArray(new object[] {{ {joined} }}).ToString(Newtonsoft.Json.Formatting.None))"
    return f"<return-response><set-body><![CDATA[{code}]]></set-body></return-response>"


@dataclass
class Answer:
    """What a call through the gateway gave."""

    status: int
    headers: dict[str, str]
    body: bytes
    reason: str

    @property
    def json(self) -> Any:
        """The body's JSON."""
        return json.loads(self.body)


@dataclass
class Clock:
    """A clock that a test moves."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class SmallPolicies:
    """The documents' gateways, the simulated accounts and an echo server, in one event loop."""

    runner: asyncio.Runner
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    policies: dict[Document, Policies] = field(default_factory=dict)
    gateways: dict[Document, tuple[Gateway, str]] = field(default_factory=dict)
    seen: list[dict[str, Any]] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)
    clock: Clock = field(default_factory=Clock)

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run a coroutine in the laboratory's loop."""
        return self.runner.run(work)

    async def open(self) -> None:
        """Compile every declared document and start what they need."""
        folder = Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        self.state = folder / "state"
        self.state.mkdir()
        for number, declared in enumerate(_DOCUMENTS):
            extra = declared.options.get("extra", {})
            where = declared.write(folder / f"document-{number}")
            self.policies[declared] = load(where, {**self._values(), **extra})
        expressions = [e for policies in self.policies.values() for e in policies.expressions]
        self.mono = Mono(compile_expressions(expressions))
        await self.mono.start()
        self.stack.push_async_callback(self.mono.stop)
        self.accounts = await self.stack.enter_async_context(serve_accounts(CONFIG))
        self.identity = await self.stack.enter_async_context(listening(identity()))
        self.echo = await self.stack.enter_async_context(listening(echo(self.seen)))
        self.faulty = await self.stack.enter_async_context(listening(faulty()))
        self.session = await self.stack.enter_async_context(aiohttp.ClientSession())

    def _faulty(self) -> dict[str, str]:
        """Two names for the server that is slow or breaks off, and one where nothing listens."""
        origin = f"http://127.0.0.1:{self.faulty}"
        return {"one.test": origin, "two.test": origin, "nowhere.test": "http://127.0.0.1:9"}

    def _values(self) -> dict[str, str]:
        return load_config(CONFIG, ROOT, "swedencentral").named_values

    async def gateway(self, declared: Document) -> tuple[Gateway, str]:
        """The running gateway of a document, and its base URL."""
        if declared not in self.gateways:
            origin = f"http://127.0.0.1:{self.identity}"
            options = {
                "hosts": {**self.accounts.origins, "echo.test": f"http://127.0.0.1:{self.echo}", **self._faulty()},
                "identity_endpoint": f"{origin}/msi/token",
                "openid_configuration": f"{origin}/{{tenant}}/configuration",
                "values": {"tenant_id": TENANT},
                "clock": self.clock,
                "backends": pooled(self.clock, declared.options.get("readings", Readings())),
                **declared.options,
            }
            config = load_config(CONFIG, ROOT, "swedencentral", **options)
            config.keys = {f"key-of-{name}": name for name in config.subscriptions}
            gateway = Gateway(config, self.policies[declared], self.mono)
            gateway.sleep = self._sleep
            gateway.counters.clock = self.clock
            await gateway.start()
            self.stack.push_async_callback(gateway.stop)
            port = await self.stack.enter_async_context(listening(application(gateway)))
            self.gateways[declared] = (gateway, f"http://127.0.0.1:{port}")
        return self.gateways[declared]

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    def fresh(self) -> None:
        """Forget what earlier tests did."""
        self.seen.clear()
        self.slept.clear()
        self.clock.now += 100_000
        for account in self.accounts.accounts.values():
            account.faults = Faults()
            account.ledger.clear()

    def fault(self, account: str, mode: str, **more: Any) -> None:
        """Make an account misbehave."""
        self.accounts.accounts[account].faults.command({"mode": mode, **more})

    def call(self, declared: Document, method: str = "GET", path: str = "/openai/v1/models", **request: Any) -> Answer:
        """One call through the gateway of a document."""
        return self.run(self.send(declared, method, path, **request))

    async def send(
        self, declared: Document, method: str = "GET", path: str = "/openai/v1/models", **request: Any
    ) -> Answer:
        """As `call`, for use inside a coroutine."""
        _, url = await self.gateway(declared)
        async with self.session.request(method, url + path, **request) as answer:
            body = await answer.read()
            return Answer(answer.status, dict(answer.headers), body, answer.reason or "")

    async def connect(self, url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A bare connection, for what no client would send."""
        host, _, port = url.rpartition("/")[2].partition(":")
        return await asyncio.open_connection(host, int(port))

    def chat(self, declared: Document, **more: Any) -> Answer:
        """A chat completion through the gateway of a document."""
        body = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hello"}], **more}
        return self.call(declared, "POST", "/openai/v1/chat/completions", json=body)

    def together(self, *work: Awaitable[Any]) -> list[Any]:
        """Run several at once."""

        async def gather() -> list[Any]:
            return list(await asyncio.gather(*work))

        return list(self.run(gather()))
