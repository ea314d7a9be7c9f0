"""A run that is killed leaves nothing on the disk that the next one does not remove."""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from chargeback.services.running.work_folder import remove_leftovers, work_folder

RUN = """
import sys, tempfile, time
from pathlib import Path
tempfile.tempdir = sys.argv[1]
from chargeback.services.running.work_folder import work_folder
with work_folder("recount") as folder:
    Path(folder, "rows").write_bytes(b"x" * 1000)
    print("working", flush=True)
    time.sleep(60)
"""


def killed_run(disk: Path) -> Path:
    """The folder of a run that was killed half-way."""
    with subprocess.Popen([sys.executable, "-c", RUN, str(disk)], stdout=subprocess.PIPE) as running:
        assert running.stdout
        running.stdout.readline()
        running.send_signal(signal.SIGKILL)
        running.wait()
    [left] = disk.glob("chargeback.work.*")
    return left


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_a_folder_goes_with_its_run_and_another_one_stays(disk: Path) -> None:
    with work_folder("publish") as one:
        with work_folder("recount") as other:
            Path(other, "rows").write_text("1")
            assert Path(one).is_dir()
        left = list(disk.iterdir())

    assert left == [Path(one)]
    assert list(disk.iterdir()) == []


def test_what_a_killed_run_left_is_removed_by_the_next_one_and_what_another_process_holds_is_not(disk: Path) -> None:
    (disk / "recount-of-somebody-else").mkdir()
    command = [sys.executable, "-c", RUN, str(disk)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as running:
        assert running.stdout
        running.stdout.readline()
        [held] = disk.glob("chargeback.work.*")
        remove_leftovers()
        while_it_ran = held.exists()
        running.send_signal(signal.SIGKILL)
        running.wait()
        after_its_death = held.exists()

        with work_folder("recount"):
            assert not held.exists()

    assert (while_it_ran, after_its_death) == (True, True)
    assert [each.name for each in disk.iterdir()] == ["recount-of-somebody-else"]


def test_a_worker_that_starts_removes_what_was_left(disk: Path) -> None:
    left = killed_run(disk)

    start = "from chargeback.process import prepare_process; prepare_process()"
    subprocess.run([sys.executable, "-c", start], env={**os.environ, "TMPDIR": str(disk)}, check=True)

    assert not left.exists()
