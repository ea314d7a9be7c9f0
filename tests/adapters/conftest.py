"""Each port in memory and on the real store: what holds for one has to hold for the other."""

from typing import Any

import pytest

from chargeback.adapters.memory import stores as memory
from chargeback.adapters.memory.counter import MemoryCounter
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
    "object_marks": memory.MemoryMarks,
    "quarantine": memory.MemoryQuarantine,
    "dead_letters": memory.MemoryDeadLetters,
    "reports": memory.MemoryReports,
    "closed_reports": memory.MemoryReports,
}


def port(name: str) -> Any:
    """A fixture that is the port in memory, then on the emptied real store."""

    @pytest.fixture(params=BOTH, name=name)
    def fixture(request: pytest.FixtureRequest) -> Any:
        if request.param == "memory":
            return IN_MEMORY[name]()
        stack: Stack = request.getfixturevalue("stack")
        if name == "counter":
            clear_redis(stack.url("redis"))
        elif name in ("books", "control", "objects"):
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
object_marks = port("object_marks")
quarantine = port("quarantine")
dead_letters = port("dead_letters")
reports = port("reports")
closed_reports = port("closed_reports")
