"""The timer that makes the figures of costs again says of how many months."""

import asyncio
import json
import logging
from types import SimpleNamespace
from typing import Any, cast

import pytest

from chargeback.bootstrap import Container
from chargeback.functions import view_costs


def test_the_timer_brings_the_views_up_to_the_books(caplog: pytest.LogCaptureFixture) -> None:
    async def refresh(_: object) -> list[str]:
        return ["2026-03", "2026-04"]

    container = SimpleNamespace(view_keeper=SimpleNamespace(refresh=refresh))
    (function,) = view_costs.blueprint(cast(Container, container))._function_builders
    timer = function._function.get_user_function()

    with caplog.at_level(logging.INFO):
        asyncio.run(timer(cast(Any, SimpleNamespace(past_due=False)), cast(Any, SimpleNamespace(invocation_id="run"))))

    (line,) = [json.loads(record.message) for record in caplog.records]
    assert (line["event"], line["months"], line["past_due"]) == ("costs_viewed", 2, False)
