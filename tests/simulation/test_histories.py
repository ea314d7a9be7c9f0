"""A few histories of calls; `python -m tests.simulation.histories` lives as many as there is time for."""

from typing import Any

import pytest

from tests.simulation.histories import History, HistoryFailed, live
from tests.simulation.lives import run_alone


@pytest.mark.parametrize("seed", [3, 19])
def test_whatever_comes_late_or_is_lost_every_call_is_billed_once_to_whoever_made_it(seed: int) -> None:
    live(seed)


def test_the_oracle_sees_a_call_that_somebody_else_pays() -> None:
    history = History(2, calls=3)
    right = history.expected()
    history.expected = lambda: _paid_by("mallory", right)  # type: ignore[method-assign]

    with pytest.raises(AssertionError, match="mallory"):
        run_alone(history.live())


def _paid_by(user: str, sums: Any) -> Any:
    return type(sums)({(day, subscription, user, meter): n for (day, subscription, _, meter), n in sums.items()})


def test_a_history_that_fails_says_how_to_live_it_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async def wrong(_: History) -> None:
        raise AssertionError("the books are wrong")

    monkeypatch.setattr(History, "live", wrong)

    with pytest.raises(HistoryFailed, match=r"python -m tests\.simulation\.histories --seed 7 --calls 12"):
        live(7)
