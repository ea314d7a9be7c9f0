"""The commands of docs/api.md run as they are, on the functions host over the stack, as somebody of finance."""

import asyncio
import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from chargeback.bootstrap import Container
from stack.clear import clear_stores
from stack.identity.people import token_of
from stack.identity.tokens import load_signer
from stack.stack import Stack
from tests.support.builders import usage_event

pytestmark = [pytest.mark.anyio, pytest.mark.servers]

PAGE = Path(__file__).parents[2] / "docs" / "api.md"
COMMANDS = re.findall(r"^```sh\n(.*?)^```$", PAGE.read_text("utf-8"), re.M | re.S)


@pytest.fixture(scope="module")
def served(stack: Stack) -> Iterator[Stack]:
    """The app as the functions host runs it, over the session's stores."""
    clear_stores(stack)
    with Stack(services=["functions"], beside=stack) as servers:
        yield servers


def printed(command: str, folder: Path, environment: Mapping[str, str]) -> str:
    """What a command prints, as somebody runs it in a folder."""
    shell = ["bash", "-euo", "pipefail", "-c", command]
    ran = subprocess.run(shell, cwd=folder, env=environment, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, command + ran.stdout + ran.stderr
    return ran.stdout


async def test_every_command_of_the_page_gets_an_answer(
    served: Stack, stack: Stack, container: Container, tmp_path: Path
) -> None:
    now = datetime.now(UTC)
    teams = ("search", "support", "search")
    await container.ingest.ingest(
        [usage_event(time=f"{now:%Y-%m-%d}T00:00:01Z", subscriptionId=each) for each in teams], now
    )
    await container.poster.post(now)
    await container.view_keeper.refresh(now)
    token = token_of("finance", load_signer(stack.site.signing_key), stack.env["ENTRA_AUTHORITY"])
    environment = {**os.environ, "API": served.site.url("functions"), "TOKEN": token}

    told = {command: await asyncio.to_thread(printed, command, tmp_path, environment) for command in COMMANDS}

    assert len(COMMANDS) >= 10
    assert '"requests":3' in told[COMMANDS[0]]
    assert [output for command, output in told.items() if "If-None-Match" in command] == ["304\n"]
    said = {name: next(output for command, output in told.items() if name in command) for name in ("/close", "/status")}
    assert '"kind":"closePeriod"' in said["/close"]
    assert '"limit":"3000.5"' in said["/status"]
    assert '"origin":"made"' in next(output for command, output in told.items() if "-X PUT" in command)
    assert (tmp_path / "costs.csv").read_text().startswith("costCentre,currency,cost")
    assert (tmp_path / "costs.parquet").read_bytes()[:4] == b"PAR1"
