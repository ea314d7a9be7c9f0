"""The daily timer says once for each budget and anomaly what the alerts look for."""

import asyncio
import json
import logging
import subprocess
import sys
from calendar import monthrange
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from chargeback.adapters.config.catalogue import load_catalogue
from chargeback.adapters.memory.stores import MemoryCatalogues
from chargeback.bootstrap import DEPLOYED_CONFIG, Container
from chargeback.domain.budgets.budget import Budget
from chargeback.domain.deployments.models import Model, Retiring
from chargeback.domain.terms.terms import Terms
from chargeback.functions.forecast_spend import blueprint
from tests.support.budgets import monthly
from tests.support.spending import Spent, books_of, daily

TODAY = datetime.now(UTC).date()
YESTERDAY = (TODAY - timedelta(days=1)).isoformat()
SIX_WEEKS_AGO = (TODAY - timedelta(days=42)).isoformat()


def logged(
    caplog: pytest.LogCaptureFixture, spent: Sequence[Spent], *budgets: Budget, retiring: Sequence[Retiring] = ()
) -> list[str]:
    """The lines of one run of the timer."""

    async def work() -> None:
        catalogues = MemoryCatalogues(load_catalogue(DEPLOYED_CONFIG), settled_by=Terms(budgets=budgets))
        known = {"catalogues": catalogues, "books": await books_of(spent), "retiring_models": lambda _today: retiring}
        container = cast(Container, SimpleNamespace(**known))
        (function,) = blueprint(container)._function_builders
        run = function._function.get_user_function()
        await run(cast(Any, SimpleNamespace(past_due=False)), cast(Any, SimpleNamespace(invocation_id="run-1")))

    with caplog.at_level(logging.INFO, "chargeback.functions.forecast_spend"):
        asyncio.run(work())
    return caplog.messages


def fields(line: str) -> dict[str, Any]:
    """The fields of a line without the event and the ids."""
    known = json.loads(line)
    assert (known.pop("correlation_id"), known.pop("run_id")) == ("run-1", "run-1")
    known.pop("event")
    return cast(dict[str, Any], known)


def test_a_budget_that_will_be_overrun_says_so(caplog: pytest.LogCaptureFixture) -> None:
    spent = daily(SIX_WEEKS_AGO, ["100"] * 43)

    small, large, last = logged(
        caplog,
        spent,
        monthly("research", 1, 80),
        monthly("product", "10000.50", 80),
    )

    assert json.loads(small)["event"] == "forecast"
    whole_month = str(100 * monthrange(TODAY.year, TODAY.month)[1])
    assert fields(small) == {
        "month": f"{TODAY:%Y-%m}",
        "cost_centre": "research",
        "currency": "USD",
        "budget": "1",
        "spent": str(100 * TODAY.day),
        "unknown": 0,
        "expected": whole_month,
        "low": whole_month,
        "high": whole_month,
        "used_up": f"{TODAY:%Y-%m}-01",
        "overrun": True,
    }
    assert fields(large)["overrun"] is False
    assert (fields(large)["spent"], fields(large)["expected"], fields(large)["used_up"]) == ("0", None, None)
    assert fields(last) == {"budgets": 2, "anomalies": 0, "retiring": 0, "past_due": False}


def test_a_budget_that_is_spent_is_overrun_before_there_is_enough_to_forecast_from(
    caplog: pytest.LogCaptureFixture,
) -> None:
    line, _ = logged(caplog, daily(TODAY.isoformat(), ["100"]), monthly("research", 50, 80))

    assert (fields(line)["spent"], fields(line)["expected"], fields(line)["overrun"]) == ("100", None, True)


def test_a_budget_in_a_currency_that_no_rate_leads_to_has_no_number(caplog: pytest.LogCaptureFixture) -> None:
    line, _ = logged(caplog, daily(SIX_WEEKS_AGO, ["100"] * 43), monthly("research", 1, 80, currency="CHF"))

    assert (fields(line)["currency"], fields(line)["expected"], fields(line)["overrun"]) == ("USD", None, False)


def test_what_stood_out_yesterday_is_said_with_the_model_that_moved_it(caplog: pytest.LogCaptureFixture) -> None:
    spent = [*daily(SIX_WEEKS_AGO, ["100"] * 42), Spent(YESTERDAY, {4: "700"}, model="o3", user="Bob")]

    *lines, last = logged(caplog, spent)

    assert fields(last) == {"budgets": 0, "anomalies": 2, "retiring": 0, "past_due": False}
    assert {fields(line)["hour"] for line in lines} == {None, 4}
    day = next(fields(line) for line in lines if fields(line)["hour"] is None)
    assert day == {
        "date": YESTERDAY,
        "hour": None,
        "cost_centre": "research",
        "currency": "USD",
        "spent": "800",
        "usual": "100",
        "model": "o3",
        "model_change": "700",
    }
    assert not any("Bob" in line for line in lines)


def test_a_model_that_retires_is_named_with_what_replaces_it(caplog: pytest.LogCaptureFixture) -> None:
    old = Model("whisper", "001", "speech", "Legacy", TODAY + timedelta(days=30), (), (), (), {})
    new = Model("gpt-4o-mini-transcribe", "2025-12-15", "speech", "GA", TODAY + timedelta(days=600), (), (), (), {})

    line, _ = logged(caplog, [], retiring=[Retiring("sweden", "speech", old, new)])

    assert json.loads(line)["event"] == "model_retiring"
    assert fields(line) == {
        "account": "sweden",
        "deployment": "speech",
        "model": str(old),
        "retires": old.retires.isoformat(),
        "replacement": str(new),
    }


def test_the_configuration_that_is_deployed_can_be_asked_for_what_retires() -> None:
    container = Container(cast(Any, SimpleNamespace(config_dir=None)))

    assert container.retiring_models(TODAY + timedelta(days=3650))


def test_taking_events_does_not_wait_for_the_statistics_library() -> None:
    heavy = "{'statsmodels', 'numpy', 'scipy', 'pandas'}"
    code = f"import sys, chargeback.functions.forecast_spend; print(sorted({heavy} & {{*sys.modules}}))"

    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "[]\n"
