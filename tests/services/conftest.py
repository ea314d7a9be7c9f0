import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from shutil import disk_usage

import pytest

_MEMORY = Path("/dev/shm")
_ENOUGH = 1 << 28


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def folders_in_memory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """For modules that publish many small months: the time for that is mostly the disk's, if memory can stand for it.

    Elsewhere they take longer, and assert the same.
    """
    if not (os.access(_MEMORY, os.W_OK) and disk_usage(_MEMORY).free > _ENOUGH):
        yield
        return
    tmp_path_factory.getbasetemp()  # it is made when it is first asked for, and must outlast the module
    with tempfile.TemporaryDirectory(dir=_MEMORY) as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", folder)
        yield
