"""Each port in memory and on the real store: what holds for one has to hold for the other."""

from typing import Any

import pytest

from chargeback.adapters.folder_reports import FolderReports
from chargeback.adapters.memory import stores as memory
from chargeback.adapters.memory.audit_entries import MemoryAuditEntries
from chargeback.adapters.memory.counter import MemoryCounter
from chargeback.adapters.memory.outbox import MemoryDigests, MemoryOutbox
from chargeback.adapters.memory.reports import MemoryReports
from chargeback.adapters.memory.settled import MemorySettledFiles
from chargeback.adapters.rehearsal.files import RehearsedReports
from chargeback.bootstrap import Container
from stack.clear import clear_blobs, clear_cosmos, clear_redis
from stack.stack import Stack

BOTH = ["memory", pytest.param("real", marks=pytest.mark.servers)]
IN_MEMORY = {
    "ledger": memory.MemoryLedger,
    "counter": MemoryCounter,
    "books": memory.MemoryBooks,
    "control": memory.MemoryControl,
    "objects": memory.MemoryObjects,
    "outbox": MemoryOutbox,
    "audit_entries": MemoryAuditEntries,
    "digests": MemoryDigests,
    "object_marks": memory.MemoryMarks,
    "quarantine": memory.MemoryQuarantine,
    "dead_letters": memory.MemoryDeadLetters,
    "reports": MemoryReports,
    "closed_reports": MemoryReports,
    "settled_files": MemorySettledFiles,
}


ON_DISK = {
    "folder": FolderReports,
    "rehearsed": lambda folder: RehearsedReports(MemoryReports(), folder),
}
"""The published files in a folder of this machine."""


def port(name: str, *others: str) -> Any:
    """A fixture that is the port in memory, then on the emptied real store, then each of the others on disk."""

    @pytest.fixture(params=[*BOTH, *others], name=name)
    def fixture(request: pytest.FixtureRequest) -> Any:
        if request.param == "memory":
            return IN_MEMORY[name]()
        if request.param in ON_DISK:
            return ON_DISK[request.param](request.getfixturevalue("tmp_path"))
        stack: Stack = request.getfixturevalue("stack")
        if name == "counter":
            clear_redis(stack.url("redis"))
        elif name in ("books", "control", "objects", "outbox", "digests", "audit_entries"):
            clear_cosmos(stack.site)
        else:
            clear_blobs(stack.site)
        container: Container = request.getfixturevalue("container")
        return getattr(container, name)

    return fixture


ledger = port("ledger")
counter = port("counter")
books = port("books")
control = port("control")
objects = port("objects")
outbox = port("outbox")
audit_entries = port("audit_entries")
digests = port("digests")
object_marks = port("object_marks")
quarantine = port("quarantine")
dead_letters = port("dead_letters")
reports = port("reports", *ON_DISK)
closed_reports = port("closed_reports", *ON_DISK)
settled_files = port("settled_files")
