"""An alert goes from its raising over Event Grid and the function to what a person sees, on the whole stack."""

import asyncio
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
import yaml

from chargeback.adapters.config.folders import path_of
from chargeback.bootstrap import open_container
from chargeback.domain.alerts.kinds import AlertKind
from chargeback.domain.alerts.watching import Look
from chargeback.settings import read_settings
from stack.clear import clear_cosmos
from stack.stack import Stack
from tests.support.alerts import sighting
from tests.support.config_files import config_folder

pytestmark = pytest.mark.servers

SUBSCRIBED = ("slack", "webhook")
RULES = ("sales", "research", "support")


@pytest.fixture
def servers(stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    clear_cosmos(stack.site)
    folder = config_folder(tmp_path)
    channels = Stack(
        services=["functions", "alertTopic", "channels"], beside=stack, extra_env={"CHARGEBACK_CONFIG_DIR": str(folder)}
    )
    document = {
        "allowedHosts": ["localhost"],
        "channels": channels.site.channel_access.channels,
        "subscriptions": [{"id": f"to-{each}", "channel": each} for each in SUBSCRIBED],
    }
    path_of(folder, "alerts.yaml").write_text(yaml.safe_dump(document))
    with channels as running:
        for name, value in {**running.env, "CHARGEBACK_CONFIG_DIR": str(folder)}.items():
            monkeypatch.setenv(name, value)
        yield running


def shown(servers: Stack) -> list[dict[str, Any]]:
    with urlopen(f"{servers.url('channels').replace('127.0.0.1', 'localhost')}/shown") as answer:
        found: list[dict[str, Any]] = json.load(answer)
    return found


def test_an_alert_reaches_every_subscribed_channel_once_though_it_is_seen_again(servers: Stack) -> None:
    async def see() -> None:
        async with open_container(read_settings()) as container:
            for _ in range(3):
                seen = [sighting(rule) for rule in RULES]
                await container.alerts.see(Look(AlertKind.BUDGET, datetime.now(UTC), seen))

    asyncio.run(see())
    deadline = time.monotonic() + 60
    while len(shown(servers)) < len(SUBSCRIBED) * len(RULES) and time.monotonic() < deadline:
        time.sleep(0.5)

    found = shown(servers)
    assert sorted(each["service"] for each in found) == sorted(SUBSCRIBED * len(RULES))
    assert {rule for rule in RULES for each in found if f"{rule} reached" in each["text"]} == set(RULES)
