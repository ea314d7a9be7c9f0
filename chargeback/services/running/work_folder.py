"""Makes temporary folders for long runs, and removes those that killed runs left behind.

The host restarts its worker when a run takes too long (`functionTimeout`), and all that the worker was doing dies with
it (github.com/Azure/azure-functions-host/issues/8720): nothing then removes what it had on an instance's small disk.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from shutil import rmtree
from tempfile import gettempdir, mkdtemp

_NAME = "chargeback.work."


@contextmanager
def work_folder(purpose: str) -> Iterator[str]:
    """A folder that exists while the context lasts; those of killed runs are removed first.

    Its process holds a lock on it, which the system lets go when the process ends, however it ends.
    """
    remove_leftovers()
    made = Path(mkdtemp(prefix=f".{_NAME}"))
    held = os.open(made, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        folder = made.rename(made.with_name(f"{_NAME}{purpose}{made.suffix}"))
        try:
            yield str(folder)
        finally:
            rmtree(folder, ignore_errors=True)
    finally:
        os.close(held)


def remove_leftovers() -> None:
    """Remove the folders of runs that are no more."""
    for folder in Path(gettempdir()).glob(f"{_NAME}*"):
        with suppress(OSError):  # somebody else's, or gone meanwhile
            held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                rmtree(folder, ignore_errors=True)
            finally:
                os.close(held)
