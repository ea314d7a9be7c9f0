"""The routes of a month's files: the list, and each file in whole or in parts, with its SHA-256 as ETag."""

import re
from collections.abc import AsyncIterator
from hashlib import sha256
from typing import TYPE_CHECKING

import msgspec
from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from chargeback.api.conventions.answering import tagged_answer
from chargeback.api.conventions.documents import Responses, answers
from chargeback.api.conventions.entity_tags import VARY, unchanged
from chargeback.api.conventions.people_routes import people_routes
from chargeback.api.errors import ApiError, not_found
from chargeback.api.people import Asking, require
from chargeback.api.periods.months import month_in_path
from chargeback.domain.access.permissions import Permission
from chargeback.domain.reports.layout import name_of, period_folder
from chargeback.domain.reports.manifest import PublishedFile
from chargeback.services.ports.reports import OpenReport
from chargeback.services.publishing.files import content_type_of

if TYPE_CHECKING:
    from chargeback.bootstrap import Container

_PIECE_BYTES = 1024 * 1024
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


class FileAnswer(msgspec.Struct, frozen=True):
    """A file: `name` is its path below the month's files.

    Attributes:
        rows: 0 where nobody counted them.
        sha256: empty for what no manifest names: journals, accruals, plans and comparisons with the invoice; the `ETag`
            of such a file says it.
    """

    name: str
    bytes: int
    rows: int
    sha256: str


class FileAnswers(msgspec.Struct, frozen=True):
    """The files of a month that you may have; `final`: they stay as they are for ever."""

    period: str
    final: bool
    value: tuple[FileAnswer, ...]


_FILE: Responses = {
    200: {"description": "The file.", "content": {"application/octet-stream": {"schema": {"type": "string"}}}},
    206: {"description": "The bytes that `Range` asks for."},
    304: {"description": "You have it: If-None-Match names its SHA-256."},
    416: {"description": "The file is shorter than that."},
}


def router(container: "Container") -> APIRouter:
    """The files of months."""
    routes = people_routes("periods")

    @routes.get(
        "/periods/{period}/files", operation_id="listFiles", responses=answers(FileAnswers), summary="List files"
    )
    async def listed(request: Request, who: Asking, period: str) -> Response:
        """The files of a month: all, with journals, plans and reconciliations, or your cost centres' statements."""
        require(who, Permission.DOWNLOAD_FILES)
        name = month_in_path(period)
        found = await container.files_for_people.of(who, name)
        if not found.files:
            raise not_found()
        start = period_folder(name)
        named = [each.file for each in found.files]
        files = [FileAnswer(each.path.removeprefix(start), each.bytes, each.rows, each.sha256) for each in named]
        content = FileAnswers(name, found.is_final, tuple(files))
        return tagged_answer(request, content)

    @routes.get(
        "/periods/{period}/files/{name:path}",
        operation_id="downloadFile",
        responses={**{code: each for code, each in answers(FileAnswers).items() if code != 200}, **_FILE},
        summary="Download a file",
    )
    async def download(request: Request, who: Asking, period: str, name: str) -> Response:
        """A file as it was published, in whole or the bytes that `Range` asks for. Its ETag is its SHA-256."""
        require(who, Permission.DOWNLOAD_FILES)
        of = month_in_path(period)
        found = await container.files_for_people.of(who, of)
        # Only what is listed is a file: no path leads anywhere else.
        start = period_folder(of)
        wanted = next((each for each in found.files if each.file.path.removeprefix(start) == name), None)
        if wanted is None:
            raise not_found()
        report = await wanted.reports.open(wanted.file.path)
        digest = wanted.file.sha256 or await _digest(report)
        file = msgspec.structs.replace(wanted.file, sha256=digest)
        return await _answer(request, file, report, is_final=wanted.is_final)

    return routes


async def _answer(request: Request, file: PublishedFile, report: OpenReport, *, is_final: bool) -> Response:
    tag = f'"{file.sha256}"'
    if same := unchanged(request, tag):
        return same
    headers = {
        "ETag": tag,
        **VARY,
        "Accept-Ranges": "bytes",
        "Content-Disposition": f'attachment; filename="{name_of(file.path)}"',
        "x-chargeback-final": str(is_final).lower(),
        # A statement is a page of its own: it may not do anything in the name of whoever opens it here.
        "Content-Security-Policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:",
    }
    if report.size != file.bytes:
        raise ApiError(409, "FileChanged", "the file is being published again: ask again in a moment")
    first, end, status = _part(request, tag, report.size)
    headers["Content-Length"] = str(end - first)
    if status == 206:
        headers["Content-Range"] = f"bytes {first}-{end - 1}/{report.size}"
    return StreamingResponse(_pieces(report, first, end), status, headers, content_type_of(file.path))


def _part(request: Request, tag: str, size: int) -> tuple[int, int, int]:
    """First byte, end and status. One range is given; several, or what is no range, give the whole (RFC 9110, 14.2)."""
    found = _RANGE.fullmatch(request.headers.get("range", "").replace(" ", ""))
    fresh = request.headers.get("if-range", tag) == tag
    if not found or not fresh or not (found[1] or found[2]):
        return 0, size, 200
    if not found[1]:
        first, end = max(size - int(found[2]), 0), size
        if not int(found[2]):
            first = size
    else:
        first, end = int(found[1]), min(int(found[2]) + 1, size) if found[2] else size
        if found[2] and int(found[2]) < first:
            return 0, size, 200
    if first >= size:
        message = f"the file has {size} bytes"
        raise ApiError(416, "RangeNotSatisfiable", message, headers={"Content-Range": f"bytes */{size}"})
    return first, end, 206


async def _digest(report: OpenReport) -> str:
    found = sha256()
    async for piece in _pieces(report, 0, report.size):
        found.update(piece)
    return found.hexdigest()


async def _pieces(report: OpenReport, first: int, end: int) -> AsyncIterator[bytes]:
    while first < end:
        after = min(first + _PIECE_BYTES, end)
        yield await report.read(first, after)
        first = after
