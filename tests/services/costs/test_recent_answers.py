"""An answer is kept for whoever asks the same of the same files, and for nobody else."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from chargeback.domain.access.requester import RowScope
from chargeback.domain.costs.cost_query import CostQuery, Paging
from chargeback.domain.costs.dimension import Dimension
from chargeback.services.costs.ask_views import DEFAULT_LIMITS, Asking
from chargeback.services.costs.known_views import KnownViews
from chargeback.services.costs.read_costs import CostReader
from chargeback.services.costs.recent_answers import RecentAnswers, question_of
from chargeback.services.costs.view_files import ViewFiles
from chargeback.services.costs.view_pointers import ViewPointers
from chargeback.services.duck.engine import Engine
from tests.support.builders import usage_event
from tests.support.closing_march import march
from tests.support.closing_product import ClosingProduct, published_for_real
from tests.support.cost_views import EVERYTHING, YEAR, ViewedProduct

pytestmark = pytest.mark.anyio

LATE_MARCH = datetime(2026, 3, 31, 12, tzinfo=UTC)
BY_CENTRE = replace(YEAR, group_by=(Dimension.COST_CENTRE,))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The statements that the database was asked."""
    found: list[str] = []
    whole = Engine.ask

    def ask(engine: Engine, name: str, *given: Any, **words: Any) -> Any:
        found.append(name)
        return whole(engine, name, *given, **words)

    monkeypatch.setattr(Engine, "ask", ask)
    return found


async def test_the_same_question_is_answered_without_the_database(viewed: ViewedProduct, asked: list[str]) -> None:
    first = await viewed.ask(BY_CENTRE)
    again = await viewed.ask(BY_CENTRE)

    assert again == first
    assert first.rows
    assert asked == ["answer"]


@pytest.mark.parametrize(
    "other",
    [
        (YEAR, EVERYTHING),
        (replace(BY_CENTRE, levels=1), EVERYTHING),
        (replace(BY_CENTRE, filters={Dimension.MODEL: ("none",)}), EVERYTHING),
        (BY_CENTRE, RowScope(cost_centres=("product",))),
        (BY_CENTRE, RowScope(cost_centres=("research",))),
        (BY_CENTRE, EVERYTHING, Paging(0, 1)),
        (BY_CENTRE, EVERYTHING, Paging(1, 1)),
    ],
)
async def test_another_question_reader_or_page_has_an_answer_of_its_own(
    viewed: ViewedProduct, asked: list[str], other: tuple[CostQuery, RowScope]
) -> None:
    fresh = viewed.another_reader()
    expected = await fresh.answer(*other)
    fresh.close()
    for each in ("product", "research"):
        await viewed.ask(BY_CENTRE, RowScope(cost_centres=(each,)))
    await viewed.ask(BY_CENTRE)

    assert await viewed.reader.answer(*other) == expected


@pytest.mark.usefixtures("folders_in_memory")
async def test_books_that_change_have_another_answer() -> None:
    product = await march(published_for_real(ClosingProduct()))
    await product.poster.post(LATE_MARCH)
    keeper = ViewedProduct(product).keeper
    await keeper.refresh(LATE_MARCH)
    looks_each_time = KnownViews(ViewPointers(product.control), seconds=0)
    reader = CostReader(looks_each_time, Asking(ViewFiles(product.settled_files), DEFAULT_LIMITS))
    before = await reader.answer(YEAR, EVERYTHING)
    await product.ingest([usage_event(id="one-more", time="2026-03-31T11:00:00Z")], LATE_MARCH)
    await product.poster.post(LATE_MARCH)

    await keeper.refresh(LATE_MARCH)

    (row,), (row_before,) = (await reader.answer(YEAR, EVERYTHING)).rows, before.rows
    assert row.requests == row_before.requests + 1
    reader.close()


def rows(count: int) -> list[dict[str, Any]]:
    return [{"cost": Decimal(number)} for number in range(count)]


def test_those_asked_for_longest_ago_go_first() -> None:
    kept = RecentAnswers(most_rows=10, most_of_one=5)
    questions = [question_of(number) for number in range(4)]
    for each in questions[:3]:
        kept.keep(each, rows(2))
    assert kept.find(questions[0]) == rows(2)

    kept.keep(questions[3], rows(2))

    assert [kept.find(each) is None for each in questions] == [False, True, False, False]


def test_an_answer_with_too_many_rows_and_one_without_any() -> None:
    kept = RecentAnswers(most_rows=10, most_of_one=5)
    kept.keep(question_of("long"), rows(6))
    for number in range(12):
        kept.keep(question_of(number), [])

    assert kept.find(question_of("long")) is None
    assert [kept.find(question_of(number)) for number in range(12)] == [None] * 2 + [[]] * 10


def test_an_answer_that_is_kept_twice_counts_once() -> None:
    kept = RecentAnswers(most_rows=10, most_of_one=5)
    for _ in range(5):
        kept.keep(question_of("same"), rows(4))
    kept.keep(question_of("other"), rows(4))

    assert kept.find(question_of("same")) == rows(4)
    kept.clear()
    assert kept.find(question_of("same")) is None
