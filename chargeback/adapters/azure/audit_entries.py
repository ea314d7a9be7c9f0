"""Stores the audit log in Cosmos DB: one document an entry, in the container `audit-log`, by `/part`.

A part holds ten thousand entries, so that no logical partition comes near its 20 GB and a number has one place alone:
creating an entry that is there fails with 409, whichever process tries. The app's role creates and reads; it neither
replaces nor deletes.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Collection, Mapping
from contextlib import aclosing
from typing import Any

import msgspec
from azure.cosmos import exceptions
from azure.cosmos.aio import ContainerProxy

from chargeback.adapters.azure.cosmos import translated_cosmos_errors
from chargeback.domain.audit_log.entry import EntryPhase, KeptEntry, entry_id, text_of_phase

PART = 10_000

_PAGE = 200
_OF_COSMOS = {"_rid", "_self", "_etag", "_attachments", "_ts", "_lsn"}
"""What the store adds to each document (learn.microsoft.com/rest/api/cosmos-db/documents)."""


class CosmosAuditEntries:
    """See `services.ports.audit_entries.AuditEntries`."""

    def __init__(self, container: ContainerProxy) -> None:
        self._container = container
        self._known_part = 0  # one that has entries, or the first: parts are only ever added

    async def create(self, entry: KeptEntry) -> bool:
        """Keep a new entry; False where there is one."""
        item = {**msgspec.to_builtins(entry), "part": _part_of(int(entry.id))}
        async with translated_cosmos_errors(f"writing audit entry {entry.id}"):
            try:
                await self._container.create_item(item)
            except exceptions.CosmosResourceExistsError:
                return False
        return True

    async def get(self, number: int) -> Mapping[str, Any] | None:
        """The document of an entry."""
        async with translated_cosmos_errors(f"reading audit entry {number}"):
            try:
                found = await self._container.read_item(entry_id(number), partition_key=_part_of(number))
            except exceptions.CosmosResourceNotFoundError:
                return None
        return _document(found)

    async def last(self) -> Mapping[str, Any] | None:
        """The document with the greatest id."""
        return await self._first_of(_name(await self._last_part()), "DESC")

    async def forwards(self) -> AsyncIterator[list[Mapping[str, Any]]]:
        """Every document in the order of its id."""
        for part in range(await self._last_part() + 1):
            async for page in self._pages(_name(part), "ASC"):
                yield page

    async def backwards(
        self, before: int | None = None, phases: Collection[EntryPhase] = ()
    ) -> AsyncIterator[list[Mapping[str, Any]]]:
        """Every document, or those before a number or of some phases, the latest first."""
        last = await self._last_part() if before is None else (before - 1) // PART
        for part in reversed(range(last + 1)):
            async for page in self._pages(_name(part), "DESC", before=before, phases=phases):
                yield page

    async def _last_part(self) -> int:
        """The last part that has entries: ever wider steps up from a known one, then between the last two."""
        known = self._known_part
        low, step = known if known and await self._first_of(_name(known), "ASC") else 0, 1
        while await self._first_of(_name(low + step), "ASC"):
            low, step = low + step, step * 2
        high = low + step
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if await self._first_of(_name(middle), "ASC") else (low, middle)
        self._known_part = low
        return low

    async def _first_of(self, part: str, order: str) -> Mapping[str, Any] | None:
        async with aclosing(self._pages(part, order, most=1)) as pages:
            async for page in pages:
                return page[0] if page else None
        return None

    async def _pages(
        self,
        part: str,
        order: str,
        most: int = _PAGE,
        before: int | None = None,
        phases: Collection[EntryPhase] = (),
    ) -> AsyncGenerator[list[Mapping[str, Any]]]:
        where, given = "c.part = @part", {"@part": part}
        if before is not None:
            where, given = f"{where} AND c.id < @before", {**given, "@before": entry_id(before)}
        if phases:
            texts = {f"@phase{number}": text_of_phase(each) for number, each in enumerate(phases)}
            any_of = " OR ".join(f"CONTAINS(c.text, {name})" for name in texts)
            where, given = f"{where} AND ({any_of})", given | texts
        pages = self._container.query_items(
            f"SELECT * FROM c WHERE {where} ORDER BY c.id {order}",  # noqa: S608 names of ours, ASC or DESC
            parameters=[{"name": name, "value": value} for name, value in given.items()],
            partition_key=part,
            max_item_count=most,
        ).by_page()
        while True:
            async with translated_cosmos_errors("reading the audit log"):
                page = await anext(pages, None)
                if page is None:
                    return
                items = [_document(item) async for item in page]
            yield items


def _part_of(number: int) -> str:
    return _name(number // PART)


def _name(part: int) -> str:
    return f"{part:08}"


def _document(item: Mapping[str, Any]) -> Mapping[str, Any]:
    """What somebody wrote; a part that is not the id's own stays in it, because no entry has one."""
    found = {name: value for name, value in item.items() if name not in _OF_COSMOS}
    if str(found.get("id", "")).isdecimal() and found.get("part") == _part_of(int(found["id"])):
        del found["part"]
    return found
