"""The commands that start the gateway and the simulated accounts."""

import json
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@contextmanager
def running(module: str, *arguments: str) -> Iterator[dict[str, object]]:
    command = [sys.executable, "-m", module, *arguments]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            assert process.stdout
            yield json.loads(process.stdout.readline())
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()  # else this test would wait for it for ever
                raise


@pytest.mark.usefixtures("small_policies")
def test_the_gateway_starts_beside_the_accounts_and_says_where_it_is(tmp_path: Path) -> None:
    state = ("--state", str(tmp_path))

    accounts, gateway = running("stack.openai_backends", *state), running("stack.gateway", *state)
    with accounts as origins, gateway as places:
        regions = places["regions"]
        assert isinstance(regions, dict)
        for url in regions.values():
            with urllib.request.urlopen(f"{url}/status-0123456789abcdef") as answer:
                assert answer.status == 200

    assert set(regions) == {"swedencentral", "eastus2"}
    assert json.loads((tmp_path / "openai.json").read_text()) == origins
    assert json.loads((tmp_path / "gateway.json").read_text()) == places
    keys = tmp_path / "gateway-keys.json"
    assert keys.stat().st_mode & 0o077 == 0
    assert set(json.loads(keys.read_text())) == {"search", "support", "legal", "research"}


@pytest.mark.usefixtures("small_policies")
def test_policies_that_would_be_refused_stop_the_gateway(tmp_path: Path) -> None:
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "api.xml").write_text("<policies>\n<middle />\n</policies>")
    command = [sys.executable, "-m", "stack.gateway", "--state", str(tmp_path)]

    done = subprocess.run(
        [*command, "--policies", str(tmp_path / "policies")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 2
    assert done.stderr.startswith("policies/api.xml:2: <middle> is not a section")
