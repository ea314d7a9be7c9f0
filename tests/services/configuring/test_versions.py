"""Stored configurations never change: each is read once, and the one in force again only when it is another one."""

from datetime import UTC, datetime, timedelta

import pytest

from chargeback.adapters.memory.stores import MemoryControl
from chargeback.services.configuring.versions import ConfigVersion, ConfigVersions
from chargeback.services.ports.control import Document

pytestmark = pytest.mark.anyio
FIRST = datetime(2026, 3, 1, 12, tzinfo=UTC)


class ReadControl(MemoryControl):
    """Notes which documents come whole from the store."""

    def __init__(self) -> None:
        super().__init__()
        self.read: list[str] = []

    async def get(self, kind: str, name: str) -> Document | None:
        self.read.append(name)
        return await super().get(kind, name)

    async def get_versioned(
        self, kind: str, name: str, known: tuple[Document, str] | None = None
    ) -> tuple[Document, str] | None:
        found = await super().get_versioned(kind, name, known)
        if found is not known:
            self.read.append(name)
        return found


def version(name: str, days: int | None) -> ConfigVersion:
    """One that was applied some days after the first, or by nobody."""
    at = "" if days is None else (FIRST + timedelta(days=days)).isoformat()
    return ConfigVersion(name=name, digest=name, applied_by="ann" if at else "", applied_at=at)


async def test_the_applied_versions_since_a_moment_come_with_those_before_them_and_are_read_once() -> None:
    control = ReadControl()
    versions = ConfigVersions(control)
    for name, days in (("c", 9), ("a", 0), ("unapplied", None), ("b", 5)):
        await versions.keep(version(name, days))
    await versions.put_in_force(version("c", 9), None)

    found = await versions.applied_since(FIRST + timedelta(days=5))
    again = await versions.applied_since(FIRST)
    await versions.keep(version("d", 12))
    later = await versions.applied_since(FIRST + timedelta(days=12))

    assert [(before and before.name, after.name, after.by) for before, after in found] == [
        ("a", "b", "ann"),
        ("b", "c", "ann"),
    ]
    assert [(before and before.name, after.at) for before, after in again] == [
        (None, FIRST),
        ("a", FIRST + timedelta(days=5)),
        ("b", FIRST + timedelta(days=9)),
    ]
    assert [(before and before.name, after.name) for before, after in later] == [("c", "d")]
    assert sorted(control.read) == ["a", "b", "c", "d", "unapplied"]


async def test_the_version_in_force_is_read_again_only_when_it_is_another_one() -> None:
    control = ReadControl()
    versions = ConfigVersions(control)
    assert await versions.current() == (None, None)

    first = await versions.put_in_force(version("a", 0), None)
    assert [(found and found.name, token) for found, token in [await versions.current() for _ in range(3)]] == [
        ("a", first)
    ] * 3
    await versions.put_in_force(version("b", 1), first)
    found, _ = await versions.current()

    assert found is not None
    assert (found.name, control.read) == ("b", ["current", "current"])
