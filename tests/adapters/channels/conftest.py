"""The stand-ins in this process, and the channels that lead to them."""

import json
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from azure.core.credentials import AccessToken

from chargeback.adapters.azure.key_vault import FixedKeys
from chargeback.adapters.channels.open_channels import ChannelParts, open_channels
from chargeback.adapters.channels.outbound import Outbound
from chargeback.adapters.config.alerts import alert_settings
from chargeback.services.ports.channels import AlertChannel
from chargeback.services.usage.senders import Keys
from stack.certificates import make_certificates
from stack.channels.email import AUDIENCE
from stack.channels.server import start_stand_ins
from stack.channels.stand_ins import ChannelAccess, StandIns
from stack.identity.tokens import Signer, load_signer
from stack.processes import free_range
from tests.conftest import CERTIFICATES


class Identity:
    """The app's identity, which gets its tokens from the signer of the local stack."""

    def __init__(self, signer: Signer) -> None:
        self._signer = signer

    async def get_token(self, *scopes: str) -> AccessToken:
        assert scopes == (f"{AUDIENCE}/.default",)
        return AccessToken(self._signer.mint(AUDIENCE, appid="functions"), 2_000_000_000)


@dataclass
class StandInClock:
    """By which the stand-ins count requests."""

    seconds: float = 0.0

    def __call__(self) -> float:
        return self.seconds


@dataclass
class Channels:
    """The product's channels and what they lead to.

    Attributes:
        secrets: name → value, which a test may change as an operator does.
    """

    stand_ins: StandIns
    clock: StandInClock
    secrets: dict[str, str]
    by_id: dict[str, AlertChannel] = field(default_factory=dict)

    def __getitem__(self, name: str) -> AlertChannel:
        return self.by_id[name]


@pytest.fixture
async def outbound() -> AsyncIterator[Outbound]:
    made = Outbound(loopback=True)
    yield made
    await made.close()


@pytest.fixture
async def channels(outbound: Outbound, tmp_path: Path) -> AsyncIterator[Channels]:
    certificates = make_certificates(Path(CERTIFICATES.name))
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificates.certificate, certificates.key)
    first = free_range(2)
    signer = load_signer(tmp_path / "signing-key.pem")
    clock = StandInClock()
    stand_ins = StandIns(ChannelAccess("key", first, first + 1), signer, clock)
    environment = stand_ins.access.environment
    made = Channels(stand_ins, clock, json.loads(environment["ALERT_SECRETS"]))
    faults: list[str] = []
    document = {"allowedHosts": ["localhost"], "channels": stand_ins.access.channels, "subscriptions": []}
    settings = alert_settings(document, None, faults)
    assert faults == []

    class Kept:
        """A secret that is read each time."""

        def __init__(self, name: str, parse: Callable[[str], tuple[str, ...]]) -> None:
            self._name, self._parse = name, parse

        async def current(self) -> tuple[str, ...]:
            return await FixedKeys(self._parse(made.secrets[self._name])).current()

    def secret(name: str, parse: Callable[[str], tuple[str, ...]]) -> Keys:
        return Kept(name, parse)

    parts = ChannelParts(
        outbound,
        secret,
        lambda: Identity(signer),  # type: ignore[arg-type,return-value]
        lambda: datetime.now(UTC),
        environment["COMMUNICATION_ENDPOINT"],
        environment["ALERT_SENDER"],
        lambda: None,
    )
    made.by_id = dict(open_channels(settings, parts))
    runner, mail = await start_stand_ins(stand_ins, tls)
    yield made
    mail.close()
    await runner.cleanup()
