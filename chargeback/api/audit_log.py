"""GET /api/v1/audit-log: who changed what, and who read the data of others, for auditors and admins."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import msgspec
from fastapi import APIRouter, Path, Query, Request, Response

from chargeback.api.audit_table import audit_table
from chargeback.api.conventions.answering import json_answer
from chargeback.api.conventions.documents import Responses, answers
from chargeback.api.conventions.formats import MediaType, as_csv, media_type_of
from chargeback.api.conventions.pages import Paged, next_link
from chargeback.api.conventions.people_routes import people_routes
from chargeback.api.errors import ApiError, not_found
from chargeback.api.people import Asking, require
from chargeback.bootstrap import Container
from chargeback.domain.access.permissions import Permission
from chargeback.domain.audit_log.entry import AuditEntry
from chargeback.domain.audit_log.entry_filter import EntryFilter

_LOOKS_BACK = timedelta(days=30)
_MOST_READ = 50_000
"""Entries that one request looks at; the rest comes with the next page."""

_LONGEST = 9
"""Digits of the number of an entry."""

_CSV = "text/csv; charset=utf-8; header=present"


class AuditEntryAnswer(AuditEntry, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """An entry, and how it hangs together with those beside it.

    Attributes:
        hash: SHA-256 of the entry as it is kept.
        whole: the entry has that hash, names that of the entry before, and is named by the one after; `audit-log
            verify` compares all with what is kept elsewhere.
    """

    hash: str
    whole: bool


class AuditLogPage(msgspec.Struct, rename="camel", frozen=True, kw_only=True):
    """Entries of the audit log, the latest first."""

    value: list[AuditEntry]
    next_link: str | msgspec.UnsetType = msgspec.UNSET


Since = Annotated[
    str | None, Query(description="A day or a time in UTC, such as `2026-03-14T06:00:00Z`. Default: 30 days ago.")
]
EntryNumber = Annotated[str, Path(description="Its number, such as `17`.")]
ActorPart = Annotated[str | None, Query(max_length=300, description="A part of an actor's id or name. Default: all.")]
ActStart = Annotated[
    str | None, Query(max_length=300, description="How an act begins, such as `period` or `getCost`. Default: all.")
]
TargetPart = Annotated[
    str | None, Query(max_length=300, description="A part of a target, such as `2026-03`. Default: all.")
]
WithReads = Annotated[bool, Query(description="Whether reads of the data of others are listed, too.")]


def _listed() -> Responses:
    found = answers(AuditLogPage, errors=(406,))
    found[200]["content"][MediaType.CSV] = {"schema": {"type": "string"}}
    return found


_LISTED = _listed()


def router(container: Container) -> APIRouter:
    """The audit log."""
    routes = people_routes("audit log")

    @routes.get("/audit-log", operation_id="listAuditEntries", responses=_LISTED, summary="List audit entries")
    async def listed(
        request: Request,
        who: Asking,
        page: Paged,
        since: Since = None,
        actor: ActorPart = None,
        act: ActStart = None,
        target: TargetPart = None,
        reads: WithReads = True,
    ) -> Response:
        """What people and timers did and read, as it is kept; as CSV a line for each act and each read."""
        from chargeback.services.audit_log.entries import entries_since

        require(who, Permission.READ_AUDIT_LOG)
        media_type = media_type_of(request, (MediaType.JSON, MediaType.CSV))
        is_file = media_type is MediaType.CSV
        size = _MOST_READ if is_file and not page.is_sized else page.size
        start, before = _moment(since), page.offset or None
        asked = EntryFilter(actor, act, target, reads)
        found: list[AuditEntry] = []
        looked, last = 0, 0
        async for entry in entries_since(container.audit_entries, start, before, with_reads=reads):
            looked, last = looked + 1, entry.number
            if asked.lets(entry):
                found.append(entry)
            if len(found) == size or looked == _MOST_READ:
                break
        is_more = last > 1 and (len(found) == size or looked == _MOST_READ)
        link = await next_link(request, last) if is_more else msgspec.UNSET
        if is_file:
            headers = {"Link": f'<{link}>; rel="next"'} if is_more else {}
            table = audit_table(found, asked)
            return Response(as_csv(table), 200, {"Cache-Control": "no-store", **headers}, _CSV)
        return json_answer(AuditLogPage(value=found, next_link=link))

    @routes.get(
        "/audit-log/{number}",
        operation_id="getAuditEntry",
        responses=answers(AuditEntryAnswer),
        summary="Read an audit entry",
    )
    async def read(who: Asking, number: EntryNumber) -> Response:
        """One entry, as it is kept, and whether it hangs together with those beside it."""
        from chargeback.services.audit_log.entries import linked_entry

        require(who, Permission.READ_AUDIT_LOG)
        # Python refuses to read thousands of digits as a number.
        if not (number.isascii() and number.isdigit() and len(number) <= _LONGEST and int(number)):
            raise not_found()
        found = await linked_entry(container.audit_entries, int(number))
        if found is None:
            raise not_found()
        fields = {name: getattr(found.entry, name) for name in AuditEntry.__struct_fields__}
        return json_answer(AuditEntryAnswer(**fields, hash=found.hash, whole=found.is_whole))

    return routes


def _moment(since: str | None) -> datetime:
    if since is None:
        return datetime.now(UTC) - _LOOKS_BACK
    try:
        moment = datetime.fromisoformat(since)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        message = "this is neither a day nor a time such as 2026-03-14T06:00:00Z"
        raise ApiError(400, "InvalidParameter", message, target="since") from None
