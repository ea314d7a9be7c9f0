"""scripts/stack and the Stack object start, break and end exactly their own servers."""

import json
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
import redis

from stack.example import ROOT
from stack.processes import RunningServer, StackError, free_ports
from stack.record import environment_of, recorded
from stack.stack import Stack

pytestmark = pytest.mark.servers


def cli(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "stack", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)


def eventually(holds: Callable[[], bool]) -> bool:
    """Whether it holds within a minute."""
    deadline = time.monotonic() + 60
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.05)
    return holds()


def test_up_and_down_leave_nothing_behind_and_may_be_repeated(tmp_path: Path) -> None:
    state = str(tmp_path)
    [port] = free_ports(1)

    first = cli("up", "--state", state, "--only", "redis,identity", "--port", f"redis={port}")
    record = json.loads((tmp_path / "stack.json").read_text())
    again, status = cli("up", "--state", state), cli("status", "--state", state)
    servers = [RunningServer(**server) for server in record["services"].values()]
    running = [server.alive for server in servers]
    down, twice, gone = (
        cli("down", "--state", state),
        cli("down", "--state", state),
        cli("status", "--state", state),
    )

    assert first.returncode == 0, first.stderr
    assert record["env"]["CHARGEBACK_REDIS_URL"] == f"redis://127.0.0.1:{port}/0"
    assert running == [True, True]
    assert "already running" in again.stdout
    assert status.returncode == 0
    assert "ended redis, identity" in down.stdout
    assert "nothing was running" in twice.stdout
    assert gone.returncode == 1
    assert not any(server.alive for server in servers)
    assert not (tmp_path / "stack.env").exists()


@pytest.mark.parametrize("ended", [["identity"], ["redis"], ["redis", "identity"]])
def test_up_starts_again_only_what_has_ended_and_as_it_was(tmp_path: Path, ended: list[str]) -> None:
    state = str(tmp_path)
    assert cli("up", "--state", state, "--only", "redis,identity").returncode == 0
    settings, before = (tmp_path / "stack.env").read_text(), recorded(tmp_path)
    try:
        with redis.Redis.from_url(environment_of(tmp_path)["CHARGEBACK_REDIS_URL"]) as client:
            client.set("key", "value")
            for name in ended:
                psutil.Process(before[name].pid).kill()

            up, after, status = cli("up", "--state", state), recorded(tmp_path), cli("status", "--state", state)

            assert up.returncode == 0, up.stderr
            assert f"starting again, without what they had in memory: {', '.join(ended)}" in up.stderr
            assert [name for name in before if after[name].pid != before[name].pid] == ended
            assert {name: server.url for name, server in after.items()} == {n: s.url for n, s in before.items()}
            assert (tmp_path / "stack.env").read_text() == settings
            assert client.get("key") == (None if "redis" in ended else b"value")
            assert status.returncode == 0
    finally:
        down = cli("down", "--state", state)
    assert "ended redis, identity" in down.stdout
    assert not any(server.alive for server in after.values())


def test_what_cannot_be_started_again_leaves_the_others_running(tmp_path: Path) -> None:
    state = str(tmp_path)
    assert cli("up", "--state", state, "--only", "redis,identity").returncode == 0
    before = recorded(tmp_path)
    try:
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            psutil.Process(before["redis"].pid).kill()
            psutil.wait_procs([psutil.Process(before["redis"].pid)])
            port = urlsplit(before["redis"].url).port
            other.bind(("127.0.0.1", port))
            other.listen()

            refused, status = cli("up", "--state", state), cli("status", "--state", state)

        assert refused.returncode == 1
        assert f"redis: port {port} is taken by another program" in refused.stderr
        assert status.returncode == 1
        assert recorded(tmp_path)["identity"] == before["identity"]
        assert before["identity"].alive

        assert cli("up", "--state", state).returncode == 0
    finally:
        down = cli("down", "--state", state)
    assert "ended redis, identity" in down.stdout


def test_stack_env_can_be_sourced_by_a_shell(tmp_path: Path) -> None:
    with Stack(tmp_path, services=["redis", "identity"]) as stack:
        script = f"set -a; . {shlex.quote(str(tmp_path / 'stack.env'))}; env -0"
        found = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True).stdout

    settings = dict(line.split("=", 1) for line in found.split("\0") if line)
    assert stack.env.items() <= settings.items()


def test_a_killed_server_comes_back_empty_on_the_same_port(tmp_path: Path) -> None:
    with (
        Stack(tmp_path, services=["redis"]) as stack,
        redis.Redis.from_url(stack.env["CHARGEBACK_REDIS_URL"]) as client,
    ):
        client.set("key", "value")
        stack.kill("redis")
        with pytest.raises(redis.ConnectionError):
            client.get("key")

        stack.start("redis")

        assert client.get("key") is None


def test_a_paused_server_does_not_answer_until_it_is_resumed(tmp_path: Path) -> None:
    with Stack(tmp_path, services=["redis"]) as stack:
        url = stack.env["CHARGEBACK_REDIS_URL"]
        with redis.Redis.from_url(url, socket_timeout=0.2, retry=None) as client:
            stack.pause("redis")
            with pytest.raises(redis.TimeoutError):
                client.ping()
            stack.resume("redis")
        with redis.Redis.from_url(url) as client:
            assert client.ping()


def test_blobs_on_disk_survive_a_stop_of_the_server(tmp_path: Path) -> None:
    from stack.provision import STORAGE_AUDIENCE, access_token, call

    with Stack(tmp_path, services=["identity", "blob"], in_memory=False) as stack:
        token = access_token(stack.site, STORAGE_AUDIENCE)
        headers = {"Authorization": f"Bearer {token}", "x-ms-version": "2025-11-05"}
        url = f"{stack.url('blob')}/ledger/day"
        call(stack.site, "PUT", url, {**headers, "x-ms-blob-type": "BlockBlob"}, {"kept": True})

        stack.stop("blob")
        stack.start("blob")

        assert json.loads(call(stack.site, "GET", url, headers)) == {"kept": True}


def test_a_key_may_begin_like_an_option(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("secrets.token_urlsafe", lambda _: "-" + "k" * 42)

    with Stack(tmp_path, services=["identity", "vault", "channels"]) as stack:
        assert stack.site.channels_key.startswith("-")
        assert stack.pid("channels")


def test_an_exception_inside_ends_every_server(tmp_path: Path) -> None:
    pids = []

    def use() -> None:
        with Stack(tmp_path, services=["redis", "identity"]) as stack:
            pids.extend([stack.pid("redis"), stack.pid("identity")])
            raise RuntimeError("a test fails")

    with pytest.raises(RuntimeError, match="a test fails"):
        use()
    assert not any(psutil.pid_exists(pid) for pid in pids)


@pytest.mark.parametrize("when", ["while they start", "when they run"])
def test_servers_end_soon_after_their_owner_was_killed(tmp_path: Path, when: str) -> None:
    hang = (
        "import threading; Stack._await = lambda *_: threading.Event().wait()\n" if when == "while they start" else ""
    )
    owner = f"from stack.stack import Stack\n{hang}with Stack({str(tmp_path)!r}, services=['identity']):\n    input()\n"
    with subprocess.Popen([sys.executable, "-c", owner], cwd=ROOT, stdin=subprocess.PIPE) as running:
        eventually(lambda: set(recorded(tmp_path)) == {"identity"})
        [server] = recorded(tmp_path).values()
        assert server.alive

        running.kill()

    assert eventually(lambda: not server.alive)


def test_servers_that_were_put_up_outlive_their_owner(tmp_path: Path) -> None:
    owner = f"from stack.stack import Stack; Stack({str(tmp_path)!r}, services=['identity']).up()"
    subprocess.run([sys.executable, "-c", owner], cwd=ROOT, check=True)

    [server] = recorded(tmp_path).values()

    assert server.alive
    assert cli("down", "--state", str(tmp_path)).returncode == 0


def test_a_failed_start_names_the_server_and_stops_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_SERVER_BIN", "/bin/false")
    stack = Stack(tmp_path, services=["redis", "identity"])

    with pytest.raises(StackError, match="redis ended while starting"):
        stack.up()

    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", urlsplit(stack.url("identity")).port or 0)) != 0


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]

        with pytest.raises(StackError, match=f"redis: port {port} is taken"):
            Stack(tmp_path, services=["redis"], ports={"redis": port}).up()


@pytest.mark.parametrize("arguments", [["--port", "redis"], ["--port", "nobody=1"], ["--only", "nobody"]])
def test_arguments_that_make_no_sense_are_named(tmp_path: Path, arguments: list[str]) -> None:
    answer = cli("up", "--state", str(tmp_path), *arguments)

    assert answer.returncode == 2
    assert "nobody" in answer.stderr or "NAME=PORT" in answer.stderr


def test_another_process_with_a_recorded_pid_is_left_alone(tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as other:
        stranger = RunningServer(other.pid, time.time() - 10_000_000, "redis://127.0.0.1:1")
        document = {"started": 0, "services": {"redis": stranger.to_document()}, "env": {}}
        (tmp_path / "stack.json").write_text(json.dumps(document))

        down = cli("down", "--state", str(tmp_path))

        assert "nothing was running" in down.stdout
        assert other.poll() is None
        other.kill()
