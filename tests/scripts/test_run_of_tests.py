"""A run of scripts/test that is ended takes all with it that it started."""

import os
import shutil
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from scripts.shares import ROOT

ENDLESS = """
import subprocess, sys
from pathlib import Path

def test_endless():
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    with open({fifo!r}, "w") as told:
        told.write(f"{{child.pid}}\\n")
    child.wait()
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A tree with two tests that never end; each says which process it started."""
    for folder in ("scripts", "tests/services"):
        (tmp_path / folder).mkdir(parents=True)
    for name in ("scripts/test", "scripts/shares.py", "tests/seconds.txt"):
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "scripts/setup").write_text("#!/bin/sh\n")
    (tmp_path / "scripts/setup").chmod(0o755)
    (tmp_path / ".venv").symlink_to(ROOT / ".venv")
    os.mkfifo(tmp_path / "told")
    for name in ("one", "two"):
        (tmp_path / f"tests/test_{name}.py").write_text(ENDLESS.format(fifo=str(tmp_path / "told")))
    return tmp_path


@pytest.mark.parametrize("shares", [1, 2])
def test_a_run_that_is_told_to_end_does_so_at_once_with_every_share(tree: Path, shares: int) -> None:
    environment = {**os.environ, "SHARES": str(shares)}
    started: list[psutil.Process] = []
    with subprocess.Popen([tree / "scripts/test"], env=environment, stdout=subprocess.DEVNULL) as run:
        try:
            with os.fdopen(os.open(tree / "told", os.O_RDWR)) as told:
                started += [psutil.Process(int(told.readline())) for _ in range(shares)]
            started += psutil.Process(run.pid).children(recursive=True)

            run.terminate()

            assert run.wait(timeout=60) == -signal.SIGTERM
            assert psutil.wait_procs(started, timeout=60)[1] == []
        finally:
            for process in (*started, run):
                with suppress(psutil.NoSuchProcess):
                    process.kill()
