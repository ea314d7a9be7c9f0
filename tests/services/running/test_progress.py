"""A progress callback has one type with one meaning: what is done so far."""

import asyncio
from pathlib import Path

import chargeback
from chargeback.domain.terms.terms import Terms
from chargeback.services.forecasting.look_ahead import forecasts
from chargeback.services.forecasting.spend_history import read_until, viewpoint
from tests.support.spending import books_of, daily

PACKAGE = Path(chargeback.__file__).parent


def test_the_type_of_a_progress_is_declared_in_one_place() -> None:
    spelled = [
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if "Callable[[str, int], None]" in path.read_text(encoding="utf-8")
    ]

    assert spelled == ["services/running/progress.py"]


def test_a_forecast_tells_how_many_cost_centres_are_done_so_far() -> None:
    told: list[int] = []

    async def work() -> None:
        view = viewpoint("2026-03-14")
        history = await read_until(await books_of(daily("2026-03-01", [1] * 13)), view)
        into = history.into("USD", Terms(), view.period)
        await forecasts(history, view, ["research", "research", "sales"], into, lambda _, done: told.append(done))

    asyncio.run(work())

    assert told == [1, 2, 3]
