"""One view reads each control document once, but pointers to files and what it changed itself."""

from collections import Counter

import pytest

from chargeback.adapters.memory.stores import MemoryControl
from chargeback.adapters.viewing.control import ViewedControl
from chargeback.domain.errors import Superseded
from chargeback.services.ports.control import Document
from chargeback.services.running.one_view import one_view

pytestmark = pytest.mark.anyio


class CountingControl(MemoryControl):
    """Counts what it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: Counter[str] = Counter()

    async def get_versioned(
        self, kind: str, name: str, known: tuple[Document, str] | None = None
    ) -> tuple[Document, str] | None:
        self.asked[f"{kind}/{name}"] += 1
        return await super().get_versioned(kind, name, known)

    async def all(self, kind: str) -> list[Document]:
        self.asked[kind] += 1
        return await super().all(kind)


async def test_a_view_reads_each_document_and_each_kind_once() -> None:
    control = CountingControl()
    await control.swap("period", "2026-03", {"n": 1}, None)
    viewed = ViewedControl(control)

    async with one_view():
        for _ in range(2):
            assert await viewed.get("period", "2026-03") == {"n": 1}
            assert await viewed.get_versioned("period", "2026-04") is None
            assert await viewed.all("period") == [{"n": 1}]

    assert control.asked == {"period/2026-03": 1, "period/2026-04": 1, "period": 1}


async def test_a_pointer_to_files_is_read_each_time() -> None:
    """What it names may be gone, and then the pointer of now is wanted."""
    control = CountingControl()
    token = await control.swap("cost-view", "2026-03", {"n": 1}, None)
    viewed = ViewedControl(control)

    async with one_view():
        assert await viewed.get("cost-view", "2026-03") == {"n": 1}
        await control.swap("cost-view", "2026-03", {"n": 2}, token)
        assert await viewed.get("cost-view", "2026-03") == {"n": 2}
        assert await viewed.all("cost-view") == [{"n": 2}]


@pytest.mark.parametrize("is_in_time", [True, False])
async def test_after_a_write_of_its_own_a_view_reads_again(*, is_in_time: bool) -> None:
    control = CountingControl()
    viewed = ViewedControl(control)

    async with one_view():
        assert await viewed.get("period", "2026-03") is None
        assert (await viewed.all("period"), await viewed.names("period")) == ([], [])
        if is_in_time:
            await viewed.swap("period", "2026-03", {"n": 1}, None)
        else:
            await control.swap("period", "2026-03", {"n": 1}, None)
            with pytest.raises(Superseded):
                await viewed.swap("period", "2026-03", {"n": 2}, None)

        assert await viewed.get("period", "2026-03") == {"n": 1}
        assert (await viewed.all("period"), await viewed.names("period")) == ([{"n": 1}], ["2026-03"])
