"""Reads the exports of Azure Cost Management, from Blob storage or from a folder of this machine.

`<path>/<export>/<YYYYMMDD-YYYYMMDD>/[<YYYYMMDDHHMM>/]<run id>/` has the partitions of one run, each with a header, and
`manifest.json`, which is written last:
learn.microsoft.com/azure/cost-management-billing/costs/tutorial-improved-exports
"""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

import msgspec
from azure.storage.blob.aio import BlobServiceClient

from chargeback.adapters.azure.blob import translated_blob_errors
from chargeback.domain.errors import ChargebackError
from chargeback.domain.invoice.cost_exports import ExportRun

_MANIFEST = "manifest.json"
_DATA = (".csv", ".csv.gz", ".parquet")
_RANGE = re.compile(r"(?:^|/)(\d{4})(\d\d)(\d\d)-(\d{4})(\d\d)(\d\d)(?:/|$)")
PIECE_BYTES = 4 * 1024 * 1024


class _Config(msgspec.Struct, rename="camel"):
    type: str = ""


class _Run(msgspec.Struct, rename="camel"):
    submitted_time: str = ""
    start_date: str = ""
    end_date: str = ""


class _Blob(msgspec.Struct, rename="camel"):
    blob_name: str
    byte_count: int | None = None


class _Manifest(msgspec.Struct, rename="camel"):
    blobs: list[_Blob]
    export_config: _Config = msgspec.field(default_factory=_Config)
    run_info: _Run = msgspec.field(default_factory=_Run)


class BlobCostExports:
    """The exports in a container; see `services.ports.reports.Invoices`."""

    def __init__(self, service: BlobServiceClient, container: str) -> None:
        self._container = service.get_container_client(container)
        self.place = container

    async def runs(self, prefix: str) -> list[ExportRun]:
        """Every run of a FOCUS export below a folder."""
        async with translated_blob_errors(f"listing {self.place}/{prefix}"):
            found = {
                blob.name: blob.size
                async for blob in self._container.list_blobs(name_starts_with=prefix)
                if _is_within(blob.name, prefix)
            }
        manifests = {name: await self._content(name) for name in found if PurePosixPath(name).name == _MANIFEST}
        return list(_runs(found, manifests))

    async def read(self, name: str) -> AsyncIterator[bytes]:
        """A partition, piece by piece."""
        async with translated_blob_errors(f"reading {self.place}/{name}"):
            stream = await self._container.get_blob_client(name).download_blob()
            async for chunk in stream.chunks():
                yield chunk

    async def _content(self, name: str) -> bytes:
        return b"".join([piece async for piece in self.read(name)])


class LocalCostExports:
    """A folder with runs as they were downloaded, or single files that are one run; see `Invoices`."""

    def __init__(self, paths: list[Path]) -> None:
        self._paths = paths
        self.place = ", ".join(map(str, paths))

    async def runs(self, prefix: str) -> list[ExportRun]:  # noqa: ARG002 a folder is named whole
        """The runs of the folder; single files are one run together."""
        folders = [path for path in self._paths if path.is_dir()]
        if not folders:
            return [ExportRun(self.place, "", "", None, tuple(map(str, self._paths)))]
        return await asyncio.to_thread(_local_runs, folders)

    async def read(self, name: str) -> AsyncIterator[bytes]:
        """A partition, piece by piece."""
        try:
            file = await asyncio.to_thread(Path(name).open, "rb")
            with file:
                while piece := await asyncio.to_thread(file.read, PIECE_BYTES):
                    yield piece
        except OSError as error:
            raise ChargebackError(f"{name}: {error.strerror}") from error


def _local_runs(folders: list[Path]) -> list[ExportRun]:
    files = [file for folder in folders for file in sorted(folder.rglob("*")) if file.is_file()]
    manifests = {file.as_posix(): file.read_bytes() for file in files if file.name == _MANIFEST}
    return list(_runs({file.as_posix(): file.stat().st_size for file in files}, manifests))


def _is_within(name: str, prefix: str) -> bool:
    """Whether a path is in a folder, by whole components: `focus` does not contain `focus-old`."""
    return not prefix or name == prefix or name.startswith(prefix.rstrip("/") + "/")


def _runs(found: Mapping[str, int], manifests: Mapping[str, bytes]) -> Iterator[ExportRun]:
    """The runs among these files (name → bytes); data without a manifest is a run that is still being written."""
    listed = {str(PurePosixPath(name).parent) for name in manifests}
    for name, content in sorted(manifests.items()):
        run = _run(name, content, found)
        if run is not None:
            yield run
    folders = {str(PurePosixPath(name).parent) for name in found if name.endswith(_DATA)} - listed
    for folder in sorted(folders):
        yield ExportRun(folder, *_range(folder), None, (), (f"{folder}: has no {_MANIFEST} yet",))


def _run(name: str, content: bytes, found: Mapping[str, int]) -> ExportRun | None:
    """The run of a manifest; None if it is of another dataset, such as a price sheet."""
    folder = str(PurePosixPath(name).parent)
    try:
        manifest = msgspec.json.decode(content, type=_Manifest)
        submitted = _moment(manifest.run_info.submitted_time)
        first, last = (_moment(text) for text in (manifest.run_info.start_date, manifest.run_info.end_date))
    except (msgspec.DecodeError, ValueError) as error:
        return ExportRun(folder, *_range(folder), None, (), (f"{name}: {error}",))
    if manifest.export_config.type and not manifest.export_config.type.casefold().startswith("focus"):
        return None
    days = (f"{first:%Y-%m-%d}", f"{last:%Y-%m-%d}") if first and last else _range(folder)
    files, faults = list[str](), list[str]()
    for blob in manifest.blobs:
        file = _place(blob.blob_name, folder, found)
        files.append(file)
        if file not in found:
            faults.append(f"{file}: is named by {name} but missing")
        elif blob.byte_count is not None and file.endswith(".csv") and found[file] != blob.byte_count:
            faults.append(f"{file}: has {found[file]} bytes, {name} says {blob.byte_count}")
    return ExportRun(folder, *days, submitted, tuple(files), tuple(faults))


def _place(blob_name: str, folder: str, found: Mapping[str, int]) -> str:
    """Where a partition is: manifests name it from the container's root, which a downloaded folder does not have."""
    return blob_name if blob_name in found else f"{folder}/{PurePosixPath(blob_name.strip()).name}"


def _range(folder: str) -> tuple[str, str]:
    match = _RANGE.search(folder)
    if match is None:
        return "", ""
    parts = match.groups()
    return "-".join(parts[:3]), "-".join(parts[3:])


def _moment(text: str) -> datetime | None:
    """A time of the manifest, in UTC also where it does not say so."""
    if not text:
        return None
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
