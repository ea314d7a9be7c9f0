"""The timer that closes: journals are made and people are told, even if a month cannot be filed or closed."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from chargeback.bootstrap import Container
from chargeback.domain.errors import ClosingRefused, InconsistentFile, SomeFailed
from chargeback.functions import close_periods

REFUSED = ClosingRefused("2026-04", ["unsettled"])


@pytest.mark.parametrize(
    ("failure", "steps"),
    [
        (None, ["close", "refused 1", "journals", "unposted"]),
        (SomeFailed("filing", {"2026-03": "the hub is away"}), ["close", "refused 1", "journals", "unposted"]),
        (InconsistentFile("2026-04"), ["close", "journals", "unposted"]),
    ],
)
def test_whatever_a_closing_fails_with_the_journals_of_closed_months_are_made(
    failure: Exception | None, steps: list[str]
) -> None:
    done: list[str] = []

    async def close_due(_: object, report: Any) -> list[ClosingRefused]:
        done.append("close")
        report(REFUSED)
        if failure:
            raise failure
        return [REFUSED]

    async def refused(outcomes: Any, _: object) -> None:
        done.append(f"refused {len(outcomes)}")

    async def make_due(*_: object) -> list[object]:
        done.append("journals")
        return []

    async def unposted(*_: object) -> None:
        done.append("unposted")

    container = SimpleNamespace(
        closer=SimpleNamespace(close_due=close_due),
        books_watch=SimpleNamespace(refused=refused, unposted=unposted),
        journals=SimpleNamespace(make_due=make_due),
    )
    (function,) = close_periods.blueprint(cast(Container, container))._function_builders
    timer = function._function.get_user_function()
    run = timer(cast(Any, SimpleNamespace(past_due=False)), cast(Any, SimpleNamespace(invocation_id="run-1")))
    if failure:
        with pytest.raises(type(failure)):
            asyncio.run(run)
    else:
        asyncio.run(run)

    assert done == steps
