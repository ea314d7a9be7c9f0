"""Stores the files of settled days and months as block blobs, each replaced at once and on condition of its ETag."""

from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any

from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.storage.blob import ContentSettings
from azure.storage.blob.aio import BlobClient, BlobServiceClient

from chargeback.adapters.azure.blob import translated_blob_errors
from chargeback.domain.errors import Superseded

_SETTINGS = ContentSettings(content_type="application/vnd.apache.parquet")
_WRITTEN_MEANWHILE = ("BlobAlreadyExists", "ConditionNotMet", "InvalidBlockList")
"""The last: another run committed the same blob, which drops the blocks that are not committed yet."""


class BlobSettledFiles:
    """Writes and reads the files; see `services.ports.settled.SettledFiles`."""

    def __init__(self, service: BlobServiceClient, container: str) -> None:
        self._container = service.get_container_client(container)

    async def tokens(self, prefix: str) -> dict[str, str]:
        """The ETags of the files below a prefix."""
        async with translated_blob_errors(f"listing {prefix}"):
            return {each.name: _token(each.etag) async for each in self._container.list_blobs(name_starts_with=prefix)}

    async def token(self, path: str) -> str | None:
        """The ETag of a file."""
        async with translated_blob_errors(f"looking at {path}"):
            try:
                found = await self._container.get_blob_client(path).get_blob_properties()
            except ResourceNotFoundError:
                return None
        return _token(found.etag)

    async def fetch(self, path: str, to: Path) -> bool:
        """Copy a file into a local one, piece by piece; all pieces are of one version, or it fails."""
        async with translated_blob_errors(f"reading {path}"):
            try:
                stream = await self._container.get_blob_client(path).download_blob()
            except ResourceNotFoundError:
                return False
            with to.open("wb") as local:
                async for piece in stream.chunks():
                    local.write(piece)
        return True

    async def put(self, path: str, file: Path, after: str | None) -> str:
        """Set a file unless another run set it first."""
        blob = self._container.get_blob_client(path)
        condition: dict[str, Any] = (
            {"match_condition": MatchConditions.IfMissing}
            if after is None
            else {"match_condition": MatchConditions.IfNotModified, "etag": f'"{after}"'}
        )
        async with translated_blob_errors(f"writing {path}"):
            try:
                with file.open("rb") as content:
                    written = await blob.upload_blob(
                        content,
                        overwrite=True,
                        content_settings=_SETTINGS,
                        **condition,
                    )
            except HttpResponseError as error:
                if getattr(error, "error_code", "") not in _WRITTEN_MEANWHILE:
                    raise
                stored = await _token_of(blob, file)
                if stored is None:
                    raise Superseded(f"{path} was written by another run") from error
                return stored
        return _token(written["etag"])


async def _token_of(blob: BlobClient, file: Path) -> str | None:
    """The token of what is stored, if it holds the bytes of a local file."""
    try:
        stream = await blob.download_blob()
    except ResourceNotFoundError:
        return None
    stored = sha256()
    async for piece in stream.chunks():
        stored.update(piece)
    with file.open("rb") as local:
        is_same = file_digest(local, "sha256").digest() == stored.digest()
    return _token(stream.properties.etag) if is_same else None


def _token(etag: object) -> str:
    """An ETag without its quotes, which only some answers have."""
    return str(etag).strip('"')
