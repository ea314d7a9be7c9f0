"""Stores which days have to be audited: `marks/<day>`, in their own container, as the ledger never changes.

Older versions kept them in the ledger, where this one may not delete. They are read there, and one that was audited
since is remembered by its ETag in `audited/<day>`.
"""

from contextlib import suppress
from typing import Any

from azure.core import MatchConditions
from azure.core.exceptions import ResourceExistsError, ResourceModifiedError, ResourceNotFoundError
from azure.storage.blob.aio import BlobServiceClient, ContainerClient

from chargeback.adapters.azure.blob import translated_blob_errors
from chargeback.domain.errors import Superseded
from chargeback.domain.time.days import UtcDay
from chargeback.services.running.together import together

OLD = "marks/"
_MARKS = "marks/"
_AUDITED = "audited/"
_FROM_LEDGER = "ledger "
_NOTE = "note"


class BlobDayMarks:
    """Days under a folder of a container; see `services.ports.ledger.DayMarks`."""

    def __init__(self, service: BlobServiceClient, container: str, folder: str) -> None:
        self._container = service.get_container_client(container)
        self._folder = folder

    async def mark(self, day: UtcDay) -> None:
        """Remember the day."""
        async with translated_blob_errors(f"marking {day}"):
            await self._container.upload_blob(self._folder + day, b"", overwrite=True)

    async def all(self) -> dict[UtcDay, str]:
        """The marked days with the token of their latest mark."""
        async with translated_blob_errors("reading the marks"):
            found = self._container.list_blobs(name_starts_with=self._folder)
            return {UtcDay(each.name.removeprefix(self._folder)): each.etag async for each in found}

    async def unmark(self, day: UtcDay, token: str) -> None:
        """Forget a mark unless the day was marked again."""
        async with translated_blob_errors(f"unmarking {day}"):
            with suppress(ResourceModifiedError, ResourceNotFoundError):
                await self._container.delete_blob(
                    self._folder + day, etag=token, match_condition=MatchConditions.IfNotModified
                )


class BlobMarks:
    """The marks of a ledger; see `services.ports.ledger.Ledger`."""

    def __init__(self, service: BlobServiceClient, container: str, ledger: ContainerClient) -> None:
        self._days = BlobDayMarks(service, container, _MARKS)
        self._container = service.get_container_client(container)
        self._ledger = ledger

    async def mark(self, day: UtcDay) -> None:
        """Remember that the day has to be audited."""
        await self._days.mark(day)

    async def all(self) -> dict[UtcDay, str]:
        """The marked days with the token of their latest mark."""
        old, marks = await together(self._of_older_versions(), self._days.all())
        return old | marks

    async def _of_older_versions(self) -> dict[UtcDay, str]:
        async with translated_blob_errors("reading the marks"):
            old = {
                UtcDay(f.name.removeprefix(OLD)): f.etag async for f in self._ledger.list_blobs(name_starts_with=OLD)
            }
            return {day: _FROM_LEDGER + etag for day, etag in old.items() if not await self._was_audited(day, etag)}

    async def unmark(self, day: UtcDay, token: str) -> None:
        """Forget a mark unless the day was marked again."""
        if not token.startswith(_FROM_LEDGER):
            await self._days.unmark(day, token)
            return
        async with translated_blob_errors(f"unmarking {day}"):
            await self._container.upload_blob(_AUDITED + day, token.removeprefix(_FROM_LEDGER).encode(), overwrite=True)

    async def note(self, text: str, after: str | None) -> str:
        """Remember a note instead of the last one, unless another was noted."""
        condition: dict[str, Any] = {"match_condition": MatchConditions.IfMissing}
        if after is not None:
            condition = {"match_condition": MatchConditions.IfNotModified, "etag": after}
        async with translated_blob_errors("writing the note"):
            try:
                written = await self._container.get_blob_client(_NOTE).upload_blob(
                    text.encode(), overwrite=True, **condition
                )
            except (ResourceExistsError, ResourceModifiedError) as error:
                raise Superseded("another text was noted") from error
        return str(written["etag"])

    async def latest_note(self) -> tuple[str, str | None]:
        """The note that was left last; empty where none was."""
        async with translated_blob_errors("reading the note"):
            return await self._text(_NOTE)

    async def _was_audited(self, day: UtcDay, etag: str) -> bool:
        return (await self._text(_AUDITED + day))[0] == etag

    async def _text(self, name: str) -> tuple[str, str | None]:
        try:
            stream = await self._container.get_blob_client(name).download_blob()
        except ResourceNotFoundError:
            return "", None
        return (await stream.readall()).decode(), stream.properties.etag
