"""Answers questions about costs: looks at the version of the figures first, and reads them only where they are new."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastapi import Request, Response

from chargeback.api.conventions.answering import already_known, rows_answer
from chargeback.api.conventions.formats import AnswerTable, MediaType, media_type_of
from chargeback.api.conventions.pages import PageAsked, next_link
from chargeback.api.costs.rows import cost_table, moment_text, span_texts
from chargeback.api.errors import ApiError
from chargeback.domain.access.requester import RowScope
from chargeback.domain.costs.cost_answer import CostAnswer, CostStanding
from chargeback.domain.costs.cost_query import MOST_ROWS_OF_PAGE, CostQuery, Paging
from chargeback.domain.errors import QueryRefused
from chargeback.domain.time.months import Month

if TYPE_CHECKING:
    from chargeback.bootstrap import Container


@dataclass(frozen=True, slots=True)
class Answered:
    """Some rows of an answer, and how far they can be relied on."""

    table: AnswerTable
    total: int
    standing: CostStanding
    missing: Sequence[Month]


async def answer_costs(
    container: "Container",
    request: Request,
    query: CostQuery,
    scope: RowScope,
    page: PageAsked,
    media_type: MediaType | None = None,
) -> Response:
    """The rows of a question, in the format that the request accepts unless another is named."""

    async def read(paging: Paging) -> Answered:
        found = await container.costs.answer(query, scope, paging)
        return Answered(cost_table(query, found.rows), found.total, found.standing, found.missing)

    return await answer_span(container, request, query, page, read, media_type)


async def answer_span(
    container: "Container",
    request: Request,
    query: CostQuery,
    page: PageAsked,
    read: Callable[[Paging], Awaitable[Answered]],
    media_type: MediaType | None = None,
) -> Response:
    """The rows that `read` finds in the span of a question, unless whoever asks has them already."""
    media_type = media_type or media_type_of(request)
    standing, missing = await container.costs.standing(query.first, query.last)
    page.of_version(figures_of(query, standing))
    if known := already_known(request, version_of(query, standing, missing), media_type):
        return known
    is_whole = media_type is not MediaType.JSON and not page.is_sized
    found = await read(Paging(page.offset, MOST_ROWS_OF_PAGE if is_whole else page.size))
    if is_whole and found.total > MOST_ROWS_OF_PAGE:
        message = (
            f"the file would have {found.total} rows, and {MOST_ROWS_OF_PAGE} is the most: ask for a shorter span,"
            " fewer dimensions or a filter, or for pages with maxpagesize; every row is in the files of the periods"
        )
        raise ApiError(400, "TooManyRows", message, target="groupBy")
    figures = figures_of(query, found.standing)
    page.of_version(figures)
    end = page.offset + len(found.table.rows)
    link = await next_link(request, end, figures) if end < found.total and found.table.rows else ""
    around = span_texts(query.first, query.last, found.standing, found.missing) | {"total": found.total}
    version = version_of(query, found.standing, found.missing)
    return await rows_answer(request, found.table, version, media_type, beside=around, next_link=link)


def version_of(query: CostQuery, standing: CostStanding, missing: Sequence[Month]) -> str:
    """What an answer depends on: the same version, the same answer. Without dates, a span is another one each day."""
    figures, as_of = figures_of(query, standing), moment_text(standing.as_of)
    return " ".join([figures, standing.state, str(as_of), *missing])


def figures_of(query: CostQuery, standing: CostStanding) -> str:
    """The version of the figures alone, by which pages add up: the moment until which they are true may move on."""
    return f"{standing.version} {query.first} {query.last}"


async def read_together(
    container: "Container", scope: RowScope, *questions: tuple[CostQuery, Paging]
) -> list[CostAnswer]:
    """The answers to several questions about one span, all from the same figures."""
    for _ in range(3):
        found = [await container.costs.answer(query, scope, paging) for query, paging in questions]
        if len({each.standing.version for each in found}) == 1:
            return found
    raise QueryRefused("the figures changed while they were read: ask again in a moment")
