"""GET /api/v1/audit-log: who changed what, and who read the data of others, for auditors and admins."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import msgspec
from fastapi import APIRouter, Path, Query, Request, Response

from chargeback.api.conventions.answering import json_answer
from chargeback.api.conventions.documents import answers
from chargeback.api.conventions.pages import Paged, next_link
from chargeback.api.conventions.people_routes import people_routes
from chargeback.api.errors import ApiError, not_found
from chargeback.api.people import Asking, require
from chargeback.bootstrap import Container
from chargeback.domain.access.permissions import Permission
from chargeback.domain.audit_log.entry import AuditEntry, KeptEntry, entry_in

_LOOKS_BACK = timedelta(days=30)
_MOST_READ = 50_000
"""Entries that one request looks at; the rest comes with the next page."""

_LARGEST = 1_000_000_000


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


def router(container: Container) -> APIRouter:
    """The audit log."""
    routes = people_routes("audit log")

    @routes.get(
        "/audit-log", operation_id="listAuditEntries", responses=answers(AuditLogPage), summary="List audit entries"
    )
    async def listed(
        request: Request,
        who: Asking,
        page: Paged,
        since: Since = None,
        actor: ActorPart = None,
        act: ActStart = None,
        target: TargetPart = None,
    ) -> Response:
        """What people and timers did and read, as it is kept."""
        from chargeback.services.audit_log.entries import entries_since

        require(who, Permission.READ_AUDIT_LOG)
        start, before = _moment(since), page.offset or None
        found: list[AuditEntry] = []
        looked, last = 0, 0
        async for entry in entries_since(container.audit_entries, start, before):
            looked, last = looked + 1, entry.number
            if _is_asked_for(entry, actor, act, target):
                found.append(entry)
            if len(found) == page.size or looked == _MOST_READ:
                break
        is_more = last > 1 and (len(found) == page.size or looked == _MOST_READ)
        link = await next_link(request, last) if is_more else msgspec.UNSET
        return json_answer(AuditLogPage(value=found, next_link=link))

    @routes.get(
        "/audit-log/{number}",
        operation_id="getAuditEntry",
        responses=answers(AuditEntry),
        summary="Read an audit entry",
    )
    async def read(who: Asking, number: EntryNumber) -> Response:
        """One entry, as it is kept."""
        require(who, Permission.READ_AUDIT_LOG)
        if not (number.isascii() and number.isdigit() and 0 < int(number[:10]) < _LARGEST):
            raise not_found()
        document = await container.audit_entries.get(int(number[:10]))
        if document is None:
            raise not_found()
        return json_answer(entry_in(msgspec.convert(dict(document), KeptEntry)))

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


def _is_asked_for(entry: AuditEntry, actor: str | None, act: str | None, target: str | None) -> bool:
    done = [(entry.actor, entry.act, entry.target)] if entry.actor else []
    done += [(each.actor, each.act, each.target) for each in entry.reads]
    return any(
        (actor is None or actor in who.id or actor in who.name)
        and (act is None or what.startswith(act))
        and (target is None or target in whose)
        for who, what, whose in done
    )
