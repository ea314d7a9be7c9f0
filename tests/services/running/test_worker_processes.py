"""Processes do what they are asked to, whatever `__main__` is, and end with whoever started them."""

import math
import os
import signal
import subprocess
import sys
from functools import partial

import psutil
import pytest

from chargeback.services.running.worker_processes import worker_pool
from tests.support.recounted_days import recounted, usage_event

HALF_WAY = """
import sys, time
from concurrent.futures import wait
from chargeback.services.running.worker_processes import worker_pool
pool = worker_pool(2)
wait([pool.submit(time.sleep, 0.1) for _ in range(4)])
print("working", flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("workers", [0, 2])
def test_results_and_errors_come_back(workers: int) -> None:
    with worker_pool(workers) as pool:
        roots = [pool.submit(math.isqrt, number * number) for number in range(100)]
        wrong = pool.submit(math.isqrt, -1)

        assert [root.result() for root in roots] == list(range(100))
        with pytest.raises(ValueError, match="nonnegative"):
            wrong.result()
        assert (pool.submit(os.getpid).result() == os.getpid()) == (workers == 0)


def test_what_the_work_prints_does_not_mix_with_its_results() -> None:
    with worker_pool(1, first=partial(print, "hello")) as pool:
        pool.submit(print, "world").result()

        assert pool.submit(math.isqrt, 49).result() == 7


def test_a_process_that_dies_is_told() -> None:
    with worker_pool(1) as pool:
        died = pool.submit(os._exit, 3)

        with pytest.raises(ChildProcessError):
            died.result()


def test_processes_end_with_whoever_started_them_however_it_ends() -> None:
    with subprocess.Popen([sys.executable, "-c", HALF_WAY], stdout=subprocess.PIPE) as starter:
        assert starter.stdout
        starter.stdout.readline()
        children = psutil.Process(starter.pid).children(recursive=True)
        starter.send_signal(signal.SIGKILL)
        starter.wait()
    _, alive = psutil.wait_procs(children, timeout=10)

    assert len(children) == 2
    assert alive == []


@pytest.mark.anyio
async def test_a_day_is_recounted_by_processes_though_there_is_no_main_module(monkeypatch: pytest.MonkeyPatch) -> None:
    events = [usage_event(f"call-{number}") for number in range(20)]
    monkeypatch.delitem(sys.modules, "__main__")

    day, lines = await recounted(events, workers=2)

    assert day.calls == 20
    assert len(lines) == 1
