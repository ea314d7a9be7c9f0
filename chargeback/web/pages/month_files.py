"""A month's files: which there are for whoever looks, and each as the API gives it."""

from starlette.responses import Response

from chargeback.api.periods.files import FileAnswers
from chargeback.domain.reports.layout import chargeback_path, charges_path, name_of
from chargeback.domain.time.months import Month
from chargeback.web.file_purposes import FileGroup, ShownFile, shown_files
from chargeback.web.visits import Visit

MOST_STATEMENTS = 100
"""How many cost centres' statements are listed at once; a filter finds the others."""


async def files_for(visit: Visit, period: Month) -> FileAnswers:
    """The files that somebody may have. Raises `ApiRefused`."""
    return await visit.api.ask(f"/periods/{period}/files", FileAnswers)


def arranged(found: FileAnswers, wanted: str = "") -> dict[str, object]:
    """The files as the page lists them; `wanted`: a part of the cost centres whose statements are shown."""
    groups = shown_files(found)
    centres: dict[str, list[ShownFile]] = {}
    for each in groups[FileGroup.STATEMENTS]:
        if wanted.casefold() in each.centre.casefold():
            centres.setdefault(each.centre, []).append(each)
    shown = dict(sorted(centres.items())[:MOST_STATEMENTS])
    return {
        "main": groups[FileGroup.MAIN],
        "invoice": groups[FileGroup.INVOICE],
        "evidence": groups[FileGroup.EVIDENCE],
        "statements": shown,
        "statements_found": len(centres),
        "has_statements": bool(groups[FileGroup.STATEMENTS]),
        "wanted": wanted,
        "final": found.final,
        "first": _first(found),
    }


def charges_of_files(found: FileAnswers) -> str:
    """The SHA-256 of the file with the exact rows; empty where it is not among them."""
    name = name_of(charges_path(Month(found.period)))
    return next((each.sha256 for each in found.value if each.name == name), "")


def _first(found: FileAnswers) -> str:
    """The name of the file that people look for first: the charges, or the only statement."""
    names = [each.name for each in found.value]
    charges = name_of(chargeback_path(Month(found.period)))
    if charges in names:
        return charges
    statements = [name for name in names if name.endswith(".html")]
    return statements[0] if len(statements) == 1 else ""


async def give_file(visit: Visit) -> Response:
    """A file, whole or in part, with the headers of the API: it is saved, and never runs as a page of this host."""
    period, name = visit.request.path_params["period"], visit.request.path_params["name"]
    return visit.api.passed_on(f"/periods/{period}/files/{name}")
