"""The audit log: who changed what and who read the data of others, by filters, and each entry with its proof."""

import re
from collections.abc import AsyncIterator
from urllib.parse import parse_qs, urlsplit

import msgspec
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute

from chargeback.api.audit_log import AuditEntryAnswer, AuditLogPage
from chargeback.domain.audit_log.acts import Act
from chargeback.domain.audit_log.entry_filter import EntryFilter
from chargeback.web.api_client import ApiAnswer, ApiRefused
from chargeback.web.log_tabs import reads_log, tabs
from chargeback.web.log_words import act_words, differences, lines_of
from chargeback.web.pages.repairs import set_aside_page
from chargeback.web.parts import part
from chargeback.web.sections import LOG_SECTION
from chargeback.web.visits import Page, Pages, Visit

LINES = 50
_CSV = "text/csv"
_LATER = re.compile(r'<([^>]*)>; *rel="next"')
_FILTERS = ("since", "actor", "act", "target", "reads")


def routes(site: Pages) -> list[BaseRoute]:
    """The list, the same as a file, and one entry."""
    return [
        site.page(LOG_SECTION.path, LOG_SECTION, _listed),
        site.page(f"{LOG_SECTION.path}/entries.csv", LOG_SECTION, _file),
        site.page(f"{LOG_SECTION.path}/{{number}}", LOG_SECTION, _one),
    ]


async def _listed(visit: Visit) -> Page | Response:
    if not reads_log(visit.who):
        return await set_aside_page(visit)
    filters = _filters(visit)
    cursor = visit.request.query_params.get("cursor", "")
    # A cursor has the filters of the first page in it.
    asked = {"cursor": cursor} if cursor else {**_asked(filters), "maxpagesize": str(LINES)}
    found = await part(visit.api.ask("/audit-log", AuditLogPage, asked))
    if found.value is None and found.error is not None and found.error.target not in ("since", "cursor"):
        raise ApiRefused(503, found.error, found.request_id)
    values = {
        "found": found,
        "lines": lines_of(found.value.value, _entry_filter(filters)) if found.value else [],
        "filters": filters,
        "acts": [(each.value, act_words(each)) for each in Act],
        "next": _cursor(found.value),
        "is_first": not cursor,
        "who": visit.who,
        "tab": "log",
        **tabs(visit.who),
    }
    return Page("log.html.j2", "Log", values, 400 if found.error else 200)


def _filters(visit: Visit) -> dict[str, str]:
    given = visit.request.query_params
    return {name: given.get(name, "").strip()[:300] for name in _FILTERS}


def _asked(filters: dict[str, str]) -> dict[str, str]:
    """The filters as the API has them: without a tick, reads are left out."""
    return {**filters, "reads": "true" if filters["reads"] else "false"}


def _entry_filter(filters: dict[str, str]) -> EntryFilter:
    actor, act, target = (filters[name] or None for name in ("actor", "act", "target"))
    return EntryFilter(actor, act, target, bool(filters["reads"]))


def _cursor(page: AuditLogPage | None) -> str:
    """What the link to the next page has; empty on the last one."""
    if page is None or isinstance(page.next_link, msgspec.UnsetType):
        return ""
    return _cursor_in(page.next_link)


def _cursor_in(address: str) -> str:
    return parse_qs(urlsplit(address).query)["cursor"][0]


async def _file(visit: Visit) -> Response:
    """Every entry: the API gives so many at once, and where it goes on."""
    first = await visit.api.read("/audit-log", _asked(_filters(visit)), _CSV)
    headers = {"Content-Disposition": 'attachment; filename="audit-log.csv"', "Cache-Control": "no-store"}
    return StreamingResponse(_whole(visit, first), 200, headers, first.headers["content-type"])


async def _whole(visit: Visit, answer: ApiAnswer) -> AsyncIterator[bytes]:
    yield answer.body
    while found := _LATER.search(answer.headers.get("link", "")):
        answer = await visit.api.read("/audit-log", {"cursor": _cursor_in(found[1])}, _CSV)
        yield answer.body.partition(b"\n")[2]  # the names of the columns stand in the file already


async def _one(visit: Visit) -> Page:
    number = visit.request.path_params["number"]
    entry = await visit.api.ask(f"/audit-log/{number}", AuditEntryAnswer)
    values = {
        "entry": entry,
        "lines": lines_of([entry], EntryFilter()),
        "differences": differences(entry.before, entry.after),
        "tab": "log",
        **tabs(visit.who),
    }
    return Page("log_entry.html.j2", f"Entry {entry.number}", values)
